"""The diagnosis of recordings from anywhere: any rate, channels, length and level, and a constant delay.

Recordings are read minute by minute, so that an hour takes no more memory than a minute does.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, fields

import numpy as np
import torch

from hocket.audio import Audio, resample
from hocket.audio.streams import Held, Recording
from hocket.diagnostics.copying import Figures, diagnose
from hocket.diagnostics.delays import clear_lags, read_delayed
from hocket.diagnostics.roles import Sources, describe_sources
from hocket.errors import AudioError
from hocket.signal.loudness import TARGET_RMS
from hocket.signal.scene import Scene, Voice

RATE_HZ = 24_000
MINIMUM_SECONDS = 1.0
SILENCE_RMS = 1e-5
PART_SECONDS = 60.0

MOST_MINUTES = 5
"""A diagnosis takes a second or two a minute: of long recordings so many minutes are enough, spread over the whole."""

PICTURE_MINUTES = 3.0
"""What is drawn of long recordings: pictures of five minutes took 1.6 GB."""

ROLES = ("output", "input", "target")


@dataclass(frozen=True)
class HeardFigures(Figures):
    """The figures of a recording, how much later than in its sources things happen in it, and what those are."""

    input_lag_seconds: float = 0.0
    target_lag_seconds: float = 0.0
    sources: Sources = field(default_factory=Sources)

    @property
    def lag_seconds(self) -> float:
        """The larger of the two delays by magnitude; 0 where the recordings were compared as they are."""
        return max(self.input_lag_seconds, self.target_lag_seconds, key=abs)

    def as_dict(self) -> dict[str, float | str]:
        """All figures and what follows from them, ready for JSON."""
        told = super().as_dict() | {"lag_seconds": self.lag_seconds}
        del told["sources"]
        return told


@dataclass(frozen=True, eq=False)
class Heard:
    """Output, input and target brought together: mono at 24 kHz, equally long and aligned, at RMS 0.1.

    `voices` are as they were, `gains` what they are multiplied by and `lags_samples` how much later than in the input
    and in the target things happen in the output. The first of the `num_samples` that they share is sample `first` of
    the output. At most `most_minutes` are listened to.
    """

    voices: tuple[Recording, Recording, Recording]
    gains: tuple[np.float32, ...]
    lags_samples: tuple[float, float]
    first: int
    num_samples: int
    most_minutes: int | None

    @property
    def output(self) -> np.ndarray:
        """All of the output, `[samples]`: for short recordings, as are the next two."""
        return self._read(0, 0, self.num_samples)

    @property
    def input(self) -> np.ndarray:
        """All of the input."""
        return self._read(1, 0, self.num_samples)

    @property
    def target(self) -> np.ndarray:
        """All of the target."""
        return self._read(2, 0, self.num_samples)

    @property
    def input_lag_seconds(self) -> float:
        """How much later than in the input things happen in the output."""
        return self.lags_samples[0] / RATE_HZ

    @property
    def target_lag_seconds(self) -> float:
        """How much later than in the target."""
        return self.lags_samples[1] / RATE_HZ

    @property
    def spans(self) -> list[tuple[int, int]]:
        """Starts and stops of the parts that are listened to."""
        return list(chosen_minutes(self.num_samples, RATE_HZ, self.most_minutes))

    @property
    def is_whole(self) -> bool:
        """Whether everything is listened to."""
        return sum(stop - start for start, stop in self.spans) == self.num_samples

    def read(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A stretch of all three, `[samples]` each."""
        return self._read(0, start, stop), self._read(1, start, stop), self._read(2, start, stop)

    def sources(self) -> Sources:
        """What the parts of input and target that are listened to are to each other and to their roles."""
        input, target = (
            np.concatenate([self._read(index, *span) for span in self.spans]) for index in (1, 2)
        )
        return describe_sources(input=input, target=target, sample_rate=RATE_HZ)

    def _read(self, index: int, start: int, stop: int) -> np.ndarray:
        voice, lag = self.voices[index], (0.0, *self.lags_samples)[index]
        return self.gains[index] * read_delayed(voice, self.first + start, self.first + stop, lag_samples=lag)

    def parts(self) -> Iterator[Scene]:
        """The parts that are listened to; of several none in which one of the three rests."""
        spans = self.spans
        for span in spans:
            part = self.read(*span)
            if self.num_samples == span[1] - span[0] or min(map(_rms, part)) >= SILENCE_RMS:
                yield Scene(*(Voice(torch.from_numpy(voice)[None], RATE_HZ) for voice in part))


def diagnose_audio(
    output: Audio, input: Audio, target: Audio, *, most_minutes: int | None = None
) -> HeardFigures:
    """What an output is, from the waveforms alone; see `listen` for how they are brought together.

    Recordings longer than a minute are diagnosed in equal parts, and the figures averaged; `most_minutes` is how many
    parts are listened to, spread over the whole, where there are more.

    Raises:
        AudioError: they have less than a second in common, or one is silent there; the sentence names its role.
    """
    return diagnose_heard(listen(output, input, target, most_minutes=most_minutes))


def diagnose_heard(heard: Heard) -> HeardFigures:
    """The figures of recordings that were brought together already."""
    sources = heard.sources()
    rows = [diagnose(scene).mean() for scene in heard.parts()]
    if not rows:
        raise AudioError(
            "there is no minute in which all three recordings sound: give the parts that belong together."
        )
    means = {
        field.name: float(np.mean([getattr(row, field.name) for row in rows])) for field in fields(Figures)
    }
    return HeardFigures(
        **means,
        input_lag_seconds=heard.input_lag_seconds,
        target_lag_seconds=heard.target_lag_seconds,
        sources=sources,
    )


def listen(
    output: Audio | Recording,
    input: Audio | Recording,
    target: Audio | Recording,
    *,
    most_minutes: int | None = None,
    may_be_late: bool = True,
) -> Heard:
    """Brings three recordings together: mono, 24 kHz, as long as the shortest, equally loud, a delay taken out.

    An `Audio` may have any rate and channels, a `Recording` is mono at 24 kHz. Of recordings with more parts than
    `most_minutes` the level is that of these parts.

    A delay of at most ±0.25 s of the output against its sources is taken out only where it stands out sharply and a
    sum of the sources then explains at least 10 % more of the output's energy; with `may_be_late` False none is
    looked for. What is compared with nothing but itself moved in time would pass for something new otherwise.

    Raises:
        AudioError: they have less than a second in common, or one is silent there; the sentence names its role.
        ValueError: a `Recording` has another rate or several channels.
    """
    voices = (_folded(output), _folded(input), _folded(target))
    length = min(voice.num_samples for voice in voices)
    if length < MINIMUM_SECONDS * RATE_HZ:
        role = ROLES[[voice.num_samples for voice in voices].index(length)]
        raise AudioError(
            f"the {role} is too short ({length / RATE_HZ:.3g} s): give at least {MINIMUM_SECONDS:g} s of each."
        )
    spans = list(chosen_minutes(length, RATE_HZ, most_minutes))
    gains = tuple(_gain(voice, spans, role, length) for voice, role in zip(voices, ROLES, strict=True))
    lags = (0.0, 0.0)
    if may_be_late:
        loudest = _loudest_minute(voices[0], length, most_minutes)
        output_part, *parts = (
            gain * voice.read(*loudest)[0] for voice, gain in zip(voices, gains, strict=True)
        )
        lags = clear_lags(output_part, *parts, sample_rate=RATE_HZ)
    first = math.ceil(max(0.0, *lags))
    last = length + math.floor(min(0.0, *lags))
    return Heard(voices, gains, lags, first, last - first, most_minutes)


def chosen_minutes(num_samples: int, sample_rate: int, most: int | None) -> Iterator[tuple[int, int]]:
    """Starts and stops of equal parts of at most a minute; where there are more than `most`, evenly chosen ones."""
    count = math.ceil(num_samples / (PART_SECONDS * sample_rate))
    sizes = [num_samples // count + (index < num_samples % count) for index in range(count)]
    edges = np.concatenate([[0], np.cumsum(sizes)])
    for index in _chosen(count, most):
        yield int(edges[index]), int(edges[index + 1])


def _chosen(count: int, most: int | None) -> list[int]:
    """The indices of `count` things, or of `most` of them from the first to the last."""
    return np.linspace(0, count - 1, min(count, most or count)).round().astype(int).tolist()


def _folded(sound: Audio | Recording) -> Recording:
    """The mean of the channels at 24 kHz."""
    if isinstance(sound, Recording):
        if (sound.num_channels, sound.sample_rate) != (1, RATE_HZ):
            raise ValueError(f"a recording that is read part by part must be mono at {RATE_HZ} Hz")
        return sound
    mono = sound.mono().samples
    return Held(resample(mono, from_hz=sound.sample_rate, to_hz=RATE_HZ), RATE_HZ)


def _gain(voice: Recording, spans: list[tuple[int, int]], role: str, length: int) -> np.float32:
    """What brings the chosen minutes together to the level at which they are compared."""
    energy = sum(float(np.square(voice.read(*span), dtype=np.float64).sum()) for span in spans)
    heard = sum(stop - start for start, stop in spans)
    level = math.sqrt(energy / heard)
    if level < SILENCE_RMS:
        shared = f"the {length / RATE_HZ:.3g} s that the three recordings share"
        where = (
            shared
            if heard == length
            else f"the {heard / RATE_HZ:.3g} s that were listened to, spread over {shared}"
        )
        raise AudioError(
            f"the {role}, folded to mono, is silent in {where}: give recordings that sound together."
        )
    return np.float32(TARGET_RMS / level)


def _loudest_minute(voice: Recording, length: int, most: int | None) -> tuple[int, int]:
    """Where to look for a delay: a minute is enough, and hours would not fit into memory."""
    size = round(PART_SECONDS * RATE_HZ)
    starts = range(0, max(1, length - size + 1), size)
    spans = [(starts[index], min(starts[index] + size, length)) for index in _chosen(len(starts), most)]
    return max(spans, key=lambda span: _rms(voice.read(*span)))


def _rms(waveform: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))
