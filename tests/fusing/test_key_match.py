"""Keys of input and target are brought together by the least transposition, or left with a reason."""

from pathlib import Path

import numpy as np
import pytest
import torch
from small_fuser import small_fuser
from timed_sounds import hits, noise, tone

from hocket import audio
from hocket.audio import Audio
from hocket.audio.streams import InMemory, Workspace
from hocket.data.synthetic.render import SAMPLE_RATE, render_song
from hocket.data.synthetic.songs import make_song
from hocket.errors import ConfigError
from hocket.fusing import FuseOptions
from hocket.fusing.ladder import align
from hocket.fusing.music import describe_music
from hocket.fusing.sources import Sources
from hocket.fusing.stretching import stretched
from hocket.fusing.transposing import transposition
from hocket.signal.harmony import chroma


def rendered(seed: int, index: int, kind: str, *, seconds: float = 14.0) -> Audio:
    return Audio(render_song(make_song(seed, index, kind), duration_seconds=seconds)[None], SAMPLE_RATE)  # type: ignore[arg-type]


def transposed(sound: Audio, semitones: int) -> Audio:
    source = InMemory(sound.samples, sound.sample_rate)
    kept = stretched(source, num_samples=sound.num_samples, workspace=Workspace(), semitones=semitones)
    return kept.whole()


def pitch_classes(sound: Audio) -> np.ndarray:
    return chroma(torch.tensor(sound.samples[:1]), sample_rate=sound.sample_rate)[0].numpy().mean(axis=1)


def agreement(first: Audio, second: Audio) -> float:
    return float(np.corrcoef(pitch_classes(first), pitch_classes(second))[0, 1])


def aligned(input: Audio, target: Audio, **wanted: str) -> tuple[Audio, tuple[str, ...]]:
    """The target as it is fused, and the notes."""
    names = ("input.wav", "target.wav")
    sources = Sources(
        InMemory(input.samples, input.sample_rate), InMemory(target.samples, target.sample_rate), names
    )
    result = align(sources, FuseOptions(**wanted), Workspace())  # type: ignore[arg-type]
    return result.target.whole(), result.notes


@pytest.mark.parametrize("semitones", [-5, 3, 12])
def test_transposing_moves_the_pitch_and_nothing_else(semitones: int) -> None:
    sound = tone(440.0, seconds=2.0, channels=3)
    source = InMemory(sound.samples, sound.sample_rate)
    for length in (sound.num_samples, round(1.2 * sound.num_samples)):
        moved = stretched(source, num_samples=length, workspace=Workspace(), semitones=semitones).samples
        assert moved.shape == (3, length)
        middle = moved[2, length // 4 : -length // 4]
        crossings = np.sum((middle[:-1] < 0) & (middle[1:] >= 0)) / len(middle) * sound.sample_rate
        assert crossings == pytest.approx(440 * 2 ** (semitones / 12), rel=0.005)
        assert np.sqrt(2 * np.mean(middle**2)) == pytest.approx(0.3, rel=0.06)


def test_attacks_stay_where_they_are() -> None:
    samples = np.zeros((1, 3 * SAMPLE_RATE), dtype=np.float32)
    places = np.arange(0.3, 2.8, 0.5)
    for place in places:
        first = round(place * SAMPLE_RATE)
        wave = np.sin(2 * np.pi * 600 * np.arange(4000) / SAMPLE_RATE) * np.exp(-np.arange(4000) / 800)
        samples[0, first : first + 4000] += 0.5 * wave
    moved = transposed(Audio(samples, SAMPLE_RATE), 4).samples[0]
    for place in places:
        near = np.abs(moved[round((place - 0.05) * SAMPLE_RATE) : round((place + 0.1) * SAMPLE_RATE)])
        rise = int(np.argmax(near > 0.5 * near.max())) / SAMPLE_RATE - 0.05
        assert abs(rise) < 0.02


def test_the_notes_of_input_and_target_agree_more_after_a_match() -> None:
    better = pairs = 0
    for index in range(6):
        song = rendered(51, index, "band", seconds=10.0)
        other = transposed(song, (index % 5 + 1) * (-1) ** index)
        target, notes = aligned(song, other, key="match")
        if "keeps" in notes[0]:
            continue
        pairs += 1
        better += agreement(song, target) > agreement(song, other) + 0.1
    assert pairs >= 5 and better >= 0.9 * pairs


def test_what_was_done_is_said() -> None:
    song = rendered(51, 1, "band")
    name = describe_music(song).key
    for semitones, way in ((-3, "up 3 semitones"), (1, "down 1 semitone,")):
        _, notes = aligned(song, transposed(song, semitones), key="match")
        assert notes[0].startswith(f"the target was moved {way}") and f"to {name}" in notes[0]
    assert transposition(song, song, wanted="match") == (
        0,
        f"the target keeps its pitch, because it is already in the input's key: {name}.",
    )
    semitones, note = transposition(song, song, wanted="C major")
    assert -5 <= semitones <= 6 and ("C major" in note or "A minor" in note)


def test_without_a_clear_key_nothing_at_all_changes() -> None:
    song, drums = rendered(51, 1, "band"), rendered(52, 0, "drums")
    for input, target, key, role in (
        (drums, song, "match", "input"),
        (song, drums, "match", "target"),
        (song, drums, "Am", "target"),
    ):
        fused, notes = aligned(input, target, key=key)
        assert notes == (
            f"the target keeps its pitch, because the {role} has no clear key (drum loops, for example, have none).",
        )
        np.testing.assert_array_equal(fused.samples, target.samples)
    fused, notes = aligned(song, song, key="match")
    np.testing.assert_array_equal(fused.samples, song.samples)
    assert transposition(drums, song, wanted="none") == (0, "")


@pytest.mark.parametrize("wanted", [{"align": "tempo"}, {"align": "bars"}, {"fit": "stretch"}, {}])
def test_a_target_is_transposed_while_it_is_stretched_cut_or_looped(wanted: dict[str, str]) -> None:
    song = rendered(51, 1, "band", seconds=16.0)
    other = transposed(Audio(song.samples[:, : 12 * SAMPLE_RATE], SAMPLE_RATE), 4)
    before, _ = aligned(song, other, **wanted)
    after, notes = aligned(song, other, key="match", **wanted)
    assert after.num_samples == song.num_samples and "down 4 semitones" in notes[0]
    assert agreement(song, after) > max(0.85, agreement(song, before) + 0.1)


def test_a_long_target_in_stereo_is_the_same_from_a_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    song = rendered(51, 1, "band", seconds=8.0)
    moved = transposed(song, 3)
    wide = Audio(np.concatenate([moved.samples, 0.5 * moved.samples]), SAMPLE_RATE)
    for name, sound in (("in.wav", song), ("target.wav", wide)):
        audio.save(tmp_path / name, sound, encoding="float32")
    paths = (tmp_path / "in.wav", tmp_path / "target.wav")
    options, fuser = FuseOptions(key="match", num_channels=2), small_fuser()
    held = fuser.fuse_files(*paths, options=options)
    assert "down 3 semitones" in held.notes[0]
    assert agreement(Audio(held.target.samples, SAMPLE_RATE), song) > agreement(wide, song) + 0.1
    monkeypatch.setattr("hocket.audio.streams.MOST_IN_MEMORY", 0)
    facts = fuser.fuse_to_file(*paths, tmp_path / "out.wav", options=options, encoding="float32")
    again = audio.load(tmp_path / "out.wav")
    assert facts.notes == held.notes and again.samples.shape == held.audio.samples.shape
    assert np.abs(again.samples - held.audio.samples).max() < 1e-3


def test_a_card_says_what_a_source_can_give() -> None:
    drums, chords, hiss = (
        hits(np.arange(0.2, 14, 0.5), seconds=14.0),
        rendered(51, 1, "band"),
        noise(seconds=6.0),
    )
    for sound, rhythm, harmony in ((drums, (3,), (0,)), (chords, (2, 3), (2, 3)), (hiss, (0,), (0,))):
        card = describe_music(sound)
        assert card.rhythm in rhythm and card.harmony in harmony
        assert bool(card.rhythm_warning) == (card.rhythm == 0)
        assert bool(card.harmony_warning) == (card.harmony == 0)
    told = describe_music(drums).to_json()
    assert told["is_beat_clear"] and not told["is_key_clear"] and told["duration_seconds"] == 14.0
    assert "hardly any pitch" in told["harmony_warning"]
    assert describe_music(tone(440.0, seconds=0.5)).bpm is None


def test_a_key_is_an_option_in_any_spelling() -> None:
    assert FuseOptions(key="a-minor").key == FuseOptions(key="Am").key == "A minor"
    assert FuseOptions(key=" Match ").key == "match"
    with pytest.raises(ConfigError, match=r"key is 'mtach': did you mean match\? Give none, match, or a key"):
        FuseOptions(key="mtach")
    with pytest.raises(ConfigError, match="key is 3"):
        FuseOptions(key=3)  # type: ignore[arg-type]
