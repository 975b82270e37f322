"""Bringing two sources together: the target to the input's tempo, beats or bars, and both to one length."""

from dataclasses import dataclass
from typing import get_args

import numpy as np

from hocket.audio import Audio
from hocket.audio.streams import Recording, Workspace, recording
from hocket.audio.views import Cut, Looped
from hocket.errors import AudioError
from hocket.fusing.music import bars_of, pulse_of
from hocket.fusing.stretching import MAX_RATIO, MIN_RATIO, require_stretching, stretched, warped
from hocket.options import Align, Fit, Length
from hocket.signal.bars import Bars
from hocket.signal.beats import MIN_SECONDS, Pulse

LEAST_RATIO, MOST_RATIO = 0.6, 1.7
# A change of ratio costs a join, so beats may be off by this much before there is one.
TOLERANCE_SECONDS = 0.008
# Up to this share of a beat, silence comes before the target rather than its first beat being cut off.
MAX_WAIT_BEATS = 0.25
SAME_TEMPO = 0.002
# What is transposed and then cut is transposed a little further, so that the cut is as clean as others.
BEYOND_SECONDS = 1.0


@dataclass(frozen=True, eq=False)
class Alignment:
    """A target that was fitted to an input, and what was done to it.

    `mode` is what was applied in the end; the tempi are None for a source without a clear beat, or where nobody
    looked; `ratio` is how much longer the target became; `beat_seconds` is a time after which the beats of both
    come round (with bars, a number of bars), None where the target kept its own timing; `note` says it all in one
    plain sentence. `semitones` is how far the target is still to be transposed, where it was not stretched.
    """

    target: Audio | Recording
    mode: Align
    input_bpm: float | None
    target_bpm: float | None
    ratio: float
    beat_seconds: float | None
    note: str
    semitones: int = 0


def align_target(
    target: Audio | Recording,
    input: Audio | Recording,
    *,
    mode: Align,
    workspace: Workspace | None = None,
    semitones: int = 0,
) -> Alignment:
    """Stretches the target to the input's tempo (`tempo`), or so that its beats or bars fall on the input's.

    The tempi may differ by a factor of 2, whichever needs less stretching. Nothing is changed, and the note says
    why, where a source has no clear beat or the target would become under 0.6 or over 1.7 times as long. With
    `beats`, at most one beat is cut off the target's beginning, with `bars` at most one bar, or a quarter beat of
    silence comes before it. Where the bars are not clear, `bars` does what `beats` does. While it is stretched, the
    target is transposed by `semitones`. Rate and channels stay the target's; those of the input do not matter. An hour
    takes a few minutes. What is stretched lies in the workspace, in memory if there is none.

    Raises:
        ValueError: the mode is unknown.
        HocketError: the stretching library is not installed.
    """
    if mode not in get_args(Align):
        raise ValueError(f"mode must be one of {', '.join(get_args(Align))}, not {mode!r}")
    if mode == "none":
        return _unchanged(target, None, None, "the target keeps its own timing.", semitones)
    require_stretching()
    pulses = {"input": pulse_of(input), "target": pulse_of(target)}
    clear = {role: pulse for role, pulse in pulses.items() if pulse is not None and pulse.is_clear}
    input_bpm, target_bpm = (clear[role].bpm if role in clear else None for role in pulses)
    if len(clear) < 2:
        reason = _no_beat({"input": input, "target": target}, set(pulses) - set(clear))
        return _unchanged(
            target, input_bpm, target_bpm, f"the target keeps its own timing, because {reason}.", semitones
        )
    octave, ratio = _ratio(clear["input"].bpm, clear["target"].bpm)
    if not LEAST_RATIO <= ratio <= MOST_RATIO:
        reason = f"its tempo, {target_bpm:.1f} BPM, is too far from the input's, {input_bpm:.1f} BPM"
        return _unchanged(
            target, input_bpm, target_bpm, f"the target keeps its own timing, because {reason}.", semitones
        )
    pair = clear["input"], clear["target"]
    bars = (bars_of(input, pair[0]), bars_of(target, pair[1])) if mode == "bars" else None
    return _aligned(target, *pair, octave, ratio, mode, bars, workspace or Workspace(), semitones)


def _unchanged(
    target: Audio | Recording, input_bpm: float | None, target_bpm: float | None, note: str, semitones: int
) -> Alignment:
    return Alignment(target, "none", input_bpm, target_bpm, 1.0, None, note, semitones)


def _no_beat(sources: dict[str, Audio | Recording], beatless: set[str]) -> str:
    """Names the sources without a beat, and says if that is because of the length."""
    reasons = []
    for role in sorted(beatless):
        seconds = sources[role].duration_seconds
        short = (
            f" (it lasts {seconds:.1f} s, and {MIN_SECONDS:g} s are needed)" if seconds < MIN_SECONDS else ""
        )
        reasons.append(f"the {role} has no clear beat{short}")
    return " and ".join(reasons)


def _no_bars(input: Bars | None, target: Bars | None) -> str:
    """Explains why bars cannot be aligned; empty if they can."""
    named = {"input": input, "target": target}
    unclear = [role for role, bars in named.items() if bars is None or not bars.is_clear]
    if unclear:
        return " and ".join(f"the bars of the {role} are not clear" for role in unclear)
    assert input is not None and target is not None
    if input.metre == target.metre:
        return ""
    return f"the input's bars have {input.metre} beats and the target's {target.metre}"


def _ratio(input_bpm: float, target_bpm: float) -> tuple[int, float]:
    """The octave k in -1, 0, 1 by which the tempi stay apart, and how much longer the target becomes.

    The aligned target has input_bpm / 2^k beats a minute.
    """
    ratios = {octave: target_bpm * 2.0**octave / input_bpm for octave in (0, 1, -1)}
    return min(ratios.items(), key=lambda item: abs(np.log(item[1])))


def _aligned(
    target: Audio | Recording,
    input_pulse: Pulse,
    target_pulse: Pulse,
    octave: int,
    ratio: float,
    mode: Align,
    bars: tuple[Bars | None, Bars | None] | None,
    workspace: Workspace,
    semitones: int,
) -> Alignment:
    """Both have a beat, and the tempi can be brought together."""
    new_bpm = target_pulse.bpm / ratio
    tempo = f"the target was stretched to {ratio:.2f} times its length, from {target_pulse.bpm:.1f} to {new_bpm:.1f}"
    tempo += " BPM"
    if abs(ratio - 1.0) < SAME_TEMPO:
        tempo, ratio = f"the target already has the input's tempo, {new_bpm:.1f} BPM", 1.0
    if octave:
        tempo += f" ({'half' if octave > 0 else 'twice'} the input's)"
    rate, pair = target.sample_rate, (input_pulse.bpm, target_pulse.bpm)
    beat_seconds = input_pulse.period_seconds * max(1, 2**octave)
    if mode == "tempo":
        length = max(1, round(target.num_samples * ratio))
        longer = stretched(recording(target), num_samples=length, workspace=workspace, semitones=semitones)
        return Alignment(longer, "tempo", *pair, ratio, beat_seconds, f"{tempo}.")
    reason = _no_bars(*bars) if bars else ""
    on_bars = None if reason else bars
    places, new_places = time_map(
        input_pulse,
        target_pulse,
        octave=octave,
        ratio=ratio,
        duration_seconds=target.duration_seconds,
        bars=on_bars,
    )
    moved = warped(
        recording(target),
        places=places * rate,
        new_places=new_places * rate,
        workspace=workspace,
        semitones=semitones,
    )
    pieces = f"{len(places) - 1} pieces" if len(places) > 2 else "one piece"
    note = f"{tempo}, and its {'bars' if on_bars else 'beats'} were aligned to the input's (in {pieces})"
    note += f"; bars were not aligned, because {reason}." if reason else "."
    metre = on_bars[0].metre if on_bars and on_bars[0] else 1
    return Alignment(moved, "bars" if on_bars else "beats", *pair, ratio, metre * beat_seconds, note)


def time_map(
    input_pulse: Pulse,
    target_pulse: Pulse,
    *,
    octave: int,
    ratio: float,
    duration_seconds: float,
    bars: tuple[Bars | None, Bars | None] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Places in the target and where they come, both ascending, in seconds, from 0 in the output to the target's end.

    Before the first pair of beats and after the last the common ratio holds. A first place below 0 is silence. With
    the clear `bars` of input and target, of one metre, bars begin where bars begin.
    """
    own = _continued(target_pulse.beats_seconds, target_pulse.period_seconds, duration_seconds)
    others = _continued(
        input_pulse.beats_seconds, input_pulse.period_seconds, duration_seconds * ratio + 2 * MIN_SECONDS
    )
    # Octave 1: each beat of the target on every second of the input's; -1: every second on each.
    steps = (2 if octave < 0 else 1), (2 if octave > 0 else 1)
    pairs = [(0, 0), (1, 0)]
    if bars and bars[0] and bars[1]:
        firsts = _first(own, target_pulse, bars[1]), _first(others, input_pulse, bars[0])
        pairs = _pairs_of_beats(firsts, steps, bars[0].metre)
    starts = {pair: own[pair[0]] - others[pair[1]] / ratio for pair in pairs}
    least = -MAX_WAIT_BEATS * target_pulse.period_seconds
    soon = [pair for pair, start in starts.items() if start >= least] or [max(starts, key=starts.__getitem__)]
    skipped = min(soon, key=starts.__getitem__)
    own, others = own[skipped[0] :: steps[0]], others[skipped[1] :: steps[1]]
    count = min(len(own), len(others))
    places, new_places = _thinned(own[:count], others[:count])
    if new_places[0] > 0:
        places = np.concatenate([[places[0] - new_places[0] / ratio], places])
        new_places = np.concatenate([[0.0], new_places])
    new_end = new_places[-1] + (duration_seconds - places[-1]) * ratio
    return np.append(places, duration_seconds), np.append(new_places, new_end)


def _first(beats: np.ndarray, pulse: Pulse, bars: Bars) -> int:
    """The number, from 0 to the metre, of the beat that begins a bar among the continued beats of a pulse."""
    inner = len(pulse.beats_seconds) // 2
    return (int(np.argmin(np.abs(beats - pulse.beats_seconds[inner]))) - inner + bars.first) % bars.metre


def _pairs_of_beats(firsts: tuple[int, int], steps: tuple[int, int], metre: int) -> list[tuple[int, int]]:
    """The beats of target and input that may come together first, so that later their bars begin together."""
    return [
        (own, other)
        for own in range(metre * steps[0] + 1)
        for other in range(steps[1])
        if any(
            (own + steps[0] * later - firsts[0]) % metre
            == (other + steps[1] * later - firsts[1]) % metre
            == 0
            for later in range(metre)
        )
    ]


def _continued(beats: np.ndarray, period: float, duration_seconds: float) -> np.ndarray:
    """The beats with more of them, a period apart, back to the beginning and on to the end."""
    before = np.arange(beats[0] - period, 0.0, -period)[::-1]
    after = np.arange(beats[-1] + period, duration_seconds, period)
    beats = np.concatenate([before, beats, after])
    return beats[(beats >= 0) & (beats < duration_seconds)]


def _thinned(places: np.ndarray, new_places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As few pairs as keep all others within the tolerance of the lines between them, at ratios that are allowed."""
    kept = [0]
    while (last := _furthest(places, new_places, kept[-1])) is not None:
        kept.append(last)
    return places[kept], new_places[kept]


def _furthest(places: np.ndarray, new_places: np.ndarray, first: int) -> int | None:
    """The last pair that a straight line from the pair `first` reaches, or the next that the limits allow, if any."""
    best = None
    for last in range(first + 1, len(places)):
        slope = (new_places[last] - new_places[first]) / (places[last] - places[first])
        if not MIN_RATIO <= slope <= MAX_RATIO:
            continue
        inner = slice(first + 1, last)
        line = new_places[first] + slope * (places[inner] - places[first])
        near = np.abs(line - new_places[inner]) <= TOLERANCE_SECONDS
        if best is not None and not near.all():
            break
        best = last
    return best


def match_lengths(
    input: Audio | Recording,
    target: Audio | Recording,
    *,
    length: Length = "input",
    fit: Fit = "loop",
    beat_seconds: float | None = None,
    workspace: Workspace | None = None,
    semitones: int = 0,
) -> tuple[Audio | Recording, Audio | Recording, str]:
    """Brings two sources of one sample rate to the length of the one that is named, and says how.

    With `loop`, a longer source is cut and a shorter one repeated, see `Looped`; with `stretch`, either is stretched
    or squeezed to the length, with its pitch kept. `beat_seconds`, as in `Alignment`, keeps looped beats in step. The
    target is transposed by `semitones`, in one go with a stretch.
    The sentence ("the target was looped 3.2 times.") is empty where nothing had to be done. What is stretched lies in
    the workspace, in memory if there is none.

    Raises:
        AudioError: a source is empty, or would have to become under 0.5 or over 2 times as long by stretching.
        HocketError: the stretching library is needed and not installed.
        ValueError: the rates differ, or `length` or `fit` is unknown.
    """
    if length not in get_args(Length) or fit not in get_args(Fit):
        raise ValueError(f"length {length!r} or fit {fit!r} is unknown")
    if input.sample_rate != target.sample_rate:
        raise ValueError(f"the rates differ: {input.sample_rate} and {target.sample_rate} Hz")
    sources = {"input": input, "target": target}
    for role, source in sources.items():
        if source.num_samples == 0:
            raise AudioError(f"the {role} contains no sound (0 samples): give a recording.")
    num_samples = _length(sources, length)
    fitted, notes = [], []
    for role, source in sources.items():
        fitter, note = _fitted(
            source,
            num_samples,
            role=role,
            fit=fit,
            beat_seconds=beat_seconds,
            workspace=workspace or Workspace(),
            semitones=semitones if role == "target" else 0,
        )
        fitted.append(fitter)
        notes += [note] if note else []
    return fitted[0], fitted[1], f"{' and '.join(notes)}." if notes else ""


def _length(sources: dict[str, Audio | Recording], length: Length) -> int:
    lengths = [source.num_samples for source in sources.values()]
    if length == "shortest":
        return min(lengths)
    return max(lengths) if length == "longest" else sources[length].num_samples


def _fitted(
    source: Audio | Recording,
    num_samples: int,
    *,
    role: str,
    fit: Fit,
    beat_seconds: float | None,
    workspace: Workspace,
    semitones: int,
) -> tuple[Audio | Recording, str]:
    ratio = num_samples / source.num_samples
    if fit == "stretch" and ratio != 1.0:
        _require_ratio(source, num_samples, role)
        longer = stretched(
            recording(source), num_samples=num_samples, workspace=workspace, semitones=semitones
        )
        return longer, f"the {role} was stretched to {ratio:.2f} times its length"
    if semitones:
        needed = min(source.num_samples, num_samples + round(BEYOND_SECONDS * source.sample_rate))
        source = stretched(
            Cut(recording(source), needed), num_samples=needed, workspace=workspace, semitones=semitones
        )
    if ratio == 1.0:
        return source, ""
    if ratio < 1.0:
        seconds = num_samples / source.sample_rate
        return Cut(recording(source), num_samples), f"the {role} was cut to its first {seconds:.1f} s"
    looped = Looped(recording(source), num_samples, beat_seconds=beat_seconds)
    return looped, f"the {role} was looped {num_samples / looped.period:.1f} times"


def _require_ratio(source: Audio | Recording, num_samples: int, role: str) -> None:
    seconds = num_samples / source.sample_rate
    if not MIN_RATIO <= num_samples / source.num_samples <= MAX_RATIO:
        raise AudioError(
            f"the {role} would have to be stretched from {source.duration_seconds:.1f} to {seconds:.1f} s: "
            f"loop or cut it instead, or use one of {seconds / MAX_RATIO:.1f} to {seconds / MIN_RATIO:.1f} s."
        )
