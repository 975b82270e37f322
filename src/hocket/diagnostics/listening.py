"""The diagnosis of recordings from anywhere: any rate, channels, length and level, and a constant delay."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import torch

from hocket.audio import Audio, resample
from hocket.diagnostics.alignment import MAX_LAG_SECONDS, delayed, find_lag
from hocket.diagnostics.copying import Figures, diagnose
from hocket.errors import AudioError
from hocket.signal.loudness import TARGET_RMS
from hocket.signal.scene import Scene, Voice
from hocket.signal.similarity import overlay_fit

RATE_HZ = 24_000
MINIMUM_SECONDS = 1.0
SILENCE_RMS = 1e-5
PART_SECONDS = 60.0
R2_RISE = 0.1
SAME_LAG_SAMPLES = 2.0

ROLES = ("output", "input", "target")


@dataclass(frozen=True)
class HeardFigures(Figures):
    """The figures of a recording, and how much later than in its sources things happen in it."""

    input_lag_seconds: float = 0.0
    target_lag_seconds: float = 0.0

    @property
    def lag_seconds(self) -> float:
        """The larger of the two delays by magnitude; 0 where the recordings were compared as they are."""
        return max(self.input_lag_seconds, self.target_lag_seconds, key=abs)

    def as_dict(self) -> dict[str, float | str]:
        """All figures and what follows from them, ready for JSON."""
        return {**super().as_dict(), "lag_seconds": self.lag_seconds}


@dataclass(frozen=True, eq=False)
class Heard:
    """Output, input and target, mono float32 `[samples]` at 24 kHz and RMS 0.1, equally long and aligned."""

    output: np.ndarray
    input: np.ndarray
    target: np.ndarray
    input_lag_seconds: float
    target_lag_seconds: float

    def parts(self, most: int | None = None) -> Iterator[Scene]:
        """The whole, or where it is longer than a minute equal parts of it; none in which one of the three rests.

        Where there are more than `most` of them, so many are taken evenly from beginning to end.
        """
        num_parts = math.ceil(len(self.output) / (PART_SECONDS * RATE_HZ))
        stacked = np.stack([self.output, self.input, self.target])
        parts = np.array_split(stacked, num_parts, axis=1)
        chosen = np.linspace(0, num_parts - 1, min(num_parts, most or num_parts)).round().astype(int)
        for part in (parts[index] for index in chosen):
            if num_parts == 1 or _rms(part).min() >= SILENCE_RMS:
                yield Scene(
                    *(Voice(torch.from_numpy(np.ascontiguousarray(row))[None], RATE_HZ) for row in part)
                )


def diagnose_audio(
    output: Audio, input: Audio, target: Audio, *, most_minutes: int | None = None
) -> HeardFigures:
    """What an output is, from the waveforms alone; see `listen` for how they are brought together.

    Recordings longer than a minute are diagnosed in equal parts, and the figures averaged; `most_minutes` is how many
    parts are listened to, spread over the whole, where there are more.

    Raises:
        AudioError: they have less than a second in common, or one is silent there; the sentence names its role.
    """
    return diagnose_heard(listen(output, input, target), most_minutes=most_minutes)


def diagnose_heard(heard: Heard, *, most_minutes: int | None = None) -> HeardFigures:
    """The figures of recordings that were brought together already."""
    rows = [diagnose(scene).mean() for scene in heard.parts(most_minutes)]
    if not rows:
        raise AudioError(
            "there is no minute in which all three recordings sound: give the parts that belong together."
        )
    means = {
        field.name: float(np.mean([getattr(row, field.name) for row in rows])) for field in fields(Figures)
    }
    return HeardFigures(
        **means, input_lag_seconds=heard.input_lag_seconds, target_lag_seconds=heard.target_lag_seconds
    )


def listen(output: Audio, input: Audio, target: Audio) -> Heard:
    """Brings three recordings together: mono, 24 kHz, as long as the shortest, equally loud, a delay taken out.

    A delay of at most ±0.25 s of the output against its sources is taken out only where it stands out sharply and a
    sum of the sources then explains at least 10 % more of the output's energy. What is compared with nothing but
    itself moved in time would pass for something new otherwise.

    Raises:
        AudioError: they have less than a second in common, or one is silent there; the sentence names its role.
    """
    waveforms = [_folded(recording) for recording in (output, input, target)]
    length = min(map(len, waveforms))
    if length < MINIMUM_SECONDS * RATE_HZ:
        role = ROLES[[len(waveform) for waveform in waveforms].index(length)]
        raise AudioError(
            f"the {role} is too short ({length / RATE_HZ:.3g} s): give at least {MINIMUM_SECONDS:g} s of each."
        )
    waveforms = [_levelled(waveform[:length], role) for waveform, role in zip(waveforms, ROLES, strict=True)]
    lags = _lags(*(waveform[_loudest_minute(waveforms[0])] for waveform in waveforms))
    shared = slice(math.ceil(max(0.0, *lags)), length + math.floor(min(0.0, *lags)))
    return Heard(
        output=waveforms[0][shared],
        input=delayed(waveforms[1], lags[0])[shared],
        target=delayed(waveforms[2], lags[1])[shared],
        input_lag_seconds=lags[0] / RATE_HZ,
        target_lag_seconds=lags[1] / RATE_HZ,
    )


def _folded(recording: Audio) -> np.ndarray:
    """The mean of the channels at 24 kHz, `[samples]`."""
    mono = recording.mono().samples[0]
    return resample(mono, from_hz=recording.sample_rate, to_hz=RATE_HZ)


def _levelled(waveform: np.ndarray, role: str) -> np.ndarray:
    level = float(_rms(waveform))
    if level < SILENCE_RMS:
        seconds = len(waveform) / RATE_HZ
        raise AudioError(
            f"the {role}, folded to mono, is silent in the {seconds:.3g} s that the three recordings share: "
            "give recordings that sound together."
        )
    return waveform * np.float32(TARGET_RMS / level)


def _loudest_minute(waveform: np.ndarray) -> slice:
    """Where to look for a delay: a minute is enough, and hours would not fit into memory."""
    size = round(PART_SECONDS * RATE_HZ)
    starts = range(0, max(1, len(waveform) - size + 1), size)
    start = max(starts, key=lambda start: float(_rms(waveform[start : start + size])))
    return slice(start, start + size)


def _lags(output: np.ndarray, input: np.ndarray, target: np.ndarray) -> tuple[float, float]:
    """How many samples the output is late against the input and against the target; (0, 0) unless that is clear.

    A source whose own delay does not stand out shares the other's: one encoder delays everything.
    """
    limit = min(round(MAX_LAG_SECONDS * RATE_HZ), len(output) // 8)
    found = [find_lag(output=output, source=source, max_lag_samples=limit) for source in (input, target)]
    known = [lag for lag in found if lag is not None]
    if not any(known):
        return 0.0, 0.0
    own, theirs = (known[0] if lag is None else lag for lag in found)
    if abs(own - theirs) <= SAME_LAG_SAMPLES and len(known) == 2:
        own = theirs = max(own, theirs, key=lambda lag: _r2(output, input, target, lag, lag))
    rise = _r2(output, input, target, own, theirs) - _r2(output, input, target, 0.0, 0.0)
    return (own, theirs) if rise >= R2_RISE else (0.0, 0.0)


def _r2(
    output: np.ndarray, input: np.ndarray, target: np.ndarray, input_lag: float, target_lag: float
) -> float:
    voices = [torch.from_numpy(a) for a in (output, delayed(input, input_lag), delayed(target, target_lag))]
    r2, _, _ = overlay_fit(output=voices[0], input=voices[1], target=voices[2])
    return float(r2)


def _rms(waveform: np.ndarray) -> np.ndarray:
    """Root mean square over the last axis."""
    return np.asarray(np.sqrt(np.mean(np.square(waveform, dtype=np.float64), axis=-1)))
