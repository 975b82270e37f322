"""Plays notes: an electric piano over a soft pad, both of the rendered corpus's instruments."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hocket.audio.streams import Stored, Workspace
from hocket.data.synthetic import sound
from hocket.data.synthetic.instruments import play
from hocket.data.synthetic.render import SAMPLE_RATE, VELOCITY_EXPONENT
from hocket.data.synthetic.tone import Timbre
from hocket.score.timeline import TimedChord

RELEASE_SECONDS = 0.25
PIECE_SECONDS = 12.0
NOTE_LEVEL = 0.06
CHORD_VELOCITY = 0.8
# Softer, or the overtones of the bass of C/E make it an Em: 5 dB.
BASS_VELOCITY = 0.5
# The piano says where a note begins, the pad holds it: the target has to sound at every onset of the input.
LAYERS = (
    Timbre("electric_piano", 0.55, 0.004, 4.0, RELEASE_SECONDS, 0.2, 0.0, seed=1),
    Timbre("pad", 0.75, 0.04, np.inf, RELEASE_SECONDS, 0.4, 0.0, seed=2),
)


@dataclass(frozen=True)
class Note:
    """A MIDI note held from its start to its end; `velocity` is above 0 and at most 1."""

    start_seconds: float
    end_seconds: float
    midi: int
    velocity: float


def notes_of(chords: Sequence[TimedChord]) -> list[Note]:
    """All notes of chords, each as long as its chord; the lowest is the bass."""
    return [
        Note(chord.start_seconds, chord.end_seconds, midi, CHORD_VELOCITY if place else BASS_VELOCITY)
        for chord in chords
        for place, midi in enumerate(chord.midis)
    ]


def play_notes(
    notes: Sequence[Note], *, num_samples: int, workspace: Workspace, on_note: Callable[[], None]
) -> Stored:
    """Mono at 24 kHz, so many samples; `on_note` is called before each note and may raise to stop.

    Each pitch is rendered once, as long as its longest note, and all its notes are cut from that.
    """
    track = workspace.new(1, num_samples, SAMPLE_RATE)
    pieces = [piece for note in notes for piece in _pieces(note)]
    lengths: dict[int, float] = {}
    for piece, _ in pieces:
        held = piece.end_seconds - piece.start_seconds
        lengths[piece.midi] = max(held, lengths.get(piece.midi, 0.0))
    takes: dict[int, np.ndarray] = {}
    for piece, is_struck in sorted(pieces, key=lambda item: item[0].start_seconds):
        on_note()
        if piece.midi not in takes:
            takes[piece.midi] = _take(piece.midi, lengths[piece.midi])
        _add(track, piece, takes[piece.midi], is_struck)
    return track


def _pieces(note: Note) -> Iterator[tuple[Note, bool]]:
    """A long note in parts, of which only the first is struck, so that no pitch is rendered for longer than a part."""
    starts = np.arange(note.start_seconds, max(note.end_seconds, note.start_seconds + 1e-3), PIECE_SECONDS)
    for number, start in enumerate(starts):
        end = min(float(start) + PIECE_SECONDS, note.end_seconds)
        yield replace(note, start_seconds=float(start), end_seconds=end), number == 0


def _take(midi: int, seconds: float) -> np.ndarray:
    num_samples = round((seconds + RELEASE_SECONDS) * SAMPLE_RATE) + 1
    layers = [
        play(timbre, midi, soft=False, num_samples=num_samples, sample_rate=SAMPLE_RATE) for timbre in LAYERS
    ]
    return np.sum(layers, axis=0).astype(np.float32)


def _add(track: Stored, note: Note, take: np.ndarray, is_struck: bool) -> None:
    """Adds a note, cut where the track ends."""
    start, num_release = round(note.start_seconds * SAMPLE_RATE), round(RELEASE_SECONDS * SAMPLE_RATE)
    length = round((note.end_seconds - note.start_seconds) * SAMPLE_RATE) + num_release
    gain = NOTE_LEVEL * note.velocity**VELOCITY_EXPONENT
    held = gain * take[:length] * sound.fall(min(length, len(take)), num_release)
    if not is_struck:
        held *= sound.rise(len(held), num_release)
    held = held[: max(0, track.num_samples - start)]
    if len(held):
        track.write(start, track.read(start, start + len(held)) + held.astype(np.float32))
