"""MIDI files: the notes of one that is to be played, and one with markers of beats, bars and chords."""

import io
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from math import gcd
from pathlib import Path

import mido
import numpy as np

from hocket import files
from hocket.errors import AudioError
from hocket.score.player import RELEASE_SECONDS, Note
from hocket.score.timeline import Timeline

SUFFIXES = (".mid", ".midi")
MOST_BYTES = 2 * 2**20
MOST_NOTES = 50_000
MOST_SECONDS = 3600.0
DRUM_CHANNEL = 9
PEDAL = 64

TICKS = 480
# The music before the first beat fills a bar of its own, as many sixty-fourths long as fit its time best.
PICKUP_TICKS = TICKS // 16
SAME_SECONDS = 0.002
PLAIN_TEMPO = 500_000
CHORD_VELOCITY = 80


@dataclass(frozen=True)
class Score:
    """The pitched notes of a MIDI file, in seconds at its own tempo."""

    notes: tuple[Note, ...]

    @property
    def duration_seconds(self) -> float:
        """Until the last note has faded."""
        return max(note.end_seconds for note in self.notes) + RELEASE_SECONDS


def is_midi(path: object) -> bool:
    """True if a file is called as MIDI files are."""
    return isinstance(path, str | Path) and Path(path).suffix.lower() in SUFFIXES


def read_midi(path: str | Path) -> Score:
    """Reads a MIDI file of type 0 or 1, without its drums (channel 10); a note lasts while the pedal is down.

    Raises:
        AudioError: it is missing, damaged or of another type, has no notes, too many, or lasts over an hour.
    """
    return _read(str(path), files.read_bytes(path, max_bytes=MOST_BYTES, failure=AudioError))


@lru_cache(maxsize=2)
def _read(path: str, content: bytes) -> Score:
    """Remembered, as a file is looked at before the work and read in it, and a long one takes seconds."""
    try:
        found = mido.MidiFile(file=io.BytesIO(content), clip=True)
    except (EOFError, OSError, ValueError, LookupError, TypeError, mido.KeySignatureError) as error:
        raise AudioError(f"{path} is not a MIDI file, or is damaged: export it again.") from error
    if found.type not in (0, 1) or found.ticks_per_beat <= 0:
        raise AudioError(
            f"{path} is an unsupported kind of MIDI file: export it as type 0 or 1, timed in beats."
        )
    notes = _Reader(path).read(found)
    if not notes:
        raise AudioError(f"{path} has no notes except drums: give a MIDI file with chords or a melody.")
    return Score(tuple(sorted(notes, key=lambda note: (note.start_seconds, note.midi))))


class _Reader:
    """Notes that sound while a file is read: by channel and note, when and how hard they were struck."""

    def __init__(self, path: str | Path) -> None:
        self._path = path
        self._held: dict[tuple[int, int], tuple[float, float]] = {}
        self._let_go: dict[int, set[int]] = defaultdict(set)
        self._pedals: set[int] = set()
        self._notes: list[Note] = []

    def read(self, found: mido.MidiFile) -> list[Note]:
        tempo, seconds = PLAIN_TEMPO, 0.0
        for message in mido.merge_tracks(found.tracks):
            seconds += mido.tick2second(message.time, found.ticks_per_beat, tempo)
            if seconds > MOST_SECONDS and (self._held or message.type == "note_on"):
                raise AudioError(f"{self._path} lasts more than an hour: cut it into parts.")
            if message.type == "set_tempo":
                tempo = message.tempo
            elif getattr(message, "channel", DRUM_CHANNEL) != DRUM_CHANNEL:
                self._take(message, seconds)
        for channel, midi in list(self._held):
            self._end(channel, midi, seconds)
        return self._notes

    def _take(self, message: mido.Message, seconds: float) -> None:
        channel = message.channel
        if message.type == "note_on" and message.velocity > 0:
            self._end(channel, message.note, seconds)
            self._held[channel, message.note] = (seconds, message.velocity / 127)
        elif message.type in ("note_on", "note_off"):
            if channel in self._pedals:
                self._let_go[channel].add(message.note)
            else:
                self._end(channel, message.note, seconds)
        elif message.is_cc(PEDAL):
            self._press(channel, seconds, is_down=message.value >= 64)

    def _press(self, channel: int, seconds: float, *, is_down: bool) -> None:
        if is_down:
            self._pedals.add(channel)
            return
        self._pedals.discard(channel)
        for midi in sorted(self._let_go.pop(channel, ())):
            self._end(channel, midi, seconds)

    def _end(self, channel: int, midi: int, seconds: float) -> None:
        self._let_go[channel].discard(midi)
        start, velocity = self._held.pop((channel, midi), (seconds, 0.0))
        if seconds > start:
            self._notes.append(Note(start, seconds, midi, velocity))
        if len(self._notes) > MOST_NOTES:
            raise AudioError(f"{self._path} has more than {MOST_NOTES} notes: cut it into parts.")


def timeline_as_midi(timeline: Timeline) -> bytes:
    """A MIDI file of type 1: tempo map, time signatures and markers of bars and chords; then the chords' notes.

    Every beat of the output is a quarter note. Without beats a second is two quarter notes.
    """
    seconds, ticks = _grid(timeline)

    def tick(time: float) -> int:
        return round(float(np.interp(time, seconds, ticks)))

    conductor = [(0, mido.MetaMessage("track_name", name="Hocket markers")), *_signatures(timeline, ticks)]
    conductor += _tempos(seconds, ticks)
    for number, beat in enumerate(timeline.bars, start=1):
        conductor.append((tick(timeline.beats_seconds[beat]), mido.MetaMessage("text", text=f"bar {number}")))
    chords = [(0, mido.MetaMessage("track_name", name="Chords"))]
    for chord in timeline.chords:
        start, end = tick(chord.start_seconds), tick(chord.end_seconds)
        # The text of MIDI is Latin-1.
        name = chord.name.replace("♭", "b").replace("♯", "#").encode("latin-1", "replace").decode("latin-1")
        conductor.append((start, mido.MetaMessage("marker", text=name)))
        for midi in chord.midis:
            chords.append((start, mido.Message("note_on", note=midi, velocity=CHORD_VELOCITY)))
            chords.append((end, mido.Message("note_off", note=midi)))
    content = io.BytesIO()
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS)
    file.tracks += [_track(conductor), _track(chords)]
    file.save(file=content)
    return content.getvalue()


def _grid(timeline: Timeline) -> tuple[np.ndarray, np.ndarray]:
    """Times in seconds and their ticks, both ascending, from the beginning to the end."""
    end, beats = timeline.duration_seconds, timeline.beats_seconds
    if len(beats) < 2:
        return np.array([0.0, end]), np.array([0, round(end / PLAIN_TEMPO * 1e6 * TICKS)])
    period = float(np.diff(beats).mean())
    pickup = max(1, round(beats[0] / period * TICKS / PICKUP_TICKS)) * PICKUP_TICKS
    if beats[0] < SAME_SECONDS:
        pickup, beats = 0, np.concatenate([[0.0], beats[1:]])
    ticks = pickup + TICKS * np.arange(len(beats))
    last = ticks[-1] + max(1, round((end - beats[-1]) / period * TICKS))
    seconds, ticks = np.append(beats, end), np.append(ticks, last)
    return (np.append(0.0, seconds), np.append(0, ticks)) if pickup else (seconds, ticks)


def _tempos(seconds: np.ndarray, ticks: np.ndarray) -> list[tuple[int, mido.MetaMessage]]:
    """One tempo from each time to the next, which also makes up for what the tempi before were rounded by."""
    events, reached, last = [], 0.0, None
    for start, stop, end in zip(ticks[:-1], ticks[1:], seconds[1:], strict=True):
        quarters = (stop - start) / TICKS
        tempo = min(max(1, round((end - reached) / quarters * 1e6)), 2**24 - 1)
        reached += tempo * quarters / 1e6
        events += [(int(start), mido.MetaMessage("set_tempo", tempo=tempo))] if tempo != last else []
        last = tempo
    return events


def _signatures(timeline: Timeline, ticks: np.ndarray) -> list[tuple[int, mido.MetaMessage]]:
    """The pick-up's own signature, and one wherever bars have another number of beats than before."""
    if len(timeline.bars) == 0 or len(timeline.beats_seconds) < 2:
        return [(0, _signature(timeline.metre, 4))]
    places = ticks[:-1][-len(timeline.beats_seconds) :]
    events, first = [], int(places[timeline.bars[0]])
    if first:
        parts = first // PICKUP_TICKS
        shared = min(gcd(parts, 16), 16)
        events.append((0, _signature(parts // shared, 64 // shared)))
    last = None
    for bar, count in zip(timeline.bars, [*np.diff(timeline.bars), None], strict=True):
        count = int(count or last or timeline.metre)
        events += [(int(places[bar]), _signature(count, 4))] if count != last else []
        last = count
    return events


def _signature(numerator: int, denominator: int) -> mido.MetaMessage:
    return mido.MetaMessage("time_signature", numerator=numerator, denominator=denominator)


def _track(events: list[tuple[int, mido.Message | mido.MetaMessage]]) -> mido.MidiTrack:
    """Messages at their ticks, as the differences that a file holds; notes end before others begin."""
    track, now = mido.MidiTrack(), 0
    for place, message in sorted(events, key=lambda event: (event[0], event[1].type == "note_on")):
        track.append(message.copy(time=place - now))
        now = place
    return track
