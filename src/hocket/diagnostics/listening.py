"""The diagnosis of recordings from anywhere: any rate, channels, length and level, and a constant delay.

Recordings are read minute by minute, so that an hour takes no more memory than a minute does.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
import torch

from hocket.audio import Audio, info, load, require_sound
from hocket.audio.reading import FromFile
from hocket.audio.sound import require_enough
from hocket.audio.streams import InMemory, Recording, recording
from hocket.audio.views import Resampled, together
from hocket.diagnostics.copying import Figures, diagnose
from hocket.diagnostics.delays import clear_lags, read_delayed
from hocket.diagnostics.roles import Sources, describe_sources
from hocket.errors import AudioError
from hocket.hearing import SILENCE_RMS, audible, loudest
from hocket.signal.loudness import TARGET_RMS
from hocket.signal.scene import ChannelsVoice, Scene, Voice

RATE_HZ = 24_000
MINIMUM_SECONDS = 1.0
PART_SECONDS = 60.0

MOST_MINUTES = 5
"""A diagnosis takes a second or two a minute: of long recordings so many minutes are enough, spread over the whole."""

PICTURE_MINUTES = 3.0
"""Length that is drawn of long recordings: pictures of five minutes took 1.6 GB."""

ROLES = ("output", "input", "target")


@dataclass(frozen=True)
class HeardFigures(Figures):
    """The figures of a recording, its delay against both sources, and facts about these."""

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
    """Output, input and target at 24 kHz, equally long and aligned, at RMS 0.1, without DC and rumble.

    `voices` are as they were, of one channel each, or of equally many where the channels of one of them cancel each
    other; these are then heard one after another. `gains` `[channels, 1]` are what they are multiplied by and
    `lags_samples` how much later than in the input and in the target things happen in the output. The first of the
    `num_samples` that they share is sample `first` of the output. At most `most_minutes` are listened to.
    """

    voices: tuple[Recording, ...]
    gains: tuple[np.ndarray, ...]
    lags_samples: tuple[float, float]
    first: int
    num_samples: int
    most_minutes: int | None

    @property
    def output(self) -> np.ndarray:
        """All of the output, `[samples]`: for short recordings, as are the next two."""
        return self.read(0, self.num_samples)[0]

    @property
    def input(self) -> np.ndarray:
        """All of the input."""
        return self.read(0, self.num_samples)[1]

    @property
    def target(self) -> np.ndarray:
        """All of the target."""
        return self.read(0, self.num_samples)[2]

    @property
    def input_lag_seconds(self) -> float:
        """Seconds by which the output is later than the input."""
        return self.lags_samples[0] / RATE_HZ

    @property
    def target_lag_seconds(self) -> float:
        """Seconds by which the output is later than the target."""
        return self.lags_samples[1] / RATE_HZ

    @property
    def spans(self) -> list[tuple[int, int]]:
        """Starts and stops of the parts that are listened to."""
        return list(chosen_minutes(self.num_samples, RATE_HZ, self.most_minutes))

    @property
    def is_whole(self) -> bool:
        """True if everything is listened to."""
        return sum(stop - start for start, stop in self.spans) == self.num_samples

    def read(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A stretch of all three, `[samples]` each, or all channels of it one after another."""
        output, input, target = (voice.reshape(-1) for voice in self._read(start, stop))
        return output, input, target

    def sources(self) -> Sources:
        """Relation of the parts of input and target that are listened to, to each other and to their roles."""
        parts = [self.read(*span) for span in self.spans]
        input, target = (np.concatenate([part[index] for part in parts]) for index in (1, 2))
        return describe_sources(input=input, target=target, sample_rate=RATE_HZ)

    def read_one_channel(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A stretch of all three for pictures, `[samples]` each, in the channel in which the output is loudest."""
        voices = self._read(start, stop)
        output, input, target = (voice[loudest(voices[0])] for voice in voices)
        return output, input, target

    def _read(self, start: int, stop: int) -> list[np.ndarray]:
        span, lags = (self.first + start, self.first + stop), (0.0, *self.lags_samples)
        return [
            gain * audible(read_delayed(voice, *span, lag_samples=lag), RATE_HZ)
            for voice, gain, lag in zip(self.voices, self.gains, lags, strict=True)
        ]

    def parts(self) -> Iterator[Scene]:
        """The parts that are listened to; of several none in which one of the three rests."""
        spans = self.spans
        for span in spans:
            part = self.read(*span)
            if self.num_samples == span[1] - span[0] or min(map(_rms, part)) >= SILENCE_RMS:
                yield Scene(*(self._voice(torch.from_numpy(voice)[None]) for voice in part))

    def _voice(self, waveform: torch.Tensor) -> Voice:
        num_channels = self.voices[0].num_channels
        return (
            Voice(waveform, RATE_HZ) if num_channels == 1 else ChannelsVoice(waveform, RATE_HZ, num_channels)
        )


def open_recording(path: Path) -> Audio | Recording:
    """Reads the whole of a short recording; a long one stays in its file.

    Raises:
        AudioError: it cannot be read, is silent, or shorter than 1 s; the sentence names it.
    """
    if info(path).duration_seconds <= PART_SECONDS * MOST_MINUTES:
        whole = load(path)
        require_sound(whole, path, minimum_seconds=MINIMUM_SECONDS)
        return whole
    encoded = FromFile(path, sample_rate=RATE_HZ)
    require_enough(
        path,
        duration_seconds=encoded.duration_seconds,
        highest=encoded.peak,
        minimum_seconds=MINIMUM_SECONDS,
    )
    return encoded


def diagnose_heard(heard: Heard) -> HeardFigures:
    """The figures of recordings that `listen` has brought together, averaged over equal parts of at most a minute.

    Raises:
        AudioError: they never sound within the same minute.
    """
    sources = heard.sources()
    rows = [diagnose(scene).mean() for scene in heard.parts()]
    if not rows:
        raise AudioError(
            "the three recordings never sound within the same minute: give parts that belong together."
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
    """Brings three recordings together: at 24 kHz, as long as the shortest, equally loud, a delay taken out.

    They may have any rate and channels. What is compared is the mean of the channels, and where those of one of the
    three cancel each other, all channels. Of recordings with more parts than `most_minutes` the level is that of these
    parts.

    A delay of at most ±0.25 s of the output against its sources is taken out only where it stands out sharply and a
    sum of the sources then explains at least 10 % more of the output's energy; with `may_be_late` False none is
    looked for. What is compared with nothing but itself moved in time would pass for something new otherwise.

    Raises:
        AudioError: they have less than a second in common, or one is silent there; the sentence names its role.
    """
    voices = _comparable((output, input, target), most_minutes)
    length = min(voice.num_samples for voice in voices)
    if length < MINIMUM_SECONDS * RATE_HZ:
        role = ROLES[[voice.num_samples for voice in voices].index(length)]
        raise AudioError(
            f"the {role} is too short ({length / RATE_HZ:.3g} s): give at least {MINIMUM_SECONDS:g} s of each."
        )
    spans = list(chosen_minutes(length, RATE_HZ, most_minutes))
    gains = _gains(voices, spans, length)
    lags = (0.0, 0.0)
    if may_be_late:
        minute = _loudest_minute(voices[0], length, most_minutes)
        output_part, *parts = (
            (gain * audible(voice.read(*minute), RATE_HZ)).reshape(-1)
            for voice, gain in zip(voices, gains, strict=True)
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


def _comparable(sounds: Sequence[Audio | Recording], most_minutes: int | None) -> tuple[Recording, ...]:
    """The recordings at 24 kHz in the channels that are compared; what was in memory still is."""
    voices = together(
        [recording(sound) for sound in sounds],
        spans=lambda source: chosen_minutes(source.num_samples, source.sample_rate, most_minutes),
    )
    resampled = (Resampled(voice, RATE_HZ) for voice in voices)
    return tuple(
        InMemory(voice.samples, RATE_HZ) if isinstance(sound, Audio) else voice
        for sound, voice in zip(sounds, resampled, strict=True)
    )


def _gains(voices: Sequence[Recording], spans: list[tuple[int, int]], length: int) -> tuple[np.ndarray, ...]:
    """Gains that bring the chosen minutes to the level at which they are compared, `[channels, 1]` each.

    Of several channels those of the sources that run against the output's are turned: polarity does not count.
    """
    num_channels = voices[0].num_channels
    energies, products = np.zeros(len(voices)), np.zeros((len(voices), num_channels))
    for span in spans:
        parts = [audible(voice.read(*span), RATE_HZ) for voice in voices]
        energies += [float(np.square(part, dtype=np.float64).sum()) for part in parts]
        if num_channels > 1:
            products += [np.einsum("cs,cs->c", parts[0], part) for part in parts]
    heard = sum(stop - start for start, stop in spans)
    levels = np.sqrt(energies / (heard * num_channels))
    for role, level in zip(ROLES, levels, strict=True):
        if level < SILENCE_RMS:
            raise _silent(role, heard, length)
    signs = np.where(products < 0, -1.0, 1.0)[..., None] * TARGET_RMS / levels[:, None, None]
    return tuple(signs.astype(np.float32))


def _silent(role: str, heard: int, length: int) -> AudioError:
    shared = f"the {length / RATE_HZ:.3g} s that the three recordings share"
    where = (
        shared
        if heard == length
        else f"the {heard / RATE_HZ:.3g} s that were analysed, sampled across {shared}"
    )
    return AudioError(f"the {role} is silent in {where}: give recordings that sound at the same time.")


def _loudest_minute(voice: Recording, length: int, most: int | None) -> tuple[int, int]:
    """Chooses a minute to look for a delay in: that is enough, and hours would not fit into memory."""
    size = round(PART_SECONDS * RATE_HZ)
    starts = range(0, max(1, length - size + 1), size)
    spans = [(starts[index], min(starts[index] + size, length)) for index in _chosen(len(starts), most)]
    return max(spans, key=lambda span: _rms(voice.read(*span)))


def _rms(waveform: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))
