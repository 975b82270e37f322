"""Runs from strangers in the studio: every address answers soon, with what can be read and a sentence on the rest."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from test_studio_runs import FIGURES, STEP, make_run
from visiting import serving

from hocket.studio.settings import Settings

NOT_UTF8 = "caf\udce9 \ud800.flac"
STEM = f"examples/pair-1/step-{STEP:08d}"


def replace(path: Path, *, fifo: bool = False, link: str = "", content: bytes | None = None) -> None:
    path.unlink(missing_ok=True)
    if fifo:
        os.mkfifo(path)
    elif link:
        path.symlink_to(link)
    elif content is not None:
        path.write_bytes(content)


def without_config(run: Path) -> Path:
    """A run whose log does not say its configuration, so that config.toml is read."""
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    lines[0].pop("config")
    (run / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return run


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`runs/`: an ordinary run, and one for each kind of file that is not what it should be."""
    root = tmp_path_factory.mktemp("hostile") / "runs"
    make_run(root / "good")
    replace(without_config(make_run(root / "pipe")) / "config.toml", fifo=True)
    replace(without_config(make_run(root / "zero")) / "config.toml", link="/dev/zero")
    replace(without_config(make_run(root / "toml")) / "config.toml", content=b"a = " + b"[" * 10_000)
    replace(make_run(root / "pair") / "examples/pair-1/pair.json", fifo=True)
    replace(make_run(root / "figures") / f"{STEM}.json", content=b'{"figures": ' + b"[" * 50_000)
    replace(make_run(root / "masks-pipe") / f"{STEM}.npz", fifo=True)
    huge = make_run(root / "masks-huge") / f"{STEM}.npz"
    header = b"{'descr': '<f2', 'fortran_order': False, 'shape': (1000000, 1000000000), }\n"
    with zipfile.ZipFile(huge, "w") as archive:
        archive.writestr("input_mask.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    replace(make_run(root / "sound-pipe") / "examples/pair-1/input.flac", fifo=True)
    replace(make_run(root / "lock") / ".lock", fifo=True)
    replace(make_run(root / "log-pipe") / "log.jsonl", fifo=True)
    names = make_run(root / "names")
    lines = [
        {
            "kind": "start",
            "step": 0,
            "config": {"music": f"/m/{NOT_UTF8}"},
            "command": f"hocket train {NOT_UTF8}",
        },
        {"kind": "fault", "step": 1, "terms": [NOT_UTF8], "files": [NOT_UTF8]},
        {"kind": "validation", "step": 6, "epoch": 1, **FIGURES},
    ]
    (names / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (names / "examples/pair-1/pair.json").write_text(json.dumps({"input_name": NOT_UTF8, "target_name": "b"}))
    make_run(root / os.fsdecode(b"caf\xe9"))
    return root


@pytest.fixture(scope="module")
def client(hostile: Path, studio_temp: Path) -> Iterator[httpx.Client]:
    with serving(Settings(port=0, runs=hostile)) as url, httpx.Client(base_url=url, timeout=60) as client:
        yield client


@pytest.fixture
def ids(client: httpx.Client) -> dict[str, str]:
    return {run["name"]: run["id"] for run in client.get("/api/runs").json()}


def test_all_addresses_of_all_runs_answer_without_a_fault(client: httpx.Client, ids: dict[str, str]) -> None:
    assert ids.keys() >= {"good", "pipe", "zero", "toml", "pair", "figures", "masks-pipe", "names", "caf"}
    assert "log-pipe" not in ids
    for id in ids.values():
        for address in (
            f"/api/runs/{id}",
            f"/api/runs/{id}/curves",
            f"/api/runs/{id}/examples/pair-1/input",
            f"/api/runs/{id}/examples/pair-1/{STEP}",
            f"/api/runs/{id}/examples/pair-1/{STEP}/sources.png",
        ):
            answer = client.get(address)
            assert answer.status_code in (200, 404), (address, answer.text)
            if answer.status_code == 404:
                assert answer.json()["error"].endswith(".")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("pipe", "config.toml is a pipe or a device"),
        ("zero", "config.toml is a pipe or a device"),
        ("toml", "config.toml is not valid TOML (nested too deeply)"),
        ("pair", "examples/pair-1/pair.json is a pipe or a device"),
        ("figures", f"{STEM}.json is not valid JSON"),
    ],
)
def test_what_cannot_be_read_is_told_and_the_rest_is_shown(
    client: httpx.Client, ids: dict[str, str], name: str, said: str
) -> None:
    told = client.get(f"/api/runs/{ids[name]}").json()
    assert told["verdict"] == "copying target"
    [sentence] = [sentence for sentence in told["sentences"] if said in sentence]
    assert sentence.startswith(said[:8]), "paths are those in the run"


@pytest.mark.parametrize("name", ["masks-pipe", "masks-huge"])
def test_masks_that_cannot_be_read_cost_their_picture_only(
    client: httpx.Client, ids: dict[str, str], name: str
) -> None:
    base = f"/api/runs/{ids[name]}/examples/pair-1/{STEP}"
    assert client.get(base).status_code == 200
    answer = client.get(f"{base}/sources.png")
    assert answer.status_code == 404 and answer.json()["error"].endswith(".")


def test_names_that_are_not_utf8_are_escaped(client: httpx.Client, ids: dict[str, str]) -> None:
    told = client.get(f"/api/runs/{ids['names']}").json()
    assert told["examples"][0]["input_name"] == NOT_UTF8
    assert ["music", f"/m/{NOT_UTF8}"] in told["facts"]
    assert any(NOT_UTF8 in sentence for sentence in told["sentences"])


def test_a_studio_that_shows_them_ends_at_once(hostile: Path, tmp_path: Path) -> None:
    words = ["studio", "--runs", str(hostile), "--port", "0", "--no-browser"]
    code = f"from hocket.cli import main\nraise SystemExit(main({words!r}))"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            url = next(word for word in process.stdout.readline().split() if word.startswith("http://"))
            for run in httpx.get(f"{url}/api/runs", timeout=60).json():
                httpx.get(f"{url}/api/runs/{run['id']}", timeout=60)
            begin = time.monotonic()
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            assert time.monotonic() - begin < 20
        finally:
            process.kill()
