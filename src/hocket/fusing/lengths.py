"""Two sources of different lengths: cut, looped or stretched to one length by a stated rule."""

from typing import Literal, get_args

from hocket.audio import Audio
from hocket.audio.streams import Recording, Workspace, recording
from hocket.errors import AudioError
from hocket.fusing.stretching import MAX_RATIO, MIN_RATIO, stretched
from hocket.fusing.views import Cut, Looped

Length = Literal["input", "target", "shortest", "longest"]
Fit = Literal["loop", "stretch"]


def match_lengths(
    input: Audio | Recording,
    target: Audio | Recording,
    *,
    length: Length = "input",
    fit: Fit = "loop",
    beat_seconds: float | None = None,
    workspace: Workspace | None = None,
) -> tuple[Audio | Recording, Audio | Recording, str]:
    """Brings two sources of one sample rate to the length of the one that is named, and says how.

    With `loop`, a longer source is cut and a shorter one repeated, see `Looped`; with `stretch`, either is stretched
    or squeezed to the length, with its pitch kept. `beat_seconds`, as in `Alignment`, keeps looped beats in step.
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
            raise AudioError(f"the {role} holds no sound (0 samples): give a recording.")
    num_samples = _length(sources, length)
    fitted, notes = [], []
    for role, source in sources.items():
        fitter, note = _fitted(
            source, num_samples, role=role, fit=fit, beat_seconds=beat_seconds, workspace=workspace
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
    workspace: Workspace | None,
) -> tuple[Audio | Recording, str]:
    ratio = num_samples / source.num_samples
    if ratio == 1.0:
        return source, ""
    if fit == "stretch":
        _require_ratio(source, num_samples, role)
        longer = stretched(recording(source), num_samples=num_samples, workspace=workspace or Workspace())
        return longer, f"the {role} was stretched to {ratio:.2f} times its length"
    if ratio < 1.0:
        seconds = num_samples / source.sample_rate
        return Cut(recording(source), num_samples), f"the {role} was cut to its first {seconds:.1f} s"
    looped = Looped(recording(source), num_samples, beat_seconds=beat_seconds)
    return looped, f"the {role} was looped {num_samples / looped.period:.1f} times"


def _require_ratio(source: Audio | Recording, num_samples: int, role: str) -> None:
    seconds = num_samples / source.sample_rate
    if not MIN_RATIO <= num_samples / source.num_samples <= MAX_RATIO:
        raise AudioError(
            f"the {role} would have to be stretched from {source.duration_seconds:.1f} to {seconds:.1f} s: loop or "
            f"cut it instead, or give one of {seconds / MAX_RATIO:.1f} to {seconds / MIN_RATIO:.1f} s."
        )
