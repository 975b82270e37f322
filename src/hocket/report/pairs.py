"""One validation pair to look at and to listen to: pictures of the newest or best output, sound of several."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hocket.audio import Audio
from hocket.audio.writing import encode_mp3
from hocket.diagnostics import Figures
from hocket.diagnostics.wording import Gauge, gauges_of, sentences, worded
from hocket.report.examples import Pair, StepOfPair, masks_of, sound_of
from hocket.report.pictures import TrackGroup, data_uri, groups_of

LEVEL = 0.1
ENVELOPE_SECONDS = 0.02
MOST_OUTPUTS = 6
MOST_SOUND_SECONDS = 600.0
"""Of sound on one page: about 5 MB."""

FOLLOWS = 0.5


@dataclass(frozen=True)
class Sound:
    """Something to play: `role` is input, target or output; an output has the step that it was made after."""

    role: str
    label: str
    step: int | None
    source: str
    is_shown: bool = False


@dataclass(frozen=True)
class PairView:
    """All that the page shows of a pair; `shown` is the output in the pictures."""

    pair: Pair
    shown: StepOfPair
    seconds: float
    figures: Figures
    verdict: str
    gauges: list[Gauge]
    sentences: list[str]
    sounds: list[Sound]
    groups: list[TrackGroup]


def view(pair: Pair, *, best_epoch: int, most_seconds: float, faults: list[str]) -> PairView | None:
    """A pair as the page shows it; None where its sounds have vanished or there is no output yet.

    Args:
        pair: the pair.
        best_epoch: the epoch whose output the pictures show, where it is kept; the newest otherwise.
        most_seconds: how much sound may be embedded, in seconds.
        faults: gets a sentence on each file that cannot be read.
    """
    sources = {role: sound_of(pair.folder / f"{role}.flac", faults) for role in ("input", "target")}
    shown, output = _shown(pair, best_epoch, faults)
    given, wanted = sources["input"], sources["target"]
    if shown is None or output is None or given is None or wanted is None:
        return None
    length = min(sound.num_samples for sound in (given, wanted, output))
    rate = output.sample_rate
    if length < rate // 2 or {given.sample_rate, wanted.sample_rate} != {rate}:
        return None
    found = {"input": given, "output": output, "target": wanted}
    voices = {role: _level(sound.samples[0, :length]) for role, sound in found.items()}
    seconds = length / rate
    return PairView(
        pair=pair,
        shown=shown,
        seconds=seconds,
        figures=shown.figures,
        verdict=worded(shown.figures).line,
        gauges=gauges_of(shown.figures),
        sentences=[*sentences(shown.figures), *_envelopes(voices, rate)],
        sounds=_sounds(pair, shown, voices, rate, most_seconds=most_seconds),
        groups=groups_of(voices, rate, masks_of(shown.stem, faults)),
    )


def _shown(pair: Pair, best_epoch: int, faults: list[str]) -> tuple[StepOfPair | None, Audio | None]:
    """The best epoch's output, or the newest that can still be read."""
    best = [step for step in pair.steps if step.epoch == best_epoch and best_epoch]
    for step in (*best, *reversed(pair.steps)):
        sound = sound_of(step.sound, faults)
        if sound is not None:
            return step, sound
    return None, None


def _level(waveform: np.ndarray) -> np.ndarray:
    """The waveform at RMS 0.1, as all others; silence stays silence."""
    level = float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))
    return (waveform * (LEVEL / level)).astype(np.float32) if level > 1e-6 else waveform


def _envelopes(voices: Mapping[str, np.ndarray], rate: int) -> list[str]:
    """Whose loudness the output follows, heard over 20 ms."""
    curves = {role: _loudness(voice, rate) for role, voice in voices.items()}
    if any(np.std(curve) < 1e-9 for curve in curves.values()):
        return []
    own, theirs = (float(np.corrcoef(curves["output"], curves[role])[0, 1]) for role in ("input", "target"))
    if max(own, theirs) < FOLLOWS:
        whose = "neither source's closely"
    elif min(own, theirs) >= FOLLOWS and abs(own - theirs) < 0.2:
        whose = "both sources'"
    else:
        whose = "the input's" if own > theirs else "the target's"
    return [
        f"Its loudness follows {whose} (correlation of the envelopes: {own:.2f} with the input, {theirs:.2f} with the "
        "target)."
    ]


def _loudness(waveform: np.ndarray, rate: int) -> np.ndarray:
    hop = max(1, round(ENVELOPE_SECONDS * rate))
    frames = waveform[: len(waveform) // hop * hop].reshape(-1, hop)
    loudness: np.ndarray = np.sqrt(np.mean(np.square(frames, dtype=np.float64), axis=1))
    return loudness


def _sounds(
    pair: Pair, shown: StepOfPair, voices: Mapping[str, np.ndarray], rate: int, *, most_seconds: float
) -> list[Sound]:
    """Input, target, and outputs of several steps, all equally loud; the loudest peak of all is full scale."""
    length = len(voices["output"])
    steps = _chosen(pair.steps, shown, int(most_seconds / (length / rate)) - 2)
    outputs: dict[StepOfPair, np.ndarray] = {}
    for step in steps:
        sound = sound_of(step.sound)
        if sound is not None and sound.sample_rate == rate:
            outputs[step] = _level(sound.samples[0, :length])
    waveforms = [voices["input"], voices["target"], *outputs.values()]
    gain = 1.0 / max(1.0, *(float(np.abs(waveform).max()) for waveform in waveforms))

    def encoded(waveform: np.ndarray) -> str:
        return data_uri("audio/mpeg", encode_mp3(Audio((gain * waveform[None]).astype(np.float32), rate)))

    return [
        Sound("input", f"input: {pair.input_name}", None, encoded(voices["input"])),
        *(
            Sound("output", _output_label(step), step.step, encoded(waveform), step == shown)
            for step, waveform in outputs.items()
        ),
        Sound("target", f"target: {pair.target_name}", None, encoded(voices["target"])),
    ]


def _output_label(step: StepOfPair) -> str:
    epoch = f"epoch {step.epoch}, " if step.epoch else ""
    return f"output, {epoch}step {step.step}: {worded(step.figures).name}"


def _chosen(steps: Sequence[StepOfPair], shown: StepOfPair, most: int) -> list[StepOfPair]:
    """The shown output, the first, the last, and others evenly between, at most `most` and at least one."""
    most = min(max(most, 1), MOST_OUTPUTS)
    spread = np.linspace(0, len(steps) - 1, most).round().astype(int) if most > 1 else np.zeros(0, int)
    kept = {steps[place].step: steps[place] for place in spread}
    if shown.step not in kept:
        if len(kept) == most:
            inner = sorted(kept)[1:-1] or sorted(kept)[:1]
            kept.pop(min(inner, key=lambda step: abs(step - shown.step)))
        kept[shown.step] = shown
    return [kept[step] for step in sorted(kept)]
