"""Written targets, typed chords and MIDI files, as recordings; and the beats, bars and chords of a fusion."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from hocket import audio
from hocket.audio import AudioInfo
from hocket.audio.sound import peak
from hocket.audio.streams import Recording, Stored, Workspace
from hocket.audio.views import Resampled, folded
from hocket.data.synthetic.harmony import QUALITIES, bass_of, note_name, voice
from hocket.data.synthetic.render import SAMPLE_RATE
from hocket.errors import AudioError
from hocket.fusing.music import bars_of, pulse_of
from hocket.score.chords import CENTRE, Progression
from hocket.score.midi import is_midi, read_midi
from hocket.score.player import notes_of, play_notes
from hocket.score.timeline import PLAIN_BAR_SECONDS, Timeline, merged
from hocket.signal.chords import NO_CHORD, find_chords, stretch_chroma

Target = str | Path | Progression
"""A recording, a MIDI file, or typed chords."""

SOUND_SHARE = 0.05
CHROMA_SECONDS = 60.0
PLAIN_STRETCH_SECONDS = 0.5
NO_BEATS = "the input has no clear beat: only chords are marked."
HOW_MANY = {0.5: "two per bar", 1.0: "one per bar", 2.0: "one every two bars", 4.0: "one every four bars"}
FLAT_MINORS = (3, 10)


def source_infos(input: str | Path, target: Target) -> tuple[AudioInfo, AudioInfo]:
    """Facts of an input and a target before they are read; typed chords last as long as the input.

    Raises:
        AudioError: a file cannot be read, or the input is a MIDI file.
    """
    if is_midi(input):
        raise AudioError(f"{input} is a MIDI file, which has no sound of its own: give it as the target.")
    first = audio.info(input)
    if isinstance(target, Progression):
        return first, _info(target.stem, first.duration_seconds, "chords")
    return first, midi_info(target) if is_midi(target) else audio.info(target)


def midi_info(path: str | Path) -> AudioInfo:
    """Facts of a MIDI file's sound before it is played.

    Raises:
        AudioError: see `read_midi`.
    """
    return _info(path, read_midi(path).duration_seconds, "midi")


def _info(name: str | Path, seconds: float, format: str) -> AudioInfo:
    return AudioInfo(Path(name), math.ceil(seconds * SAMPLE_RATE), SAMPLE_RATE, 1, format)


def play_midi(path: str | Path, workspace: Workspace, on_read: Callable[[], None]) -> Stored:
    """A MIDI file as a recording, at its own tempo.

    Raises:
        AudioError: see `read_midi`.
    """
    score = read_midi(path)
    num_samples = math.ceil(score.duration_seconds * SAMPLE_RATE)
    return play_notes(score.notes, num_samples=num_samples, workspace=workspace, on_note=on_read)


def play_chords(
    progression: Progression, input: Recording, workspace: Workspace, on_read: Callable[[], None]
) -> tuple[Stored, Timeline, str]:
    """Typed chords on an input's beats, a little longer than it, where they are, and a sentence on their tempo."""
    timeline, bpm = timeline_of(input)
    timeline = timeline.with_progression(progression)
    num_samples = math.ceil(input.duration_seconds * SAMPLE_RATE) + 1
    notes = notes_of(timeline.chords)
    played = play_notes(notes, num_samples=num_samples, workspace=workspace, on_note=on_read)
    how_many = HOW_MANY[progression.bars_per_chord]
    if bpm is None:
        return (
            played,
            timeline,
            (
                f"the input has no clear beat: the chords are played in bars of {PLAIN_BAR_SECONDS:g} s, {how_many}."
            ),
        )
    return played, timeline, f"the chords are played at {bpm:.1f} BPM, {how_many}."


def timeline_of(sound: Recording) -> tuple[Timeline, float | None]:
    """The beats and bars of a recording, and its beats a minute, None without a clear beat."""
    pulse = pulse_of(sound)
    bars = bars_of(sound, pulse) if pulse is not None else None
    start = _sound_seconds(sound) if pulse is not None else 0.0
    timeline = Timeline.of(pulse, duration_seconds=sound.duration_seconds, bars=bars, sound_seconds=start)
    return timeline, pulse.bpm if pulse is not None and pulse.is_clear else None


def _sound_seconds(sound: Recording) -> float:
    """The first moment that is more than a noise before the music."""
    least = SOUND_SHARE * max((peak(block) for block in sound.blocks()), default=0.0)
    for start, stop in sound.spans():
        loud = np.abs(sound.read(start, stop)).max(axis=0) > least
        if loud.any():
            return (start + int(loud.argmax())) / sound.sample_rate
    return 0.0


def estimated(input: Recording, target: Recording) -> Timeline:
    """The beats and bars of an input, and the chord of a target from each beat to the next, read off the sound."""
    timeline, _ = timeline_of(input)
    end = timeline.duration_seconds
    edges = np.unique(np.concatenate([[0.0], timeline.beats_seconds, [end]]))
    if len(timeline.beats_seconds) == 0:
        edges = np.append(np.arange(0.0, end, PLAIN_STRETCH_SECONDS), end)
    heard = Resampled(folded(target), SAMPLE_RATE)
    classes, power = stretch_chroma(_parts(heard), edges, sample_rate=SAMPLE_RATE)
    return timeline.with_chords(merged([_triad(int(found)) for found in find_chords(classes, power)], edges))


def _parts(sound: Recording) -> Iterator[np.ndarray]:
    size = round(CHROMA_SECONDS * sound.sample_rate)
    for start in range(0, sound.num_samples, size):
        yield sound.read(start, min(start + size, sound.num_samples))[0]


def _triad(number: int) -> tuple[str, tuple[int, ...]] | None:
    """The name and notes of a triad as `find_chords` numbers them; None for no chord."""
    if number == NO_CHORD:
        return None
    mode, root = divmod(number, 12)
    quality = ("", "m")[mode]
    classes = tuple((root + step) % 12 for step in QUALITIES[quality])
    name = note_name(root, flats=not mode or root in FLAT_MINORS) + quality
    return name, (bass_of(root), *voice(classes, None, CENTRE))
