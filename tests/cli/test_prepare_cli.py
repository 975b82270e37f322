"""`hocket prepare`: what is said of every recording, and what ends it with 2."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from hocket.audio import Audio, save
from hocket.cli import main
from hocket.cli.prepare import shown

RATE_HZ = 16_000


def put(path: Path, seed: int, *, seconds: float = 5.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    levels = np.repeat(random.uniform(0.0, 0.2, round(seconds * 8)), RATE_HZ // 8)
    samples = levels * random.standard_normal(len(levels))
    save(path, Audio(np.clip(samples, -0.99, 0.99).astype(np.float32)[None], RATE_HZ), encoding="pcm16")
    return path


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """Seven noises that differ and three files that cannot be used."""
    folder = tmp_path / "music"
    for index in range(7):
        put(folder / f"noise_{index}.wav", index)
    put(folder / "brief.wav", 9, seconds=1.0)
    (folder / "broken\nname.flac").write_bytes(b"no music")
    (folder / "cover.jpg").touch()
    return folder


def run_main(*arguments: object) -> int:
    return main(["prepare", *map(str, arguments)])


def test_every_recording_has_a_row_and_every_reason_a_count(
    music: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(music, "-o", tmp_path / "data", "--jobs", 1) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    rows = [line for line in lines if line.startswith("used")]
    assert [row.split("  ")[-1] for row in rows] == [str(music / f"noise_{index}.wav") for index in range(7)]
    (short,) = (line for line in lines if line.startswith("too short"))
    assert "1.0 s" in short
    place = lines.index("left out, too short: 1")
    assert "brief.wav is too short (1 s): give recordings of at least 4.4 s." in lines[place + 1]
    assert "left out, unreadable: 1" in lines and "other files, ignored: 1 (1 .jpg)" in lines
    assert "broken\\nname.flac" in said.out
    assert any(line.startswith("training: 5 recordings of 5 songs") for line in lines)
    assert any(line.startswith("validation: 2 recordings of 2 songs") for line in lines)
    assert lines[-1] == f"next: hocket train {tmp_path / 'data'} --run RUN_DIR"
    assert "read 9 of 9 recordings (" in said.err
    assert (tmp_path / "data" / "report.csv").is_file()


def test_the_second_run_says_how_much_was_known(
    music: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert run_main(music, "-o", tmp_path / "data", "--jobs=2") == 0
    said = capsys.readouterr().out
    # What could not be read is tried again.
    assert "9 recordings in" in said and "1 measured, 8 unchanged" in said


def test_flags_take_hyphens_and_underscores(music: Path, tmp_path: Path) -> None:
    from hocket.data.manifest import Settings, read_manifest

    flags = ["--validation_fraction=0.2", "--test-fraction", 0.3, "--minimum_seconds", 2, "--seed=4"]
    assert run_main(music, "--output", tmp_path / "data", "--jobs", 1, *flags) == 0
    assert read_manifest(tmp_path / "data").settings == Settings(0.2, 0.3, 4, 2.0)


@pytest.mark.parametrize(
    ("make", "flags", "said"),
    [
        (lambda folder: folder / "missing", [], "missing does not exist: give a folder of music."),
        (lambda folder: folder, ["--jobs", "0"], "--jobs is 0: give at least 1"),
        (lambda folder: folder, ["--test-fraction", "0.7"], "test_fraction is 0.7: give 0 to 0.5"),
        (
            lambda folder: folder,
            ["--minimum-seconds", "60"],
            "contains no usable recording (8 too short, 1 ",
        ),
        (lambda folder: folder.parent / "empty", [], "contains no recordings: give folders with "),
    ],
)
def test_mistakes_are_one_line_and_exit_with_2(
    music: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    make: Callable[[Path], Path],
    flags: list[str],
    said: str,
) -> None:
    (tmp_path / "empty").mkdir()
    assert run_main(make(music), "-o", tmp_path / "data", *flags) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if " recordings (" not in line]
    assert len(lines) == 1 and lines[0].startswith("hocket prepare: error: ") and said in lines[0]


def test_the_help_names_every_flag_and_loads_no_torch() -> None:
    script = (
        "import sys\nfrom hocket.cli import main\ntry:\n    main(['prepare', '--help'])\nexcept SystemExit:\n    pass\n"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    for flag in (
        "--jobs",
        "--validation-fraction",
        "--test-fraction",
        "--seed",
        "--resplit",
        "--minimum-seconds",
    ):
        assert flag in done.stdout


def test_prepared_data_can_be_trained_on(
    music: Path, tmp_path: Path, small_flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(music, "-o", tmp_path / "data", "--jobs", 1) == 0
    flags = [*small_flags, "--num_epochs=1", "--steps_per_epoch=1"]
    assert main(["train", str(tmp_path / "data"), "--run", str(tmp_path / "run"), *flags]) == 0
    assert "5 songs to train on, 2 to validate on" in capsys.readouterr().out


def test_names_are_shown_as_they_are_where_a_terminal_can() -> None:
    assert shown("Ünï 音楽 🎵.wav") == "Ünï 音楽 🎵.wav"
    assert shown("a\nb\x1b[31m\udce9") == "a\\nb\\x1b[31m\\udce9"


@pytest.mark.skipif(os.name == "nt", reason="needs a terminal of its own")
def test_a_terminal_gets_a_bar_with_a_rate(music: Path, tmp_path: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "hocket",
        "prepare",
        str(music),
        "-o",
        str(tmp_path / "data"),
        "--jobs",
        "1",
    ]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs, env=environment)
    os.close(theirs)
    said = b"".join(_read(ours)).decode("utf-8", "replace")
    os.close(ours)
    assert process.wait() == 0
    assert "reading recordings" in said and "9/9" in said and "files/s" in said


def _read(descriptor: int) -> Iterator[bytes]:
    while True:
        try:
            block = os.read(descriptor, 4096)
        except OSError:  # the other side has gone
            return
        if not block:
            return
        yield block
