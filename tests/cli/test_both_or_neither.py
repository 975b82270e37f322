"""A fusion's sound and the JSON beside it are there together, whatever ends the program or fills the disk."""

import json
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_nothing_lost import put_sources

from hocket.audio import load
from hocket.cli import main, results

HOCKET = [sys.executable, "-m", "hocket"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    done = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=300k", "none", str(place)], capture_output=True, check=False
    )
    if not done or done.returncode:
        pytest.skip("file systems cannot be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_leaves_neither_and_says_what_helps(
    tmp_path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    input, target = put_sources(tmp_path, "a.wav", "b.wav", seconds=10.0)
    sizes = {"room for neither": 290_000, "room for the JSON": 200_000}
    for filled in sizes.values():
        (small_disk / "ballast").write_bytes(bytes(filled))
        words = ["fuse", input, target, "-o", small_disk / "new.wav", "--sample-rate", "16000"]
        assert main([str(word) for word in words]) == 2
        (said,) = capsys.readouterr().err.splitlines()
        assert "new.wav" in said and "(No space left on device): free some space" in said
        assert [path.name for path in small_disk.iterdir()] == ["ballast"]


def test_a_list_on_a_full_disk_leaves_no_halves(
    tmp_path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    put_sources(tmp_path, "a.wav", "b.wav", seconds=8.0)
    (tmp_path / "pairs.csv").write_text("input,target\n" + "a.wav,b.wav\n" * 3)
    assert main(["fuse", "--pairs", str(tmp_path / "pairs.csv"), "-o", str(small_disk / "out")]) == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said, said
    made = sorted(path.name for path in (small_disk / "out").iterdir())
    assert made == ["000 a x b.wav", "000 a x b.wav.hocket.json", "results.csv", "results.json"]
    assert "free some space" in said


@pytest.mark.slow
def test_a_limit_on_the_size_of_files_is_a_sentence_of_its_own(tmp_path: Path) -> None:
    input, target = put_sources(tmp_path, "a.wav", "b.wav", seconds=10.0)

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    words = [*HOCKET, "fuse", input, target, "-o", tmp_path / "new.wav"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, preexec_fn=limited)
    assert done.returncode == 2
    assert "new.wav cannot be written (File too large): choose a file system" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav", "b.wav"]


@pytest.mark.parametrize("moment", ["_encode", "_as_json"])
def test_an_interruption_while_it_is_written_leaves_the_older_fusion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    from hocket.audio import writing

    monkeypatch.chdir(tmp_path)
    put_sources(tmp_path, "a.wav", "b.wav")
    words = ["fuse", "a.wav", "b.wav", "-o", "new.wav"]
    assert main(words) == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(writing if moment == "_encode" else results, moment, stop)
    assert main([*words, "--overwrite", "--input-amount", "0.5"]) == 130
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_interruption_while_it_is_judged_leaves_a_whole_fusion_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hocket.fusing import judging

    monkeypatch.chdir(tmp_path)
    put_sources(tmp_path, "a.wav", "b.wav")
    words = ["fuse", "a.wav", "b.wav", "-o", "new.wav"]

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(judging, "diagnose_fusion", stop)
        assert main(words) == 130
    told = json.loads((tmp_path / "new.wav.hocket.json").read_text())
    assert told["diagnosis"] is None and told["notes"][-1] == "not checked yet"
    assert load(tmp_path / "new.wav").num_samples == 12_000
    assert main([*words, "--overwrite"]) == 0
    told = json.loads((tmp_path / "new.wav.hocket.json").read_text())
    assert told["diagnosis"] is not None and "not checked yet" not in told["notes"]


def test_a_list_that_is_stopped_tells_of_the_rows_that_were_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hocket.fusing import judging

    monkeypatch.chdir(tmp_path)
    put_sources(tmp_path, "a.wav", "b.wav")
    (tmp_path / "pairs.csv").write_text("input,target\n" + "a.wav,b.wav\n" * 3)
    judge, calls = judging.diagnose_fusion, []

    def stop_at_the_second(*given: object, **named: object) -> object:
        calls.append(given)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return judge(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(judging, "diagnose_fusion", stop_at_the_second)
    assert main(["fuse", "--pairs", "pairs.csv", "-o", "out"]) == 130
    assert [row["name"] for row in json.loads((tmp_path / "out" / "results.json").read_text())] == ["000"]
    assert (tmp_path / "out" / "results.csv").read_text().count("\n") == 2
