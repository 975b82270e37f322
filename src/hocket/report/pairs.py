"""Examples to listen to and to look at: one pair of excerpts, with the output that each run made of it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hocket.audio import Audio
from hocket.audio.writing import encode_mp3
from hocket.diagnostics.wording import Gauge, Worded, gauges_of, sentences, worded
from hocket.report.examples import Pair, StepOfPair, masks_of, read_examples, sound_of
from hocket.report.judging import judged_best
from hocket.report.pictures import TrackGroup, data_uri, groups_of
from hocket.report.run import Run

LEVEL = 0.1
MOST_PAIRS = 6
"""On one page, over all runs."""


@dataclass(frozen=True)
class Output:
    """The output of one run (by its number on the page), as a sound to play and as pictures."""

    run: int
    step: StepOfPair
    verdict: Worded
    gauges: list[Gauge]
    sentences: list[str]
    sound: str
    groups: list[TrackGroup]


@dataclass(frozen=True)
class Example:
    """Two excerpts as sounds to play, and the outputs of all runs that fused them."""

    pair: Pair
    seconds: float
    sources: dict[str, str]
    outputs: list[Output]


@dataclass(frozen=True)
class _Found:
    """Waveforms `[samples]` of a pair and of one output."""

    run: int
    pair: Pair
    step: StepOfPair
    rate: int
    voices: dict[str, np.ndarray]

    @property
    def sources(self) -> str:
        """One word for both sources."""
        content = hashlib.sha256(str(self.rate).encode())
        for role in ("input", "target"):
            content.update(self.voices[role].tobytes())
        return content.hexdigest()


def examples_of(runs: Sequence[Run], faults: Sequence[list[str]]) -> list[Example]:
    """The examples to show; `faults` gets, for each run, a sentence on each file that cannot be read."""
    groups: dict[str, list[_Found]] = {}
    for number, (run, told) in enumerate(zip(runs, faults, strict=True)):
        pairs, unread = read_examples(run.path)
        told += unread
        for pair in pairs[: max(1, MOST_PAIRS // len(runs))]:
            if (found := _read(number, run, pair, told)) is not None:
                groups.setdefault(found.sources, []).append(found)
    shared_first = sorted(groups.values(), key=lambda group: -len(group))
    return [_example(group, faults) for group in shared_first]


def _read(number: int, run: Run, pair: Pair, faults: list[str]) -> _Found | None:
    """The sounds of a pair; None where they have vanished, do not match, or there is no output yet."""
    given, wanted = (sound_of(pair.folder / f"{role}.flac", faults) for role in ("input", "target"))
    step, output = _best_or_newest(run, pair, faults)
    if step is None or output is None or given is None or wanted is None:
        return None
    rate = output.sample_rate
    if {given.sample_rate, wanted.sample_rate} != {rate}:
        return None
    sounds = {"input": given, "output": output, "target": wanted}
    if min(sound.num_samples for sound in sounds.values()) < rate // 2:
        return None
    return _Found(number, pair, step, rate, {role: sound.samples[0] for role, sound in sounds.items()})


def _best_or_newest(run: Run, pair: Pair, faults: list[str]) -> tuple[StepOfPair | None, Audio | None]:
    """The best epoch's output, or the newest that can still be read."""
    row = judged_best(run)
    best = [step for step in pair.steps if row is not None and step.epoch == row.epoch > 0]
    for step in (*best, *reversed(pair.steps)):
        sound = sound_of(step.sound, faults)
        if sound is not None:
            return step, sound
    return None, None


def _example(found: Sequence[_Found], faults: Sequence[list[str]]) -> Example:
    """Cuts all sounds to one length and makes them equally loud; the loudest peak of all is full scale."""
    first, rate = found[0], found[0].rate
    length = min(len(voice) for item in found for voice in item.voices.values())
    voices = [{role: _level(voice[:length]) for role, voice in item.voices.items()} for item in found]
    peak = max(float(np.abs(voice).max()) for item in voices for voice in item.values())

    def encoded(voice: np.ndarray) -> str:
        samples = (voice[None] / max(1.0, peak)).astype(np.float32)
        return data_uri("audio/mpeg", encode_mp3(Audio(samples, rate)))

    return Example(
        pair=first.pair,
        seconds=length / rate,
        sources={role: encoded(voices[0][role]) for role in ("input", "target")},
        outputs=[
            Output(
                run=item.run,
                step=item.step,
                verdict=worded(item.step.figures),
                gauges=gauges_of(item.step.figures),
                sentences=sentences(item.step.figures),
                sound=encoded(own["output"]),
                groups=groups_of(own, rate, masks_of(item.step.stem, faults[item.run])),
            )
            for item, own in zip(found, voices, strict=True)
        ],
    )


def _level(waveform: np.ndarray) -> np.ndarray:
    """The waveform at RMS 0.1, as all others; silence stays silence."""
    level = float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))
    return (waveform * (LEVEL / level)).astype(np.float32) if level > 1e-6 else waveform
