"""Keys: the scale of rendered songs is found, drums and atonal music have no clear key, names are read."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hocket.data.synthetic.harmony import TO_RELATIVE_MAJOR, Chord, bass_of, voice
from hocket.data.synthetic.render import SAMPLE_RATE, render_song
from hocket.data.synthetic.songs import make_song
from hocket.errors import ConfigError
from hocket.keys import KEY_NAMES, key_name, parse_key
from hocket.signal.harmony import PitchEnergies, levelled_chroma
from hocket.signal.key import Key, find_key


def key_in(waveform: np.ndarray, *, part_seconds: float = 10.0) -> Key | None:
    parts = torch.tensor(waveform).float().split(round(part_seconds * SAMPLE_RATE))
    return find_key(
        [levelled_chroma(part, sample_rate=SAMPLE_RATE) for part in parts], sample_rate=SAMPLE_RATE
    )


def test_the_notes_of_rendered_songs_are_found() -> None:
    clear = right = 0
    for index in range(10):
        song = make_song(41, index, "chords" if index % 4 == 3 else "band")
        found = key_in(render_song(song, duration_seconds=16.0))
        assert found is not None and song.harmony is not None
        true = (song.harmony.tonic + TO_RELATIVE_MAJOR[song.harmony.mode]) % 12
        clear += found.is_clear
        right += found.is_clear and found.major == true
    assert clear >= 8 and right >= 0.9 * clear


def test_drums_and_noise_have_no_clear_key() -> None:
    random = np.random.default_rng(0)
    sounds = [render_song(make_song(42, index, "drums"), duration_seconds=16.0) for index in range(6)]
    sounds += [0.1 * random.standard_normal(20 * SAMPLE_RATE) for _ in range(2)]
    for sound in sounds:
        found = key_in(sound)
        assert found is None or not found.is_clear
    assert key_in(np.zeros(SAMPLE_RATE)) is None


@pytest.mark.parametrize("index", range(0, 4, 2))
def test_chords_drawn_at_random_have_no_clear_key(index: int) -> None:
    random = np.random.default_rng(index)
    song = make_song(43, index, "chords" if index % 2 else "band")
    chords: list[Chord] = []
    for root in random.permutation(np.tile(np.arange(12), 2)):
        chord = Chord(int(root), str(random.choice(["dim", "", "m", "maj7", "m7b5"])), (), bass_of(int(root)))
        previous = chords[-1].voicing if chords else None
        chords.append(replace(chord, voicing=voice(chord.pitch_classes, previous, 60)))
    assert song.harmony is not None
    song = replace(song, harmony=replace(song.harmony, chords=tuple(chords), chord_seconds=0.8))
    found = key_in(render_song(song, duration_seconds=20.0))
    assert found is not None and not found.is_clear


def test_level_and_parts_do_not_matter() -> None:
    sound = render_song(make_song(44, 1, "band"), duration_seconds=20.0)
    found = [key_in(sound), key_in(0.01 * sound), key_in(sound, part_seconds=20.0)]
    assert {key.name for key in found if key} == {found[0].name} and None not in found  # type: ignore[union-attr]


def test_any_length_has_as_many_frames_below_the_split_as_above() -> None:
    """Of lengths just under a whole number of hops the bass had one frame more, which nothing could be done with."""
    for samples in range(20 * 2048 - 20, 20 * 2048 + 2):
        energies = PitchEnergies.of(torch.zeros(1, samples), sample_rate=24_000)
        assert energies.bass.shape[1] == energies.treble.shape[1]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        *((name, name) for name in KEY_NAMES),
        ("Am", "A minor"),
        ("a-minor", "A minor"),
        ("A min", "A minor"),
        ("C", "C major"),
        ("CM", "C major"),
        ("F#m", "F# minor"),
        ("f♯ minor", "F# minor"),
        ("Bb", "Bb major"),
        ("b-flat major", "Bb major"),
        ("C#", "Db major"),
        ("Cb", "B major"),
    ],
)
def test_keys_are_read_as_people_write_them(text: str, name: str) -> None:
    assert key_name(*parse_key(text)) == name


@pytest.mark.parametrize(
    ("text", "nearest"),
    [("H", "B major"), ("Hm", "B minor"), ("A minr", "A minor"), ("", "C major"), ("C##", "C")],
)
def test_what_is_not_a_key_is_told_with_the_nearest(text: str, nearest: str) -> None:
    with pytest.raises(ConfigError, match=rf"key is '{text}': did you mean {nearest}"):
        parse_key(text)


def test_relative_keys_share_their_notes() -> None:
    assert Key(9, "minor", 1.0).major == Key(0, "major", 1.0).major == 0
    assert Key(9, "minor", 0.4).name == "A minor" and not Key(9, "minor", 0.4).is_clear
