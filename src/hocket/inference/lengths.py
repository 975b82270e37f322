"""Two sources of different lengths: cut, looped or stretched to one length by a stated rule."""

from typing import Literal, get_args

import numpy as np

from hocket.audio import Audio
from hocket.errors import AudioError
from hocket.inference.stretching import MAX_RATIO, MIN_RATIO, stretch

Length = Literal["input", "target", "shortest", "longest"]
Fit = Literal["loop", "stretch"]

FADE_SECONDS = 0.03


def match_lengths(
    input: Audio,
    target: Audio,
    *,
    length: Length = "input",
    fit: Fit = "loop",
    beat_seconds: float | None = None,
) -> tuple[Audio, Audio, str]:
    """Brings two sources of one sample rate to the length of the one that is named, and says how.

    With `loop`, a longer source is cut and a shorter one repeated, see `loop`; with `stretch`, either is stretched
    or squeezed to the length, with its pitch kept. `beat_seconds`, as in `Alignment`, keeps looped beats in step.
    The sentence ("the target was looped 3.2 times.") is empty where nothing had to be done.

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
        audio, note = _fitted(source, num_samples, role=role, fit=fit, beat_seconds=beat_seconds)
        fitted.append(audio)
        notes += [note] if note else []
    return fitted[0], fitted[1], f"{' and '.join(notes)}." if notes else ""


def loop(source: Audio, num_samples: int, *, beat_seconds: float | None = None) -> tuple[Audio, int]:
    """Repeats a source up to `num_samples`; also gives the period in samples.

    The period is the source's length less the fade of 30 ms (less in a source under 0.12 s: a quarter of it), in
    which the end of one round passes into the beginning of the next at equal power. With `beat_seconds` the period is
    the largest number of whole beats in that, if there is one; what is left of the source is not heard.
    """
    fade = min(round(FADE_SECONDS * source.sample_rate), source.num_samples // 4)
    period = source.num_samples - fade
    if beat_seconds is not None:
        beat = beat_seconds * source.sample_rate
        # A hair of tolerance, so that a source of exactly so many beats and a fade keeps the last of them.
        period = round(int(period / beat + 1e-6) * beat) or period
    angle = (np.arange(fade, dtype=np.float32) + 0.5) / max(fade, 1) * (np.pi / 2)
    rising, falling = np.sin(angle), np.cos(angle)
    output = np.zeros((source.num_channels, num_samples), dtype=np.float32)
    part = source.samples[:, : period + fade].copy()
    part[:, period:] *= falling
    for start in range(0, num_samples, period):
        if start == period:
            part[:, :fade] *= rising
        room = min(part.shape[1], num_samples - start)
        output[:, start : start + room] += part[:, :room]
    return Audio(output, source.sample_rate), period


def _length(sources: dict[str, Audio], length: Length) -> int:
    lengths = [source.num_samples for source in sources.values()]
    if length == "shortest":
        return min(lengths)
    return max(lengths) if length == "longest" else sources[length].num_samples


def _fitted(
    source: Audio, num_samples: int, *, role: str, fit: Fit, beat_seconds: float | None
) -> tuple[Audio, str]:
    ratio = num_samples / source.num_samples
    if ratio == 1.0:
        return source, ""
    if fit == "stretch":
        return _stretched(
            source, num_samples, role
        ), f"the {role} was stretched to {ratio:.2f} times its length"
    if ratio < 1.0:
        seconds = num_samples / source.sample_rate
        cut = Audio(source.samples[:, :num_samples], source.sample_rate)
        return cut, f"the {role} was cut to its first {seconds:.1f} s"
    looped, period = loop(source, num_samples, beat_seconds=beat_seconds)
    return looped, f"the {role} was looped {num_samples / period:.1f} times"


def _stretched(source: Audio, num_samples: int, role: str) -> Audio:
    seconds = num_samples / source.sample_rate
    if not MIN_RATIO <= num_samples / source.num_samples <= MAX_RATIO:
        raise AudioError(
            f"the {role} would have to be stretched from {source.duration_seconds:.1f} to {seconds:.1f} s: loop or "
            f"cut it instead, or give one of {seconds / MAX_RATIO:.1f} to {seconds / MIN_RATIO:.1f} s."
        )
    samples = stretch(source.samples, num_samples=num_samples, sample_rate=source.sample_rate)
    return Audio(samples, source.sample_rate)
