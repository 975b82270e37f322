"""Listening to a source as a musician does: its beats, bars and key, and which of the two roles it can play."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from hocket.audio import Audio
from hocket.audio.streams import Recording, recording
from hocket.audio.views import Cut, Resampled, folded
from hocket.diagnostics.roles import TONALITY, attack_rate, harmony_weakness, rhythm_weakness
from hocket.signal.bars import BAND_EDGES, Bars, find_bars
from hocket.signal.beats import CLARITY, MIN_SECONDS, Pulse, find_pulse
from hocket.signal.harmony import HOP, levelled_chroma, spread_of, tonality_of
from hocket.signal.key import Key, find_key
from hocket.signal.rhythm import OnsetStream, frames_a_second, streamed_onset_strength
from hocket.signal.spectrum import window_length

RATE_HZ = 24_000
LEAST_SECONDS = 0.85
"""A rest shorter than this at the end says nothing of pitch."""

CARD_SECONDS = 60.0
"""Of a longer recording, so much from its middle is described."""

MUCH_TONALITY, FULL_TONALITY = 0.35, 0.5


def pulse_of(sound: Audio | Recording) -> Pulse | None:
    """The most likely beats of a recording of any rate, channels and length; None if it is silent or under 3 s long."""
    if sound.duration_seconds < MIN_SECONDS:
        return None
    strength = streamed_onset_strength((block[None] for block in _blocks(sound)), sample_rate=RATE_HZ)
    return find_pulse(
        strength[0].double().numpy(),
        frames_a_second=frames_a_second(RATE_HZ),
        duration_seconds=sound.duration_seconds,
    )


def bars_of(sound: Audio | Recording, pulse: Pulse) -> Bars | None:
    """The most likely bars of a recording with these beats; None if it has too few."""
    stream, bands, parts = OnsetStream(RATE_HZ), [], []
    for block in _blocks(sound):
        mel = stream.add(block[None])[0].numpy()
        bands.append(np.add.reduceat(mel, BAND_EDGES[:-1], axis=1))
        parts.append(levelled_chroma(block, sample_rate=RATE_HZ)[0].numpy())
    hop = window_length(HOP, RATE_HZ) / RATE_HZ
    starts = [start / RATE_HZ for start, _ in _heard(sound).spans()]
    seconds = [start + hop * np.arange(part.shape[1]) for start, part in zip(starts, parts, strict=True)]
    return find_bars(
        pulse,
        bands=np.concatenate(bands),
        frames_a_second=stream.frames_a_second,
        classes=np.concatenate(parts, axis=1),
        classes_seconds=np.concatenate(seconds),
    )


def key_of(sound: Audio | Recording) -> Key | None:
    """The most likely key of a recording of any rate, channels and length; None where no pitch sounds."""
    return find_key(_pitches(sound), sample_rate=RATE_HZ)


def _pitches(sound: Audio | Recording) -> list[tuple[torch.Tensor, torch.Tensor]]:
    parts: list[tuple[torch.Tensor, torch.Tensor]] = []
    for block in _blocks(sound):
        if not parts or len(block) >= LEAST_SECONDS * RATE_HZ:
            parts.append(levelled_chroma(block, sample_rate=RATE_HZ))
    return parts


def _heard(sound: Audio | Recording) -> Recording:
    return Resampled(folded(recording(sound)), RATE_HZ)


def _blocks(sound: Audio | Recording) -> Iterator[torch.Tensor]:
    """All of a recording, `[samples]` at a time, in one channel at the rate at which it is listened to."""
    return (torch.tensor(block[0]) for block in _heard(sound).blocks())


@dataclass(frozen=True)
class SourceMusic:
    """A recording in a few words for a person who is about to fuse it.

    `bpm` and `key` are None where nothing can be told, and may be doubted where they are not clear. `rhythm` and
    `harmony` say from 0 (it cannot) to 3 (it can well) how far it can give these; `rhythm_warning` and
    `harmony_warning` are sentences for it as the input and as the target, empty where there is nothing to warn of.
    """

    duration_seconds: float
    bpm: float | None
    is_beat_clear: bool
    key: str | None
    is_key_clear: bool
    rhythm: int
    harmony: int
    rhythm_warning: str
    harmony_warning: str

    def to_json(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


def describe_music(sound: Audio | Recording) -> SourceMusic:
    """Describes a recording of any rate, channels and length by a minute from its middle, in about a second."""
    whole = recording(sound)
    length = min(whole.num_samples, round(CARD_SECONDS * whole.sample_rate))
    part = Cut(whole, length, first=(whole.num_samples - length) // 2).whole()
    pulse, pitches = pulse_of(part), _pitches(part)
    key = find_key(pitches, sample_rate=RATE_HZ)
    attacks = attack_rate(_heard(part).samples[0], sample_rate=RATE_HZ)
    tonality = tonality_of([(spread_of(c, sample_rate=RATE_HZ), level) for c, level in pitches])
    no_rhythm, no_harmony = rhythm_weakness(attacks), harmony_weakness(tonality)
    is_beat_clear = pulse is not None and pulse.is_clear
    return SourceMusic(
        duration_seconds=round(whole.duration_seconds, 3),
        bpm=round(pulse.bpm, 1) if pulse is not None else None,
        is_beat_clear=is_beat_clear,
        key=key.name if key is not None else None,
        is_key_clear=key is not None and key.is_clear,
        rhythm=0
        if no_rhythm
        else 1 + is_beat_clear + bool(is_beat_clear and pulse and pulse.clarity >= 2 * CLARITY),
        harmony=sum(tonality >= least for least in (TONALITY, MUCH_TONALITY, FULL_TONALITY)),
        rhythm_warning=no_rhythm.sentence if no_rhythm else "",
        harmony_warning=no_harmony.sentence if no_harmony else "",
    )
