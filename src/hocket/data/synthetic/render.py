"""Renders songs: places drum hits and notes on a time line, adds room, saturation and level."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hocket.data.synthetic import sound
from hocket.data.synthetic.drums import NUM_TAKES, SOFT_BELOW, Kit, strike_drum
from hocket.data.synthetic.harmony import Chord, Harmony
from hocket.data.synthetic.instruments import play
from hocket.data.synthetic.rhythms import Hit, Rhythm, Strike
from hocket.data.synthetic.songs import Song, true_fusion
from hocket.data.synthetic.tone import Timbre

SAMPLE_RATE = 24_000
LEVEL_DB = -20.0  # RMS of every rendered song, dBFS
PART_LEVELS = {"drums": 1.0, "chords": 0.9, "bass": 0.6, "lead": 0.4}
VELOCITY_EXPONENT = 1.3
ANTICIPATION_SECONDS = 0.06  # a strike this little before a change of chord already has the new chord
CHANGE_SECONDS = 0.09  # how long a ringing chord takes to become the next one
SHORTEST_NOTE_SECONDS = 0.05
EDGE_SECONDS = 0.01


@dataclass(frozen=True)
class Note:
    """One note to be played; `fade_in_seconds` is 0 where it is struck."""

    start_seconds: float
    end_seconds: float
    midi: int
    gain: float
    soft: bool
    fade_in_seconds: float
    release_seconds: float


def render_song(song: Song, *, duration_seconds: float, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Renders a song from its start: mono float32 `[samples]` at -20 dBFS RMS, peaks below 0.99."""
    num_samples = round(duration_seconds * sample_rate)
    room, mixed = song.room, np.zeros(num_samples)
    if song.kit is not None:
        drums = _drums(song.kit, song.rhythm.hits(duration_seconds), num_samples, sample_rate)
        gain = 10 ** (song.drums_db / 20)
        mixed += gain * _in_room(drums, song, room.drums_amount, sample_rate, PART_LEVELS["drums"])
    if song.harmony is not None:
        pitched = _pitched(song, song.harmony, duration_seconds, sample_rate)
        mixed += _in_room(pitched, song, room.chords_amount, sample_rate, None)
    return _finished(mixed, song, sample_rate)


def render_truth(
    input_song: Song, target_song: Song, *, duration_seconds: float, sample_rate: int = SAMPLE_RATE
) -> np.ndarray:
    """Renders the true fusion of two songs: the input's rhythm with the target's harmony, as `render_song` does."""
    fused = true_fusion(input_song, target_song)
    return render_song(fused, duration_seconds=duration_seconds, sample_rate=sample_rate)


def _in_room(
    part: np.ndarray, song: Song, amount: float, sample_rate: int, level: float | None
) -> np.ndarray:
    if level is not None:
        part = _levelled(part, level)
    return sound.with_room(
        part,
        decay_seconds=song.room.decay_seconds,
        amount=amount,
        sample_rate=sample_rate,
        seed=song.room.seed,
    )


def _levelled(part: np.ndarray, level: float) -> np.ndarray:
    """A part at an RMS level; a part that never plays stays silent."""
    rms = sound.root_mean_square(part)
    return part * (level / rms) if rms > 0 else part


def _finished(mixed: np.ndarray, song: Song, sample_rate: int) -> np.ndarray:
    """The sum through bus saturation, over its noise floor, free of DC, faded at its edges, at its level."""
    num_samples, num_edge = len(mixed), int(EDGE_SECONDS * sample_rate)
    warm = sound.saturate(sound.at_level(mixed, level_db=0.0, ceiling=np.inf), song.drive)
    floor = np.random.default_rng(song.room.seed).standard_normal(num_samples)
    floor = sound.low_pass(floor, 700.0, sample_rate, order=1)
    warm += floor * (10 ** (song.room.noise_db / 20) / sound.root_mean_square(floor))
    clean = sound.high_pass(warm, 25.0, sample_rate)
    clean = clean * sound.rise(num_samples, num_edge) * sound.fall(num_samples, 2 * num_edge)
    return sound.at_level(clean, level_db=LEVEL_DB).astype(np.float32)


def _drums(kit: Kit, hits: list[Hit], num_samples: int, sample_rate: int) -> np.ndarray:
    """All hits of a kit. An open hat is damped by the next stroke on the hats."""
    track = np.zeros(num_samples)
    takes: dict[tuple[str, int, bool], np.ndarray] = {}
    counts: dict[str, int] = defaultdict(int)
    hats = [hit.seconds for hit in hits if hit.voice in ("hat", "open_hat")]
    for hit in hits:
        soft = hit.velocity < SOFT_BELOW
        key = (hit.voice, counts[hit.voice] % NUM_TAKES, soft)
        counts[hit.voice] += 1
        if key not in takes:
            takes[key] = strike_drum(kit, key[0], key[1], soft=soft, sample_rate=sample_rate)
        stroke = takes[key]
        if hit.voice == "open_hat":
            damped_at = next((s for s in hats if s > hit.seconds + SHORTEST_NOTE_SECONDS), np.inf)
            stroke = _cut(stroke, damped_at - hit.seconds, sample_rate)
        _place(track, stroke, hit.seconds, hit.velocity**VELOCITY_EXPONENT, sample_rate)
    return track


def _cut(stroke: np.ndarray, seconds: float, sample_rate: int) -> np.ndarray:
    num_samples = int(min(seconds * sample_rate, len(stroke)))
    return stroke[:num_samples] * sound.fall(num_samples, int(0.012 * sample_rate))


def _place(track: np.ndarray, stroke: np.ndarray, seconds: float, gain: float, sample_rate: int) -> None:
    """Adds a stroke to a track in place; what lies beyond either end is cut off."""
    start = round(seconds * sample_rate)
    stroke = stroke[max(0, -start) :]
    start = max(0, start)
    length = min(len(stroke), len(track) - start)
    if length > 0:
        track[start : start + length] += gain * stroke[:length]


def _pitched(song: Song, harmony: Harmony, duration_seconds: float, sample_rate: int) -> np.ndarray:
    """Chords, bass and melody, each at its level."""
    rhythm, num_samples = song.rhythm, round(duration_seconds * sample_rate)
    mixed = np.zeros(num_samples)
    for part, timbre, strikes, notes_of in (
        ("chords", song.chords, Rhythm.chord_strikes, lambda chord, _: chord.voicing),
        ("bass", song.bass, Rhythm.bass_strikes, lambda chord, degree: (chord.bass_note(degree),)),
        ("lead", song.lead, Rhythm.lead_strikes, lambda chord, degree: (chord.ladder_note(degree),)),
    ):
        if timbre is not None:
            notes = [
                note
                for strike in strikes(rhythm, duration_seconds)
                for note in notes_of_strike(strike, harmony, timbre, notes_of)
            ]
            track = _played(notes, timbre, num_samples, sample_rate)
            mixed += _levelled(track, PART_LEVELS[part])
    return mixed


def notes_of_strike(
    strike: Strike, harmony: Harmony, timbre: Timbre, notes_of: Callable[[Chord, int], tuple[int, ...]]
) -> list[Note]:
    """The notes of one strike, with the chords that the harmony has while it rings.

    Where the chord changes under a ringing strike, the notes melt into those of the next chord: a change of
    harmony is heard, but nothing is struck that the rhythm does not strike.
    """
    start = max(0.0, strike.start_seconds)
    end = max(strike.end_seconds, start + SHORTEST_NOTE_SECONDS)
    first = harmony.number_at(start + ANTICIPATION_SECONDS)
    last = max(first, harmony.number_at(end - ANTICIPATION_SECONDS))
    changes = [harmony.start_seconds + n * harmony.chord_seconds for n in range(first + 1, last + 1)]
    notes = []
    for number, begin, finish in zip(range(first, last + 1), [start, *changes], [*changes, end], strict=True):
        struck, kept = number == first, number == last
        chord = harmony.chords[number % len(harmony.chords)]
        midis = notes_of(chord, strike.degree)
        fading = np.exp(-(begin - start) / timbre.decay_seconds)
        for order, midi in enumerate(midis):
            notes.append(
                Note(
                    start_seconds=begin + (order * timbre.strum_seconds if struck else 0.0),
                    end_seconds=finish,
                    midi=midi,
                    gain=float(fading * strike.velocity**VELOCITY_EXPONENT / np.sqrt(len(midis))),
                    soft=strike.velocity < SOFT_BELOW,
                    fade_in_seconds=0.0 if struck else CHANGE_SECONDS,
                    release_seconds=timbre.release_seconds if kept else CHANGE_SECONDS,
                )
            )
    return notes


def _played(notes: list[Note], timbre: Timbre, num_samples: int, sample_rate: int) -> np.ndarray:
    """All notes of an instrument, each gated by its own start and end."""
    track = np.zeros(num_samples)
    for note in notes:
        sounding = max(SHORTEST_NOTE_SECONDS, note.end_seconds - note.start_seconds)
        start, length = (
            round(s * sample_rate) for s in (note.start_seconds, sounding + note.release_seconds)
        )
        held = play(
            timbre,
            note.midi,
            soft=note.soft,
            num_samples=length,
            sample_rate=sample_rate,
            start_sample=start,
        )
        held *= sound.fall(length, round(note.release_seconds * sample_rate))
        if note.fade_in_seconds:
            held *= sound.rise(length, round(note.fade_in_seconds * sample_rate))
        _place(track, held, note.start_seconds, note.gain, sample_rate)
    return track
