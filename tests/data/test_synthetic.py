import re
from dataclasses import replace
from itertools import pairwise

import librosa
import numpy as np
import pytest

from hocket.data.synthetic import sound
from hocket.data.synthetic.drums import LEVELS
from hocket.data.synthetic.harmony import (
    PROGRESSIONS,
    Chord,
    Harmony,
    bass_of,
    make_harmony,
    parse_numeral,
    voice,
)
from hocket.data.synthetic.render import LEVEL_DB, SAMPLE_RATE, notes_of_strike, render_song
from hocket.data.synthetic.rhythms import BASS_DEGREES, CHORD_DEGREES, Rhythm, following, parse_line
from hocket.data.synthetic.songs import make_song
from hocket.data.synthetic.styles import CHORD_STYLES, DRUM_STYLES

DRUMS, _, BAND = range(3)  # the kinds of the songs 0, 1 and 2


def rms_db(samples: np.ndarray) -> float:
    return 20 * np.log10(sound.root_mean_square(samples))


def plain(song, **changes):
    """The song with a rhythm that neither swings nor is humanised, without ghosts, fills or crashes."""
    still = {"swing": 0.0, "humanise_seconds": 0.0, "ghosts": 0.0, "phrase_bars": 10**6}
    return replace(song, rhythm=replace(song.rhythm, **(still | changes)))


# --- rhythm ---


@pytest.mark.parametrize(("name", "style"), [*DRUM_STYLES.items(), *CHORD_STYLES.items()])
def test_patterns_are_whole_bars_of_known_letters(name, style):
    steps = style.beats_per_bar * style.steps_per_beat
    for voice_name, patterns in style.drums.items():
        assert voice_name in LEVELS
        assert all(len(p) == steps and set(p) <= set("Xxo?.") for p in patterns), (name, voice_name)
    for patterns, letters in ((style.chords, "Xx-."), (style.bass, "rtfo-."), (style.lead, "x-.")):
        assert all(len(p) % steps == 0 and set(p) <= set(letters) for p in patterns), name
        # A pattern that begins with a ringing step would ring from nothing.
        assert all(re.search(r"(^|\.)-", p) is None for p in patterns), name
    assert 70 <= style.tempo_bpm[0] < style.tempo_bpm[1] <= 180


def test_a_line_is_read_as_it_is_written():
    line = parse_line("X--.x.-x", CHORD_DEGREES)
    assert line.num_steps == 8
    assert [(g.step, g.num_steps) for g in line.gates] == [(0, 3), (4, 1), (7, 1)]
    assert line.gates[0].velocity > line.gates[1].velocity
    assert [g.degree for g in parse_line("r-f-o.t.", BASS_DEGREES).gates] == [0, 2, 3, 1]


def test_what_follows_the_drums_is_struck_with_their_strong_hits_and_rings_between_them():
    drums = (
        ("hat", (0.75,) * 8),
        ("kick", (1.0, 0, 0, 0.4, 0, 0, 0, 0)),
        ("snare", (0, 0, 0, 0, 0.75, 0, 0, 0)),
    )
    line = following(drums, "chords")
    assert [(g.step, g.num_steps, g.velocity) for g in line.gates] == [(0, 4, 1.0), (4, 4, 0.75)]
    assert [g.step for g in following(drums, "bass").gates] == [0]


def test_swing_moves_the_second_half_of_each_pair_and_nothing_else():
    rhythm = replace(make_song(0, DRUMS).rhythm, tempo_bpm=120.0, beats_per_bar=4, steps_per_beat=4)
    straight = replace(rhythm, swing=0.0, swung_steps=1, first_beat_seconds=0.0)
    swung = replace(straight, swing=1 / 3)
    eighths = replace(straight, swing=1 / 3, swung_steps=2)
    steps = np.arange(8)
    assert [straight.seconds_of(s) for s in steps] == pytest.approx(steps * 0.125)
    # A swing of a third is the triplet: two thirds of the pair, then one.
    assert [swung.seconds_of(s) for s in steps] == pytest.approx(
        (steps + np.where(steps % 2, 1 / 3, 0)) * 0.125
    )
    assert eighths.seconds_of(2) == pytest.approx(2 * 4 / 3 * 0.125)
    assert eighths.seconds_of(3) == pytest.approx((2 * 4 / 3 + 2 / 3) * 0.125)
    assert eighths.seconds_of(4) == pytest.approx(0.5)


@pytest.mark.parametrize(
    "events", [Rhythm.hits, Rhythm.chord_strikes, Rhythm.bass_strikes, Rhythm.lead_strikes]
)
def test_a_longer_song_only_appends_to_a_shorter_one(events):
    rhythm = make_song(3, BAND).rhythm
    long = events(rhythm, 17.0)
    begun = [e for e in long if getattr(e, "seconds", getattr(e, "start_seconds", None)) < 6.5]
    assert events(rhythm, 6.5) == begun
    assert len(long) > len(begun) > 0


@pytest.mark.parametrize("index", [0, 3, 6, 9])
def test_onsets_of_a_drum_loop_fall_on_the_grid_of_its_tempo(index):
    song = plain(make_song(1, index), first_beat_seconds=0.2)
    samples = render_song(song, duration_seconds=6.0)
    onsets = librosa.onset.onset_detect(y=samples, sr=SAMPLE_RATE, hop_length=128, units="time")
    beats, steps = song.rhythm.tempo_bpm / 60, song.rhythm.steps_per_beat
    step_seconds = 1 / (beats * steps)
    late_seconds = (onsets - 0.2 + 0.006) % step_seconds - 0.006
    assert len(onsets) >= 8
    # The detector answers some 10 ms late, a shaker's swell takes up to 30 ms more. By chance a third would pass.
    assert np.mean(late_seconds < 0.04) >= 0.95


# --- harmony ---


@pytest.mark.parametrize(
    ("numeral", "expected"),
    [
        ("I", (0, "")),
        ("ii", (2, "m")),
        ("bVII", (10, "")),
        ("Vsus4", (7, "sus4")),
        ("iidim", (2, "dim")),
        ("iv", (5, "m")),
        ("#IV", (6, "")),
        ("V7", (7, "7")),
    ],
)
def test_numerals_are_degrees_of_the_major_scale(numeral, expected):
    assert parse_numeral(numeral) == expected


@pytest.mark.parametrize("numeral", ["", "VIII", "H", "Vfoo", "iV"])
def test_what_is_no_numeral_is_refused(numeral):
    with pytest.raises(ValueError, match=r"numeral|quality"):
        parse_numeral(numeral)


@pytest.mark.parametrize("mode", PROGRESSIONS)
def test_every_progression_can_be_read(mode):
    for numeral in " ".join(PROGRESSIONS[mode]).split():
        plain_numeral, _, inversion = numeral.partition("/")
        parse_numeral(plain_numeral)
        assert inversion in ("", "3", "5")


def test_voicings_hold_the_chords_notes_and_move_little():
    for index in range(30):
        harmony = make_harmony(np.random.default_rng(index), start_seconds=0.0, bar_seconds=2.0)
        for chord in harmony.chords:
            assert sorted({n % 12 for n in chord.voicing}) == sorted(chord.pitch_classes)
            assert all(28 <= chord.bass_note(degree) <= 51 for degree in range(4))
            assert all(chord.bass_note(d) % 12 in chord.pitch_classes for d in range(4))
            assert all(chord.ladder_note(step) % 12 in chord.pitch_classes for step in range(9))
        for before, after in pairwise(harmony.chords):
            ways = [min(abs(n - p) for p in before.voicing) for n in after.voicing]
            assert max(ways) <= 6, (before, after)
            assert np.mean(ways) <= 3.5


def test_keeping_a_common_note_is_cheaper_than_jumping():
    c_major = voice((0, 4, 7), None, 60)
    a_minor = voice((9, 0, 4), c_major, 60)
    assert {0, 4} <= {n % 12 for n in set(c_major) & set(a_minor)}


def test_chords_are_named_as_on_a_lead_sheet():
    assert Chord(0, "", (60, 64, 67), 36).name == "C"
    assert Chord(0, "maj7", (60, 64, 67), 28).name == "Cmaj7/E"
    assert Chord(6, "m7", (), 30, flats=False).name == "F#m7"
    assert Chord(10, "", (), 34, flats=True).name == "Bb"
    assert Harmony(1, "minor", (), 0, 1).key == "C# minor"
    assert Harmony(3, "dorian", (), 0, 1).key == "Eb dorian"


def test_the_chord_at_a_time_is_a_matter_of_the_clock():
    chords = tuple(Chord(root, "", (60,), bass_of(root)) for root in (0, 5, 7))
    harmony = Harmony(0, "major", chords, start_seconds=0.5, chord_seconds=2.0)
    assert [harmony.at(t).root for t in (0.0, 0.4, 2.49, 2.51, 4.6, 6.6, 60.5)] == [0, 0, 0, 5, 7, 0, 0]
    timeline = harmony.timeline(7.0)
    assert [start for start, _ in timeline] == [0.0, 2.5, 4.5, 6.5]
    for start, chord in timeline:
        assert harmony.at(start + 1e-6) == chord


def test_a_ringing_chord_becomes_the_next_one_on_the_clock():
    """Whatever rhythm strikes, each note belongs to the chord that the harmony has while it sounds."""
    rhythms = [make_song(5, index).rhythm for index in (0, 1, 2)]
    target = make_song(5, 4)
    for rhythm in rhythms:
        for strike in rhythm.chord_strikes(20.0):
            notes = notes_of_strike(
                strike, target.harmony, target.chords.struck(), lambda chord, _: chord.voicing
            )
            assert notes[0].start_seconds == max(0, strike.start_seconds)
            assert notes[-1].end_seconds >= strike.end_seconds
            for note in notes:
                middle = (note.start_seconds + note.end_seconds) / 2
                assert note.midi in target.harmony.at(middle).voicing
                # Struck where the rhythm strikes, and nowhere else.
                assert (note.fade_in_seconds == 0) == (note.start_seconds == notes[0].start_seconds)


# --- songs ---


@pytest.mark.parametrize("index", range(6))
def test_songs_are_at_level_and_clean(index):
    samples = render_song(make_song(11, index), duration_seconds=5.0)
    assert samples.dtype == np.float32
    assert samples.shape == (5 * SAMPLE_RATE,)
    assert np.isfinite(samples).all()
    assert rms_db(samples) == pytest.approx(LEVEL_DB, abs=0.02)
    assert np.max(np.abs(samples)) < 0.99
    assert abs(np.mean(samples, dtype=float)) < 1e-4
    assert np.max(np.abs(samples[[0, 1, -2, -1]])) < 1e-3
    assert rms_db(samples) < 20 * np.log10(np.max(np.abs(samples))) - 8  # dynamics are left


@pytest.mark.parametrize("sample_rate", [8_000, 16_000, 44_100])
def test_other_sample_rates_give_the_same_music(sample_rate):
    song = make_song(2, BAND)
    samples = render_song(song, duration_seconds=4.0, sample_rate=sample_rate)
    reference = render_song(song, duration_seconds=4.0)
    assert samples.shape == (4 * sample_rate,)
    assert rms_db(samples) == pytest.approx(LEVEL_DB, abs=0.02)
    envelopes = [
        np.sqrt(np.mean(sound.low_pass(x, 2000.0, rate).reshape(-1, rate // 50) ** 2, axis=1))
        for x, rate in ((samples, sample_rate), (reference, SAMPLE_RATE))
    ]
    assert np.corrcoef(envelopes)[0, 1] > 0.9


def test_songs_are_a_function_of_seed_and_index():
    for index in range(3):
        first, second = (render_song(make_song(4, index), duration_seconds=2.0) for _ in range(2))
        assert first.tobytes() == second.tobytes()
        assert make_song(4, index) == make_song(np.random.SeedSequence(4), index)
    assert make_song(4, 0) != make_song(5, 0)
    assert make_song(4, 0).rhythm != make_song(4, 3).rhythm
    assert make_song(4, 0, "band").kind == "band"
    other = render_song(make_song(5, 2), duration_seconds=2.0)
    assert other.tobytes() != render_song(make_song(4, 2), duration_seconds=2.0).tobytes()


def test_songs_are_of_many_kinds():
    songs = [make_song(0, index) for index in range(48)]
    assert {song.kind for song in songs} == {"drums", "chords", "band"}
    assert len({song.rhythm.style for song in songs}) >= 15
    assert len({song.chords.family for song in songs if song.chords}) >= 7
    assert len({song.harmony.key for song in songs if song.harmony}) >= 15
    assert len({chord.quality for s in songs if s.harmony for chord in s.harmony.chords}) >= 6
    tempi = [song.rhythm.tempo_bpm for song in songs]
    assert min(tempi) < 80
    assert max(tempi) > 150
    for song in songs:
        assert (song.kit is not None) == bool(song.rhythm.drums) == (song.kind != "chords")
        assert (song.harmony is not None) == (song.chords is not None) == (song.kind != "drums")
