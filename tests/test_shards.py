"""Shares of a list, worked through by real processes at once in one folder: the result is that of one process."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hocket.audio import Audio, save
from hocket.cli import main
from hocket.data.prepare import prepare
from hocket.errors import ConfigError
from hocket.shards import Shard, parse_shard

RATE_HZ = 16_000
ROOT = Path(__file__).parents[1]
HOCKET = (sys.executable, "-m", "hocket")


def put(path: Path, seed: int, *, seconds: float = 1.5) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    chord = sum(np.sin(2 * np.pi * 110 * 2 ** (note / 12) * time) for note in random.integers(0, 36, 3))
    beats = np.exp(-8 * (time % random.uniform(0.2, 0.4))) * (1 + 0.3 * random.standard_normal(len(time)))
    save(path, Audio((0.1 * chord * beats).astype(np.float32)[None], RATE_HZ), encoding="pcm16")
    return path


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def pairs(folder: Path) -> Path:
    """Three pairs of three recordings, one of which is silent."""
    for seed in range(2):
        put(folder / f"{seed}.wav", seed)
    save(folder / "silent.wav", Audio(np.zeros((1, RATE_HZ), np.float32), RATE_HZ))
    rows = ("0,1", "0,silent", "1,0")
    lines = [",".join(f"{name}.wav" for name in row.split(",")) for row in rows]
    path = folder / "pairs.csv"
    path.write_text("input,target\n" + "\n".join(lines) + "\n")
    return path


def at_once(*commands: tuple[object, ...]) -> list[subprocess.CompletedProcess[str]]:
    started = [
        subprocess.Popen([*HOCKET, *map(str, words)], stdout=-1, stderr=-1, text=True) for words in commands
    ]
    ended = []
    for process in started:
        out, err = process.communicate(timeout=900)
        assert "Traceback" not in err, err
        ended.append(subprocess.CompletedProcess(process.args, process.returncode, out, err))
    return ended


@pytest.mark.parametrize("items", [0, 1, 3, 4, 17])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_shards_are_disjoint_and_make_the_whole(items: int, count: int) -> None:
    shares = [Shard(number, count).of(range(items)) for number in range(1, count + 1)]
    assert sorted(item for share in shares for item in share) == list(range(items))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize(
    "text", ["0/4", "5/4", "x", "", "1", "1/", "-1/4", "1/4/4", "1.5/4", "٣/٤", "1/99999999"]
)
@pytest.mark.parametrize(
    "words",
    [("fuse", "--pairs", "p.csv", "-o", "d"), ("evaluate", "--pairs", "p.csv"), ("prepare", "m", "-o", "d")],
)
def test_no_share_of_a_whole_is_one_sentence(
    text: str, words: tuple[str, ...], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match="such as 3/16"):
        parse_shard(text)
    assert main([*words, f"--shard={text}"]) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and f"--shard is {text!r}" in said.err and said.out == ""
    assert not any(folder.iterdir())


def test_fusing_in_shards_gives_the_files_and_tables_of_one_process(
    pairs: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("fuse", "--pairs", pairs)
    ended = at_once(*((*words, "-o", "shared", "--shard", f"{number}/2") for number in (1, 2)))
    assert [one.returncode for one in ended] == [0, 1]
    assert main([*map(str, words), "-o", "whole"]) == 1
    whole, shared = (folder / name for name in ("whole", "shared"))
    compared = [*whole.glob("*.wav"), *whole.glob("results.*")]
    assert len(compared) == 2 + 2
    for path in compared:
        assert path.read_bytes() == (shared / path.name).read_bytes(), path.name
    own = {f"results.shard-{number}-of-2.json" for number in (1, 2)}
    assert {path.name for path in shared.iterdir()} - {path.name for path in whole.iterdir()} == own
    # Nobody waits: the tables come with the shard that ends last.
    assert any(one.stdout.endswith("results.csv\n") for one in ended)


def test_one_shard_alone_writes_no_table_and_may_be_run_again(
    pairs: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs.write_text("input,target\n0.wav,1.wav\n1.wav,0.wav\n")
    words = ["fuse", "--pairs", str(pairs), "-o", "out", "--no-check"]
    assert main([*words, "--shard", "1/2"]) == 0
    assert (
        "results.csv, which is written when other shards have fused the 1 pairs left"
        in capsys.readouterr().out
    )
    assert not (folder / "out" / "results.csv").exists()
    assert main([*words, "--shard", "1/2"]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main([*words, "--shard", "1/2", "--overwrite"]) == main([*words, "--shard", "2/2"]) == 0
    assert (folder / "out" / "results.csv").read_text().count("\n") == 3
    assert main([*words, "--shard", "3/3"]) == 0, "a share may be empty"
    assert main(["fuse", "0.wav", "1.wav", "--shard", "1/2"]) == 2
    assert "--shard is for lists of pairs" in capsys.readouterr().err


@pytest.mark.slow
def test_evaluating_in_shards_gives_the_figures_of_one_process(
    pairs: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs.write_text("input,target\n0.wav,1.wav\n1.wav,0.wav\n")
    outputs = folder / "outputs"
    outputs.mkdir()
    for number in ("0", "1"):
        shutil.copy(f"{number}.wav", outputs / f"00{number}.wav")
    words = ("evaluate", "--pairs", "pairs.csv", "--outputs", "outputs", "--json")
    shard = (*words, "--parts", "parts", "--shard")
    with subprocess.Popen([*HOCKET, *shard, "2/2"], stdout=-1, text=True) as other:
        assert main([*shard, "1/2"]) == 0
        said, _ = other.communicate(timeout=900)
    assert other.returncode == 0 and said.startswith("1 of 2 pairs scored: parts/scores.shard-2-of-2.json")
    capsys.readouterr()
    assert main([*words, "--parts", "parts"]) == 0
    merged = capsys.readouterr().out
    assert main([*words]) == 0
    assert capsys.readouterr().out == merged

    def refused(*others: str) -> str:
        assert main([*words, *others]) == 2
        said = capsys.readouterr()
        assert said.err.count("\n") == 1 and said.out == ""
        return said.err

    assert "needs a folder" in refused("--shard", "1/2")
    part = folder / "parts" / "scores.shard-2-of-2.json"
    content = part.read_text()
    part.unlink()
    assert "parts lacks the shards 2 of 2: run them first" in refused("--parts", "parts")
    part.write_text(content[: len(content) // 2])
    assert "not valid JSON" in refused("--parts", "parts")
    part.write_text('{"hocket": "1", "versions": {}, "systems": {}}')
    assert "other versions" in refused("--parts", "parts")
    part.write_text("mine")
    assert "was not written by Hocket" in refused("--parts", "parts", "--shard", "2/2")
    part.write_text(content.replace('"pair": "001"', '"pair": "007"'))
    assert "other pairs" in refused("--parts", "parts")
    assert "holds no shards" in refused("--parts", "outputs")
    part.rename(part.with_name("scores.shard-2-of-3.json"))
    assert "shards of 2 and of 3" in refused("--parts", "parts")


def test_preparing_in_shards_gives_one_manifest_that_is_that_of_one_process(folder: Path) -> None:
    for seed in range(5):
        put(folder / "music" / f"{seed}.wav", seed, seconds=5.0)
    (folder / "music" / "broken.flac").write_bytes(b"no music")
    words = ("prepare", "music", "--jobs", "1", "-o", "shared")
    ended = at_once(*((*words, "--shard", f"{number}/2") for number in (1, 2)))
    assert [one.returncode for one in ended] == [0, 0]
    assert "shard 1/2: looked at 3 of 3 recordings" in ended[0].stdout
    assert sorted(path.name for path in (folder / "shared").iterdir()) == [
        f"looks.shard-{number}-of-2.jsonl" for number in (1, 2)
    ]
    merged = prepare([folder / "music"], folder / "shared", jobs=0)
    assert (merged.num_looked_at, merged.num_kept) == (1, 5), "only the broken one is looked at again"
    prepare([folder / "music"], folder / "whole", jobs=0)
    assert {path.name for path in (folder / "shared").iterdir()} == {
        "manifest.jsonl",
        "report.csv",
        "looks.jsonl",
    }
    for name in ("manifest.jsonl", "report.csv", "looks.jsonl"):
        assert (folder / "shared" / name).read_bytes() == (folder / "whole" / name).read_bytes()


def test_an_array_job_gives_each_task_its_shard() -> None:
    """The template for SLURM, run by the shell that SLURM would run it with; it says what it would start."""
    command = ["bash", ROOT / "slurm" / "array.sbatch", "fuse", "--pairs", "my pairs.csv"]

    def task(number: int, least: int, most: int, **variables: str) -> tuple[int, str]:
        ids = {"ID": number, "MIN": least, "MAX": most}
        own = {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in ids.items()}
        environment = {"PATH": os.environ["PATH"], "HOCKET_PYTHON": shutil.which("echo"), **own, **variables}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=300
        )
        return done.returncode, done.stdout + done.stderr

    assert task(3, 1, 16) == (0, "-m hocket fuse --pairs my pairs.csv --shard 3/16\n")
    # Submitted again for shards that failed: --array=2,7, of 16.
    code, said = task(2, 2, 7)
    assert code == 2 and "SHARDS=16" in said
    assert task(2, 2, 7, SHARDS="16") == (0, "-m hocket fuse --pairs my pairs.csv --shard 2/16\n")
