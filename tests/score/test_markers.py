"""Markers: chords estimated from sound, beats on the time of the output, labels and MIDI that agree."""

import io
from functools import cache

import mido
import numpy as np
import pytest

from hocket.audio import Audio
from hocket.audio.streams import recording
from hocket.data.synthetic.harmony import Chord
from hocket.data.synthetic.render import render_song
from hocket.data.synthetic.songs import Song, make_song
from hocket.fusing.written import estimated
from hocket.score.chords import Progression
from hocket.score.midi import timeline_as_midi
from hocket.score.timeline import TimedChord, Timeline, merged
from hocket.signal.bars import Bars
from hocket.signal.beats import Pulse
from hocket.signal.chords import NO_CHORD, find_chords, stretch_chroma

RATE_HZ = 24_000
SECONDS = 12.0
MAJORS, MINORS = {"", "7", "maj7", "6", "add9", "9", "maj9"}, {"m", "m7", "m9"}


@cache
def song(seed: int, kind: str) -> tuple[Song, np.ndarray]:
    drawn = make_song(seed, 0, kind)  # type: ignore[arg-type]
    return drawn, render_song(drawn, duration_seconds=SECONDS)


def triad(chord: Chord) -> str | None:
    if chord.quality in MAJORS:
        return Progression(_plain(chord.root)).names[0]
    return f"{_plain(chord.root)}m" if chord.quality in MINORS else None


def _plain(root: int) -> str:
    return ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")[root]


def same(name: str, other: str) -> bool:
    """Whether two names are of one chord, however black keys are spelled."""
    first, second = (Progression(written).chords[0] for written in (name, other))
    return (first.root, first.quality) == (second.root, second.quality)


def test_estimated_chords_are_those_of_rendered_songs() -> None:
    shares = []
    for seed, kind in ((12, "chords"), (13, "band"), (14, "chords"), (15, "band")):
        drawn, waveform = song(seed, kind)
        sound = recording(Audio(waveform[None], RATE_HZ))
        found = estimated(sound, sound).chords
        right = total = 0
        for time in np.arange(0.05, SECONDS, 0.1):
            wanted = triad(drawn.harmony.at(time))
            if wanted is not None:
                heard = next((c.name for c in found if c.start_seconds <= time < c.end_seconds), None)
                right, total = right + (heard is not None and same(heard, wanted)), total + 1
        shares.append(right / total)
    assert np.mean(shares) >= 0.75 and min(shares) >= 0.6


def test_drums_noise_and_silence_have_no_chords() -> None:
    edges = np.arange(0.0, SECONDS + 0.1, 0.5)
    noise = np.random.default_rng(0).normal(0, 0.1, round(SECONDS * RATE_HZ)).astype(np.float32)
    for waveform in (song(0, "drums")[1], noise, np.zeros_like(noise)):
        assert (find_chords(*stretch_chroma([waveform], edges, sample_rate=RATE_HZ)) == NO_CHORD).mean() > 0.9


def test_parts_of_a_recording_give_what_the_whole_gives() -> None:
    waveform, edges = song(13, "band")[1], np.arange(0.0, SECONDS, 1.0)
    whole = find_chords(*stretch_chroma([waveform], edges, sample_rate=RATE_HZ))
    parts = find_chords(*stretch_chroma(np.split(waveform, 3), edges, sample_rate=RATE_HZ))
    assert (whole == parts).mean() > 0.9


@pytest.mark.parametrize("seed", [0, 1, 2, 4])
def test_beats_are_those_of_the_rendered_rhythm(seed: int) -> None:
    drawn, waveform = song(seed, "drums")
    sound = recording(Audio(waveform[None], RATE_HZ))
    timeline = estimated(sound, sound)
    beat, first = drawn.rhythm.bar_seconds / 4, drawn.rhythm.first_beat_seconds
    off = (timeline.beats_seconds - first + beat / 2) % beat - beat / 2
    assert np.abs(off).max() < 0.04
    # From the beginning to the end, and the first that sounds begins a bar.
    assert timeline.beats_seconds[0] < beat and timeline.beats_seconds[-1] > SECONDS - 1.1 * beat
    assert abs(timeline.beats_seconds[timeline.bars[0]] - first) < 0.04


def pulse(beats: np.ndarray, period: float) -> Pulse:
    return Pulse(60 / period, beats, clarity=0.9, depth_db=3.0, duration_seconds=30.0)


def test_beats_are_continued_to_both_ends() -> None:
    timeline = Timeline.of(pulse(np.arange(2.1, 8.0, 0.5), 0.5), duration_seconds=10.0, sound_seconds=1.55)
    assert timeline.beats_seconds == pytest.approx(np.arange(0.1, 10.0, 0.5))
    # What sounds first is the beat at 1.6 s.
    assert list(timeline.bars) == list(range(3, 20, 4))
    # A little early is at the beginning.
    timeline = Timeline.of(pulse(np.arange(0.97, 8.0, 0.5), 0.5), duration_seconds=8.0)
    assert timeline.beats_seconds[:2] == pytest.approx([0.0, 0.47])


def read_labels(text: str) -> list[tuple[float, float, str]]:
    rows = [line.split("\t") for line in text.splitlines()]
    assert all(len(row) == 3 for row in rows)
    return [(float(start), float(end), words) for start, end, words in rows]


def read_markers(content: bytes) -> dict[str, list[tuple[float, str]]]:
    """Times by mido's own reading: `text` of bars, `marker` of chords, and notes."""
    file, found, now = mido.MidiFile(file=io.BytesIO(content)), {"text": [], "marker": [], "note_on": []}, 0.0
    for message in file:
        now += message.time
        if message.type in found:
            found[message.type].append((now, getattr(message, "text", "")))
    return found


def timelines() -> list[Timeline]:
    drifting = 0.3 + np.cumsum(np.linspace(0.45, 0.5, 80))
    grids = [
        Timeline.of(pulse(drifting, 0.475), duration_seconds=40.0, sound_seconds=1.6),
        Timeline.of(pulse(np.arange(0.0, 30.0, 0.6), 0.6), duration_seconds=30.0),
        Timeline.of(pulse(np.arange(0.006, 30.0, 0.4123), 0.4123), duration_seconds=30.0),
        Timeline.of(None, duration_seconds=30.0),
    ]
    return [grid.with_progression(Progression("Am F#m7 C/E Bbmaj7", 0.5)) for grid in grids]


@pytest.mark.parametrize("timeline", timelines())
def test_midi_and_labels_agree_within_5_ms(timeline: Timeline) -> None:
    labels = read_labels(timeline.as_labels())
    assert [row[0] for row in labels] == sorted(row[0] for row in labels)
    found = read_markers(timeline_as_midi(timeline))
    bars = [(start, text) for start, _, text in labels if text.startswith("bar ")]
    chords = [(start, text) for start, end, text in labels if end > start]
    assert len(chords) >= 15 and (len(bars) >= 10 or len(timeline.beats_seconds) == 0)
    for wanted, heard in ((bars, found["text"]), (chords, found["marker"])):
        assert [text for _, text in wanted] == [text for _, text in heard]
        assert (
            np.abs(np.array([w - h for (w, _), (h, _) in zip(wanted, heard, strict=True)])).max(initial=0)
            < 0.005
        )
    assert len(found["note_on"]) == sum(len(chord.midis) for chord in timeline.chords)


@pytest.mark.parametrize("timeline", timelines()[:3])
def test_every_beat_is_a_quarter_and_every_bar_a_bar(timeline: Timeline) -> None:
    """As a sequencer counts: bars by the time signatures, quarters by ticks."""
    file = mido.MidiFile(file=io.BytesIO(timeline_as_midi(timeline)))
    now, changes, bars = 0, [], []
    for message in file.tracks[0]:
        now += message.time
        if message.type == "time_signature":
            changes.append((now, 4 * file.ticks_per_beat * message.numerator // message.denominator))
        if message.type == "text":
            bars.append(now)
    assert len(changes) <= 2 and changes[0][0] == 0 and changes[-1] == (bars[0], 4 * file.ticks_per_beat)
    assert bars[0] in (0, changes[0][1])
    assert set(np.diff(bars)) == {4 * file.ticks_per_beat}


def test_beats_are_counted_within_their_bars() -> None:
    timeline = Timeline.of(pulse(np.arange(0.5, 6.0, 0.5), 0.5), duration_seconds=6.0, sound_seconds=1.0)
    assert list(timeline.bars) == [2, 6, 10]
    assert [text for _, _, text in read_labels(timeline.as_labels())][:7] == [
        "0.3", "0.4", "bar 1", "1.1", "1.2", "1.3", "1.4",
    ]  # fmt: skip


def test_clear_bars_of_three_are_taken_as_they_were_heard() -> None:
    beats = pulse(np.arange(0.75, 9.0, 0.5), 0.5)
    timeline = Timeline.of(beats, duration_seconds=9.0, bars=Bars(3, 1, 0.9), sound_seconds=0.75)
    # One beat more is counted before the pulse's first.
    assert list(timeline.bars) == [2, 5, 8, 11, 14, 17]
    assert [text for _, _, text in read_labels(timeline.as_labels())][:5] == [
        "0.2",
        "0.3",
        "bar 1",
        "1.1",
        "1.2",
    ]
    doubtful = Timeline.of(beats, duration_seconds=9.0, bars=Bars(3, 1, 0.3), sound_seconds=0.75)
    assert doubtful.metre == 4
    waltz = timeline.with_progression(Progression("C F"))
    # From the beginning, then each on its bar.
    assert [chord.start_seconds for chord in waltz.chords][:3] == [0.0, *timeline.beats_seconds[[5, 8]]]


def test_chords_in_a_row_become_one() -> None:
    a, b = ("Am", (45, 60)), ("F", (41, 57))
    assert merged([a, a, None, a, b], np.arange(6.0)) == (
        TimedChord(0.0, 2.0, *a),
        TimedChord(3.0, 4.0, *a),
        TimedChord(4.0, 5.0, *b),
    )
