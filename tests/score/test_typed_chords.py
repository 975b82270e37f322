"""Typed chords: which names are known, what an unknown one is told, and that they sound as they were written."""

from dataclasses import replace
from itertools import pairwise

import librosa
import numpy as np
import pytest

from hocket.audio import Audio
from hocket.audio.streams import Workspace, recording
from hocket.data.synthetic.harmony import QUALITIES, Chord
from hocket.data.synthetic.render import render_song
from hocket.data.synthetic.songs import make_song
from hocket.errors import ConfigError
from hocket.evaluation import tonality
from hocket.fusing.written import play_chords
from hocket.score.chords import ALIASES, MOST_CHORDS, Progression

RATE_HZ = 24_000
MAJORS, MINORS = {"", "7", "maj7", "6", "add9"}, {"m", "m7"}


def classes(name: str) -> set[int]:
    [chord] = Progression(name).chords
    return {note % 12 for note in (*chord.voicing, chord.bass)}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("C", {0, 4, 7}),
        ("Am", {9, 0, 4}),
        ("F#m7", {6, 9, 1, 4}),
        ("Bbmaj7", {10, 2, 5, 9}),
        ("Dsus4", {2, 7, 9}),
        ("G7", {7, 11, 2, 5}),
        ("Bdim", {11, 2, 5}),
        ("E7", {4, 8, 11, 2}),
        ("Caug", {0, 4, 8}),
        ("Cadd9", {0, 2, 4, 7}),
        ("C6", {0, 4, 7, 9}),
        ("Am/G", {9, 0, 4, 7}),
        ("CM7", {0, 4, 7, 11}),
        ("Cmin", {0, 3, 7}),
        ("D♭maj7", {1, 5, 8, 0}),
        ("Cb", {11, 3, 6}),
        ("C6/9", {0, 4, 7, 9, 2}),
        ("C6/9/E", {0, 4, 7, 9, 2}),
        ("G7(b9)", {7, 11, 2, 5, 8}),
        ("Bø7", {11, 2, 5, 9}),
    ],
)
def test_what_musicians_write_is_known(name: str, expected: set[int]) -> None:
    assert classes(name) == expected


def test_every_alias_names_a_quality() -> None:
    assert set(ALIASES.values()) <= QUALITIES.keys() and not ALIASES.keys() & QUALITIES.keys()


def test_a_slash_gives_the_bass() -> None:
    plain, slashed = Progression("C C/E").chords
    assert plain.bass % 12 == 0 and slashed.bass % 12 == 4
    assert slashed.name == "C/E"


@pytest.mark.parametrize("text", ["Am F C G", "Am,F,C,G", "| Am | F | C | G |", "Am-F-C-G", "Am  F\nC\tG"])
def test_chords_are_separated_as_one_likes(text: str) -> None:
    assert Progression(text).names == ("Am", "F", "C", "G") and Progression(text).name == "Am F C G"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Am F Hm", r"unknown chord 'Hm' \(the 3rd\): did you mean 'Bm'\?"),
        ("am", r"unknown chord 'am' \(the 1st\): did you mean 'Am'\?"),
        ("C Cmajj7", r"unknown chord 'Cmajj7' \(the 2nd\): did you mean 'Cmaj7'\?"),
        ("C " * 11 + "wxyz", r"unknown chord 'wxyz' \(the 12th\): write chords such as"),
        ("C/H", "unknown chord 'C/H'"),
        ("x" * 3000, "unknown chord 'xxxxxxxxxxxxxxxxxxxx…'"),
        (" | ", "there are no chords"),
        ("C " * (MOST_CHORDS + 1), f"at most {MOST_CHORDS} chords"),
    ],
)
def test_what_is_no_chord_is_told_in_a_sentence(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Progression(text)


@pytest.mark.parametrize("bars", [0.0, 3.0, float("nan"), -1.0])
def test_odd_numbers_of_bars_are_refused(bars: float) -> None:
    with pytest.raises(ConfigError, match=r"give 0\.5, 1, 2 or 4"):
        Progression("C", bars)


def test_voices_move_little() -> None:
    chords = Progression("Am F C G").chords
    for before, after in pairwise(chords):
        assert max(min(abs(note - other) for other in before.voicing) for note in after.voicing) <= 3


def triad(chord: Chord) -> int | None:
    """The triad as `tonality.chords` numbers it; None for what is neither major nor minor."""
    if chord.quality in MAJORS:
        return chord.root
    return 12 + chord.root if chord.quality in MINORS else None


@pytest.mark.parametrize(
    ("text", "bars", "seed"),
    [
        ("Am F C G", 1.0, 100),
        ("Em C/E G D/F#", 0.5, 102),
        ("Bbmaj7 Gm7 Cm7 F7", 2.0, 103),
        ("F#m D A E", 1.0, 105),
    ],
)
def test_they_sound_as_written(text: str, bars: float, seed: int) -> None:
    progression = Progression(text, bars)
    drums = render_song(make_song(seed, 0, "drums"), duration_seconds=16.0)
    input = recording(Audio(drums[None], RATE_HZ))
    played, timeline, note = play_chords(progression, input, Workspace(), lambda: None)
    assert note.startswith("the chords are played at ")
    waveform = played.whole().samples[0]
    assert 0.05 < np.sqrt(np.mean(waveform**2)) < 0.2 and np.abs(waveform).max() < 1.0
    heard = tonality.chords(librosa.feature.chroma_cqt(y=waveform, sr=RATE_HZ, hop_length=512))
    times = np.arange(len(heard)) * 512 / RATE_HZ
    starts = [chord.start_seconds for chord in timeline.chords]
    places = np.searchsorted(starts, times, side="right") - 1
    wanted = [triad(progression.chords[place % len(progression.chords)]) for place in places]
    assert np.mean(heard == np.array(wanted)) >= 0.9


def test_they_change_on_the_beats_of_an_input_that_drifts() -> None:
    times = 0.2 + np.cumsum(np.r_[0.0, np.linspace(0.5, 0.52, 31)])
    samples = np.zeros(round(17.0 * RATE_HZ), dtype=np.float32)
    noise = np.random.default_rng(0).standard_normal(2400) * np.exp(-np.arange(2400) / 400)
    for time in times:
        first = round(time * RATE_HZ)
        samples[first : first + 2400] += 0.2 * noise[: len(samples) - first]
    _, timeline, _ = play_chords(
        Progression("C F", 1.0), recording(Audio(samples[None], RATE_HZ)), Workspace(), lambda: None
    )
    starts = np.array([chord.start_seconds for chord in timeline.chords])[1:]
    hits = times[4::4]
    assert len(starts) >= len(hits) == 7
    assert np.abs(starts[: len(hits)] - hits).max() < 0.025
    ends = [chord.end_seconds for chord in timeline.chords]
    assert ends[:-1] == list(starts) and ends[-1] == timeline.duration_seconds


def test_without_a_beat_a_bar_lasts_two_seconds() -> None:
    tone = 0.2 * np.sin(2 * np.pi * 220 * np.arange(7 * RATE_HZ) / RATE_HZ).astype(np.float32)
    sound = recording(Audio(tone[None], RATE_HZ))
    progression = Progression("C F", 0.5)
    _, timeline, note = play_chords(progression, sound, Workspace(), lambda: None)
    assert note == "the input has no clear beat: the chords are played in bars of 2 s, two per bar."
    assert [chord.start_seconds for chord in timeline.chords] == [0, 1, 2, 3, 4, 5, 6]
    slower = replace(progression, bars_per_chord=2.0)
    _, timeline, _ = play_chords(slower, sound, Workspace(), lambda: None)
    assert [(chord.start_seconds, chord.name) for chord in timeline.chords] == [(0, "C"), (4, "F")]
