"""The page of a listening test: every sound there, equally loud, and nobody's name on it."""

import base64
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from listening_sounds import RATE_HZ, make_test, write_pairs

from hocket import audio
from hocket.audio import Audio
from hocket.cli import main
from hocket.evaluation.baselines import BASELINES
from hocket.fusing.loudness import CEILING_DB, loudness_lufs, true_peak_db
from hocket.listening.making import LOUDEST_LUFS, equal_gains, read_excerpts

SYSTEMS = ["hocket", "overlay", "layering"]
Say = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test of two pairs and three systems."""
    place = tmp_path_factory.mktemp("listening")
    assert make_test(write_pairs(place), place / "page") == 0
    return place / "page"


def page_of(folder: Path) -> tuple[str, dict[str, Any]]:
    """The page without what it plays, and that."""
    text = (folder / "index.html").read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="test">(.*?)</script>', text)
    assert found is not None
    test = json.loads(found[1])
    bare = text.replace(found[1], re.sub(r'"[A-Za-z0-9+/=]{200,}"', '""', found[1]))
    assert len(bare) < 50_000
    return bare, test


def decoded(text: str, folder: Path) -> Audio:
    (folder / "sound.mp3").write_bytes(base64.b64decode(text))
    return audio.load(folder / "sound.mp3")


def test_all_sounds_of_a_trial_are_as_loud_as_each_other_and_none_clips(folder: Path, tmp_path: Path) -> None:
    _, test = page_of(folder)
    assert len(test["trials"]) == 2
    for trial in test["trials"]:
        sounds = [decoded(text, tmp_path) for text in (trial["sources"] | trial["sounds"]).values()]
        assert list(trial["sources"]) == ["rhythm", "harmony"] and len(trial["sounds"]) == 3
        loudness = [loudness_lufs(sound) for sound in sounds]
        assert max(loudness) - min(loudness) < 0.1
        assert max(map(true_peak_db, sounds)) < -0.5
        assert {(sound.sample_rate, sound.num_channels) for sound in sounds} == {(48_000, 1)}
        assert len({sound.num_samples for sound in sounds}) == 1
        assert all(2.0 <= sound.duration_seconds < 2.1 for sound in sounds)
        assert all(np.abs(sound.samples[0, [0, -1]]).max() < 0.01 for sound in sounds)


def test_the_page_tells_no_system_and_the_key_all(folder: Path) -> None:
    bare, test = page_of(folder)
    names = {*BASELINES, *(name.replace("_", "-") for name in BASELINES), "hocket", "beat", "chords"}
    assert not [name for name in names if name in bare.lower()]
    assert sorted(path.name for path in folder.iterdir()) == ["index.html", "key.json"]
    key = json.loads((folder / "key.json").read_text())
    assert (key["listening_test"], key["systems"], key["seed"]) == (test["listening_test"], SYSTEMS, 7)
    orders = set()
    for shown, told in zip(test["trials"], key["trials"], strict=True):
        assert shown["trial"] == told["trial"] and set(shown["sounds"]) == set(told["sounds"])
        assert list(shown["sounds"]) == sorted(shown["sounds"])
        orders.add(tuple(told["sounds"][name] for name in shown["sounds"]))
        assert sorted(told["sounds"].values()) == sorted(SYSTEMS)
    assert len(orders) == 2, "this seed's names are in the same order by chance: take another"
    assert Path(key["trials"][0]["input"]).name == "beat.wav"


def test_it_asks_the_network_for_nothing(folder: Path) -> None:
    bare, _ = page_of(folder)
    assert "default-src 'none'" in bare and not re.search(r"https?:|//[a-z]+\.|src=|<link|url\(", bare)


def test_the_same_seed_makes_the_same_test_and_nothing_is_overwritten(
    folder: Path, tmp_path: Path, capsys: Say
) -> None:
    pairs = folder.parent / "pairs.csv"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert make_test(pairs, folder) == 2
    assert capsys.readouterr().err == (
        f"hocket listen: error: {folder / 'index.html'} already exists: choose another output, or add --overwrite.\n"
    )
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    (tmp_path / "key.json").write_text("mine")
    assert make_test(pairs, tmp_path) == 2 and (tmp_path / "key.json").read_text() == "mine"
    assert make_test(pairs, tmp_path, "--overwrite") == 0
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_names_are_taken_with_hyphens_and_mistyped_ones_answered(tmp_path: Path, capsys: Say) -> None:
    pairs = write_pairs(tmp_path, num_pairs=1)
    assert make_test(pairs, tmp_path / "page", names="envelope-gating, envelope_gating") == 0
    assert json.loads((tmp_path / "page" / "key.json").read_text())["systems"] == [
        "hocket",
        "envelope_gating",
    ]
    capsys.readouterr()
    assert make_test(pairs, tmp_path / "other", names="cross-sinthesis") == 2
    error = capsys.readouterr().err
    assert "--with names 'cross_sinthesis': did you mean cross_synthesis?" in error and error.count("\n") == 1
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give either PAIRS to write a test, or --results ANSWERS.json to count answers."),
        (["pairs.csv"], "the test needs a folder: give it with -o FOLDER."),
        (["pairs.csv", "-o", "page", "--seconds", "nan"], "--seconds is nan: give 1 to 60."),
        (["--results", "a.json"], "--results needs the test's key: give it with --key key.json."),
        (["pairs.csv", "-o", "page"], "pairs.csv does not exist: check the name."),
    ],
)
def test_a_mistake_is_one_sentence(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Say
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["listen", *words]) == 2
    assert capsys.readouterr().err == f"hocket listen: error: {said}\n"
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_one_sentence_says_so(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['librosa'] = None\n"
        "from hocket.cli import main\n"
        "sys.exit(main(['listen', 'pairs.csv', '-o', 'page']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("hocket listen: error: evaluation needs librosa (not installed)")
    assert list(tmp_path.iterdir()) == []


def test_a_silent_source_is_named_before_any_work(tmp_path: Path, capsys: Say) -> None:
    pairs = write_pairs(tmp_path, num_pairs=1)
    audio.save(tmp_path / "chords.wav", Audio(np.zeros((1, 48_000), np.float32), RATE_HZ))
    assert make_test(pairs, tmp_path / "page") == 2
    error = capsys.readouterr().err
    assert "chords.wav" in error and "is silent" in error and error.count("\n") == 1
    assert not (tmp_path / "page").exists()


def test_the_stretch_that_is_played_is_the_first_in_which_both_sound(tmp_path: Path) -> None:
    from hocket.data.pairs import Pair

    ramp = np.linspace(0.3, 0.5, 10 * RATE_HZ, dtype=np.float32)
    time = np.arange(len(ramp)) / RATE_HZ
    tone = ramp * np.sin(2 * np.pi * 300 * time).astype(np.float32)
    early, late = tone * (time < 7), tone * (time >= 4)
    for name, samples in (("early", early), ("late", late)):
        audio.save(tmp_path / f"{name}.wav", Audio(samples[None].astype(np.float32), RATE_HZ))
    pair = Pair(tmp_path / "early.wav", tmp_path / "late.wav", "000")
    (excerpt,) = read_excerpts([pair], seconds=2.0)
    assert len(excerpt.input) == len(excerpt.target) == 2 * RATE_HZ
    np.testing.assert_allclose(excerpt.input, early[4 * RATE_HZ : 6 * RATE_HZ], atol=1e-3)
    (whole,) = read_excerpts([pair], seconds=60.0)
    assert len(whole.input) == len(ramp)


def test_a_spiky_sound_turns_all_of_its_trial_down_and_a_silent_one_stays_silent() -> None:
    random = np.random.default_rng(1)
    noise = 0.5 * random.standard_normal((1, RATE_HZ)).astype(np.float32)
    click = np.zeros((1, RATE_HZ), np.float32)
    click[0, ::6000] = 1.0
    sounds = [Audio(samples, RATE_HZ) for samples in (noise, click, 0 * noise)]
    gains, lufs = equal_gains(sounds)
    played = [Audio(one.samples * np.float32(gain), RATE_HZ) for one, gain in zip(sounds, gains, strict=True)]
    assert lufs < LOUDEST_LUFS and gains[2] == 1.0
    assert [loudness_lufs(one) for one in played[:2]] == pytest.approx([lufs, lufs], abs=0.01)
    assert true_peak_db(played[1]) == pytest.approx(CEILING_DB, abs=0.01)
    assert equal_gains(sounds[::2])[1] == LOUDEST_LUFS
