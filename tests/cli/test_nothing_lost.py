"""No verb writes over what it reads, over a stranger's file, or over a recording without being asked to."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hocket import outputs
from hocket.audio import Audio, load, save
from hocket.cli import main

RATE_HZ = 8_000
LETTERS = "abcdefghij" * 30
FIRST = "000 000 x 001.wav"
"""The output of the first pair of the list."""


def put_sources(folder: Path, *names: str, seconds: float = 1.5) -> list[Path]:
    """Recordings that can be fused: beats for even numbers, chords for odd ones."""
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    beats = np.random.default_rng(0).normal(0, 0.3, len(time)) * np.exp(-20 * (time % 0.25))
    chord = sum(0.15 * np.sin(2 * np.pi * pitch * time) for pitch in (220.0, 277.2, 329.6))
    for number, name in enumerate(names):
        sound = (beats, chord)[number % 2].astype(np.float32)
        save(folder / name, Audio(sound[None].clip(-1, 1), RATE_HZ), encoding="pcm16")
    return [folder / name for name in names]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with two sources and a list of pairs in it."""
    monkeypatch.chdir(tmp_path)
    put_sources(tmp_path, "000.wav", "001.wav")
    (tmp_path / "pairs.csv").write_text("input,target\n000.wav,001.wav\n001.wav,000.wav\n")
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(capsys: pytest.CaptureFixture[str], folder: Path, *words: str | Path) -> str:
    """Runs a verb that must refuse with one sentence and leave all files as they are; gives the sentence."""
    before, folders = contents(folder), [path for path in folder.rglob("*") if path.is_dir()]
    capsys.readouterr()
    assert main([str(word) for word in words]) == 2
    said = capsys.readouterr()
    assert (said.out == "" or words[0] == "train") and said.err.count("\n") == 1
    assert contents(folder) == before
    assert [path for path in folder.rglob("*") if path.is_dir()] == folders
    return said.err


def fuse(*words: str | Path) -> int:
    return main(["fuse", "000.wav", "001.wav", *map(str, words)])


@pytest.mark.parametrize("spelling", [".", "..//{}", "link"])
@pytest.mark.parametrize("flags", [[], ["--overwrite"]])
def test_a_list_never_replaces_its_own_sources(
    folder: Path, capsys: pytest.CaptureFixture[str], spelling: str, flags: list[str]
) -> None:
    (folder / "link").symlink_to(folder)
    put_sources(folder, FIRST)
    (folder / "pairs.csv").write_text(f"input,target\n000.wav,001.wav\n{FIRST},000.wav\n")
    output = spelling.format(folder.name)
    said = refused(capsys, folder, "fuse", "--pairs", "pairs.csv", "-o", output, *flags)
    assert "is also read" in said


@pytest.mark.parametrize("name", ["000.wav", "001_other.wav"])
def test_a_list_never_replaces_a_source_of_another_name(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (folder / "out").mkdir()
    os.link(folder / "001.wav", folder / "out" / FIRST)
    (folder / "out" / "001 001 x 000.wav").symlink_to(folder / "000.wav")
    said = refused(capsys, folder, "fuse", "--pairs", "pairs.csv", "-o", "out", "--overwrite")
    assert "is also read" in said


def test_a_list_never_replaces_itself(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put_sources(folder, "a.wav", "b.wav")
    (folder / "results.csv").write_text("name,input,target,output,error\n000,a.wav,b.wav,,\n")
    (folder / "000.wav").unlink()
    said = refused(capsys, folder, "fuse", "--pairs", "results.csv", "-o", ".", "--overwrite")
    assert "results.csv is also read" in said


@pytest.mark.parametrize("name", ["new.wav.hocket.json", "new.wav.hocket.png", "new.wav.hocket.masks.png"])
@pytest.mark.parametrize("content", [b'{"tracks": []}', b"\x89PNG hocket", b"", b"hocket 0.1.0"])
def test_strangers_files_stay_even_with_overwrite(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes
) -> None:
    (folder / name).write_bytes(content)
    words = ["fuse", "000.wav", "001.wav", "-o", "new.wav", "--pictures", "--overwrite"]
    assert f"{name} already exists and was not written by Hocket" in refused(capsys, folder, *words)


@pytest.mark.parametrize("name", ["results.csv", "results.json", f"{FIRST}.hocket.json"])
def test_strangers_tables_stay(folder: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    (folder / "out").mkdir()
    (folder / "out" / name).write_text("name,points\nme,3\n")
    said = refused(capsys, folder, "fuse", "--pairs", "pairs.csv", "-o", "out", "--overwrite")
    assert f"{name} already exists and was not written by Hocket" in said


def test_session_and_cover_beside_an_output_stay_and_each_output_has_its_own_json(folder: Path) -> None:
    (folder / "song.json").write_text('{"tracks": []}')
    (folder / "song.png").write_bytes(b"cover")
    assert fuse("-o", "song.wav", "--pictures") == 0 and fuse("-o", "song.flac") == 0
    assert (folder / "song.json").read_text() == '{"tracks": []}'
    assert (folder / "song.png").read_bytes() == b"cover"
    made = {path.name for path in folder.glob("song.*.hocket.*")}
    assert made == {
        f"song.{end}"
        for end in ("wav.hocket.json", "wav.hocket.png", "wav.hocket.masks.png", "flac.hocket.json")
    }
    assert all(outputs.is_ours(folder / name) for name in made)


def test_a_recording_is_replaced_only_when_asked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "new.wav").write_bytes(b"mine")
    said = refused(capsys, folder, "fuse", "000.wav", "001.wav", "-o", "new.wav")
    assert "new.wav already exists" in said and "--overwrite" in said
    assert fuse("-o", "new.wav", "--overwrite") == 0
    assert load(folder / "new.wav").num_samples == 12_000
    assert main(["fuse", "--pairs", "pairs.csv", "-o", "out"]) == 0
    before = contents(folder / "out")
    assert "--overwrite" in refused(capsys, folder, "fuse", "--pairs", "pairs.csv", "-o", "out")
    assert main(["fuse", "--pairs", "pairs.csv", "-o", "out", "--overwrite"]) == 0
    assert contents(folder / "out").keys() == before.keys()


@pytest.mark.parametrize(
    ("answer", "code"), [("y", 0), ("n", 2), pytest.param("", 2, marks=pytest.mark.slow)]
)
def test_in_a_terminal_the_user_is_asked(folder: Path, answer: str, code: int) -> None:
    (folder / "new.wav").write_bytes(b"mine")
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "hocket", "fuse", "000.wav", "001.wav", "-o", "new.wav"]
    with subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE) as process:
        os.close(theirs)
        os.write(ours, f"{answer}\n".encode())
        said = b""
        while b"[y/N]" not in said:
            said += os.read(ours, 1000)
        assert process.wait(timeout=120) == code
        assert process.stderr is not None
        assert (b"--overwrite" in process.stderr.read()) == (code == 2)
    os.close(ours)
    assert b"new.wav already exists. Replace it? [y/N]" in said
    assert ((folder / "new.wav").read_bytes() == b"mine") == (code == 2)


@pytest.mark.parametrize("length", [240, 246, 251, 252, 260])
def test_a_name_that_is_too_long_is_told_before_anything_is_fused(
    folder: Path, capsys: pytest.CaptureFixture[str], length: int
) -> None:
    name = LETTERS[:length] + ".wav"
    assert "choose a shorter name" in refused(capsys, folder, "fuse", "000.wav", "001.wav", "-o", name)


def test_a_path_that_is_too_long_is_told_before_anything_is_fused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deep = "/".join([LETTERS[:200]] * 25)
    for words in (["000.wav", "001.wav", "-o", f"{deep}/a.wav"], ["--pairs", "pairs.csv", "-o", deep]):
        assert "shorter name" in refused(capsys, folder, "fuse", *words)


LONG = LETTERS[:260]


@pytest.mark.parametrize(
    "words",
    [
        ["fuse", LONG, "001.wav", "-o", "new.wav"],
        ["fuse", "--pairs", "pairs.csv", "-o", LONG],
        ["check", "000.wav", "--input", "000.wav", "--target", "001.wav", "--plot", f"{LONG}.png"],
        ["report", LONG],
        ["report", "run", "-o", f"{LONG}.html"],
        ["export", "-o", f"{LONG}.onnx"],
        ["render", LONG],
        ["prepare", "music", "-o", LONG],
        ["train", "music", "--run", LONG],
    ],
)
def test_long_names_are_one_sentence_for_every_verb(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    (folder / "music").mkdir()
    put_sources(folder / "music", "a.wav", "b.wav", "c.wav", "d.wav", seconds=6.0)
    refused(capsys, folder, *words)


def test_a_picture_never_replaces_what_is_checked_or_a_strangers_picture(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["check", "000.wav", "--input", "000.wav", "--target", "001.wav", "--plot"]
    os.link(folder / "001.wav", folder / "link.png")
    assert "is also read" in refused(capsys, folder, *words, "link.png")
    (folder / "cover.png").write_bytes(b"\x89PNG\r\n\x1a\n by somebody else, with a hocket in it")
    assert "was not written by Hocket" in refused(capsys, folder, *words, "cover.png")
    os.mkfifo(folder / "pipe.png")
    assert "was not written by Hocket" in refused(capsys, folder, *words, "pipe.png")
    assert main([*words, "own.png"]) == main([*words, "own.png"]) == 0


def test_a_report_never_replaces_a_runs_own_file_or_a_strangers_page(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = folder / "run"
    run.mkdir()
    (run / "log.jsonl").write_text("{}\n")
    os.link(run / "log.jsonl", run / "log.html")
    assert "is also read" in refused(capsys, folder, "report", "run", "-o", "run/log.html")
    (folder / "page.html").write_text("<p>my page on the hocket</p>")
    assert "was not written by Hocket" in refused(capsys, folder, "report", "run", "-o", "page.html")


def test_a_model_never_replaces_its_checkpoint_or_a_strangers_model(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from hocket.model.weights import default_weights

    checkpoint = folder / "best.safetensors"
    checkpoint.write_bytes(default_weights().read_bytes())
    os.link(checkpoint, folder / "model.onnx")
    assert "is also read" in refused(capsys, folder, "export", checkpoint, "-o", "model.onnx")
    (folder / "theirs.onnx").write_bytes(b"\x08\x08\x12\x07pytorch")
    assert "was not written by Hocket" in refused(capsys, folder, "export", "-o", "theirs.onnx")


def test_prepared_data_never_replaces_a_strangers_table(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = folder / "data"
    data.mkdir()
    (data / "report.csv").write_text("month,sum\n1,2\n")
    (data / ".download.partial").write_bytes(b"half of a film")
    assert "report.csv already exists" in refused(capsys, folder, "prepare", ".", "-o", "data")
    (data / "report.csv").unlink()
    (data / "looks.jsonl").write_text('{"mine": 1}\n')
    assert "looks.jsonl already exists" in refused(capsys, folder, "prepare", ".", "-o", "data")


def test_rendering_anew_never_removes_songs_that_somebody_added(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["render", "corpus", "--num-songs", "2", "--num-pairs", "0", "--duration-seconds", "2"]
    assert main(words) == 0
    put_sources(folder / "corpus" / "music", "mine.wav")
    assert "music/mine.wav" in refused(capsys, folder, *words, "--force")
    (folder / "corpus" / "music" / "mine.wav").unlink()
    (folder / "corpus" / "corpus.json").write_text('{"mine": true}')
    assert "something other than a rendered corpus" in refused(capsys, folder, *words, "--force")


def test_a_configuration_written_by_hand_is_not_written_over(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "run").mkdir()
    (folder / "run" / "config.toml").write_text("# my notes\n[data]\n[codec]\n[training]\nseed = 3\n")
    put_sources(folder, *(f"{number}.wav" for number in range(4)), seconds=6.0)
    said = refused(capsys, folder, "train", ".", "--run", "run", "--config", "run/config.toml")
    assert "config.toml would be overwritten while it is read" in said


def test_a_configuration_of_another_program_is_no_run(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "site").mkdir()
    (folder / "site" / "config.toml").write_text('title = "my pages"\n')
    put_sources(folder, *(f"{number}.wav" for number in range(4)), seconds=6.0)
    said = refused(capsys, folder, "train", ".", "--run", "site", "--fresh")
    assert "contains something other than a run" in said
