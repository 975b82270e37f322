"""`hocket fuse` as people use it: a name of its own, heard before it is checked, stems, tags, other endings."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from test_nothing_lost import contents, put_sources, refused

from hocket import audio
from hocket.cli import fuse as fuse_verb
from hocket.cli import main, results


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    put_sources(tmp_path, "drums.wav", "strings.wav", seconds=2.0)
    return tmp_path


def fuse(*words: str) -> int:
    return main(["fuse", "drums.wav", "strings.wav", *words])


def test_without_a_name_it_is_called_after_its_sources_and_replaces_nothing(folder: Path) -> None:
    (folder / "drums x strings.wav").write_bytes(b"mine")
    for name in ("drums x strings (2).wav", "drums x strings (3).wav"):
        assert fuse("--no-check") == 0
        assert audio.info(folder / name).duration_seconds == pytest.approx(2.0)
    assert (folder / "drums x strings.wav").read_bytes() == b"mine"


def test_it_is_saved_and_said_to_be_before_it_is_checked(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    judge, seen = results.judge, []

    def watched(*arguments):
        seen.append((capsys.readouterr().out, audio.load(folder / "new.wav").num_samples))
        return judge(*arguments)

    monkeypatch.setattr(fuse_verb, "judge", watched)
    assert fuse("-o", "new.wav") == 0
    assert seen == [("Saved new.wav (0:02, mono, 8 kHz)\n", 16_000)]


def test_figures_are_told_on_request(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fuse("-o", "a.wav") == 0
    brief = capsys.readouterr().out
    assert fuse("-o", "b.wav", "-v") == 0
    long = capsys.readouterr().out
    assert "margins" not in brief and "real time" not in brief
    assert "margins: rhythm" in long and "x real time" in long


def test_without_a_check_nothing_is_judged(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*arguments):
        raise AssertionError("it was judged")

    monkeypatch.setattr(fuse_verb, "judge", never)
    assert fuse("-o", "new.wav", "--no-check") == 0
    assert capsys.readouterr().out == "Saved new.wav (0:02, mono, 8 kHz)\n"
    told = json.loads((folder / "new.wav.hocket.json").read_text())
    assert told["diagnosis"] is None and results.NOT_JUDGED in told["notes"]


@pytest.mark.parametrize("flags", [(), ("--input-amount", "0.3"), ("--blend", "0.9", "--reattack", "1")])
def test_the_stems_add_up_to_the_output(folder: Path, flags: tuple[str, ...]) -> None:
    assert fuse("-o", "new.wav", "--stems", "--no-check", *flags) == 0
    output, rhythm, harmony = (
        audio.load(folder / f"new{part}.wav").samples.astype(np.float64)
        for part in ("", ".rhythm", ".harmony")
    )
    left = np.mean((rhythm + harmony - output) ** 2) / np.mean(output**2)
    assert 10 * np.log10(left) < -100
    # Neither is silent, and they are not one.
    assert np.abs(np.corrcoef(rhythm[0], harmony[0])[0, 1]) < 0.9
    assert min(np.mean(rhythm**2), np.mean(harmony**2)) > 0.01 * np.mean(output**2)


def test_an_output_with_stems_is_the_output_without(folder: Path) -> None:
    assert fuse("-o", "a.wav", "--stems", "--no-check") == 0 and fuse("-o", "b.wav", "--no-check") == 0
    first, second = (audio.load(folder / name).samples for name in ("a.wav", "b.wav"))
    # To the last of 24 bits: the voices are rounded before they are added.
    assert np.abs(first - second).max() <= 2.0**-22


def test_python_has_the_stems_as_well(folder: Path) -> None:
    from hocket.fusing import Fuser

    fused = Fuser.from_checkpoint().fuse_files("drums.wav", "strings.wav")
    total = fused.stems[0].samples + fused.stems[1].samples
    assert np.abs(total - fused.audio.samples).max() < 1e-6 and np.abs(fused.audio.samples).max() > 0.05


def test_stems_are_claimed_with_the_output(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "new.harmony.wav").write_bytes(b"mine")
    said = refused(capsys, folder, "fuse", "drums.wav", "strings.wav", "-o", "new.wav", "--stems")
    assert "new.harmony.wav already exists" in said
    before = contents(folder)["new.harmony.wav"]
    assert fuse("-o", "new.wav", "--stems", "--overwrite", "--no-check") == 0
    assert contents(folder)["new.harmony.wav"] != before


def test_a_recording_says_what_it_was_made_of(folder: Path) -> None:
    assert fuse("-o", "new.flac", "--no-check") == 0
    with soundfile.SoundFile(folder / "new.flac") as file:
        assert file.title == "drums x strings"
        assert file.comment == "Rhythm: drums.wav. Harmony: strings.wav."
        assert file.software.startswith("Hocket ")


@pytest.mark.parametrize("suffix", [".mp3", ".m4a"])
def test_other_endings_give_other_formats(folder: Path, suffix: str) -> None:
    assert fuse("-o", f"new{suffix}", "--sample-rate", "44100", "--no-check") == 0
    info = audio.info(folder / f"new{suffix}")
    assert info.sample_rate == 44_100 and info.duration_seconds == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("suffix", [".mp3", ".m4a"])
def test_a_rate_that_a_format_lacks_is_refused_before_the_work(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    from hocket.fusing import Fuser

    monkeypatch.setattr(Fuser, "from_checkpoint", lambda *given, **named: pytest.fail("it began"))
    words = ("fuse", "drums.wav", "strings.wav", "-o", f"new{suffix}", "--sample-rate", "50000")
    assert "--sample-rate 44100" in refused(capsys, folder, *words)


def test_a_folder_may_be_called_like_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    (folder / "pairs.csv").write_text("input,target\ndrums.wav,strings.wav\n")
    assert main(["fuse", "--pairs", "pairs.csv", "-o", "out.m4a", "--no-check"]) == 0
    assert (folder / "out.m4a" / "000 drums x strings.wav").exists()


def test_several_need_a_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "pairs.csv").write_text("input,target\ndrums.wav,strings.wav\n")
    assert "-o FOLDER" in refused(capsys, folder, "fuse", "--pairs", "pairs.csv")


def test_a_list_keeps_its_order_and_is_found_again_by_evaluate(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "pairs.csv").write_text("input,target\ndrums.wav,strings.wav\nstrings.wav,drums.wav\n")
    assert main(["fuse", "--pairs", "pairs.csv", "-o", "out", "--no-check", "--stems"]) == 0
    names = sorted(path.name for path in (folder / "out").glob("*.wav"))
    assert [name for name in names if name.count(".") == 1] == [
        "000 drums x strings.wav",
        "001 strings x drums.wav",
    ]
    assert "Saved out/000 drums x strings.wav (0:02, mono, 8 kHz)   (1/2)" in capsys.readouterr().out
    from hocket.cli.evaluate import _find_outputs
    from hocket.data.pairs import read_pairs

    found = _find_outputs(folder / "out", read_pairs("pairs.csv"))
    assert [path.name for path in found] == ["000 drums x strings.wav", "001 strings x drums.wav"]


def test_names_that_are_too_long_are_cut(folder: Path) -> None:
    long = "ä" * 120
    put_sources(folder, f"{long}.wav", "b.wav", seconds=2.0)
    assert main(["fuse", f"{long}.wav", "b.wav", "--no-check"]) == 0
    assert (folder / f"{'ä' * 40} x b.wav").exists()


@pytest.mark.parametrize(("key", "nearest"), [("H", "B major"), ("A minr", "A minor"), ("mtach", "match")])
def test_a_key_that_is_none_is_told_with_the_nearest(
    folder: Path, capsys: pytest.CaptureFixture[str], key: str, nearest: str
) -> None:
    before = contents(folder)
    assert fuse("--key", key) == 2
    told = capsys.readouterr().err
    assert f"key is {key!r}: did you mean {nearest}? Give none, match, or a key such as Am" in told
    assert told.count("\n") == 1 and contents(folder) == before


def test_a_key_that_cannot_be_matched_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fuse("--no-check", "--key", "match", "--align", "bars") == 0
    assert "note: the target keeps its pitch, because the input has no clear key" in capsys.readouterr().out
