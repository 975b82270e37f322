"""Runs: those below one folder, and nothing else, whatever is asked for and wherever links lead."""

import io
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from visiting import drums, serving

from hocket import audio
from hocket.audio import Audio
from hocket.studio.runs import Runs
from hocket.studio.settings import Settings
from hocket.studio.store import GoneError

FIGURES = {
    "output_input_correlation": 0.1,
    "output_target_correlation": 0.9,
    "overlay_r2": 0.95,
    "rhythm_margin": -0.2,
    "harmony_margin": 0.5,
    "articulation_margin": -0.1,
}
STEP = 12


def make_run(folder: Path, *, step: int = STEP) -> Path:
    """A run with two validations and one example, as training writes it."""
    lines = [{"kind": "start", "step": 0, "config": {"num_epochs": 2, "steps_per_epoch": 6}}]
    lines += [{"kind": "validation", "step": at, "epoch": at // 6, **FIGURES} for at in (6, step)]
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("num_epochs = 2\nsteps_per_epoch = 6\n")
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    pair = folder / "examples" / "pair-1"
    pair.mkdir(parents=True)
    (pair / "pair.json").write_text(json.dumps({"input_name": "a.flac", "target_name": "<b>.flac"}))
    sound = Audio(drums(seconds=1.0, rate=24_000).samples[:1], 24_000)
    for name in ("input", "target", f"step-{step:08d}"):
        audio.save(pair / f"{name}.flac", sound, encoding="pcm16")
    mask = np.linspace(0, 1, 65 * 50).reshape(65, 50).astype(np.float16)
    bin_hz = np.linspace(0, 12_000, 65).astype(np.float32)
    np.savez(
        pair / f"step-{step:08d}.npz",
        input_mask=mask,
        target_mask=1 - mask,
        bin_hz=bin_hz,
        frame_rate=np.float32(50.0),
    )
    facts = {"step": step, "epoch": 2, "figures": FIGURES, "masks": {}}
    (pair / f"step-{step:08d}.json").write_text(json.dumps(facts))
    return folder


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`runs/` with two runs, one of them deeper, and links that lead out of it."""
    top = tmp_path_factory.mktemp("tree")
    make_run(top / "runs" / "first")
    make_run(top / "runs" / "study" / "second")
    make_run(top / "secret")
    (top / "runs" / "linked").symlink_to(top / "secret")
    forged = top / "runs" / "forged"
    forged.mkdir()
    (forged / "log.jsonl").symlink_to(top / "secret" / "log.jsonl")
    leaky = make_run(top / "runs" / "leaky") / "examples" / "pair-1"
    (leaky / "input.flac").unlink()
    (leaky / "input.flac").symlink_to(top / "secret" / "examples" / "pair-1" / "input.flac")
    (top / "runs" / "leaky2").mkdir()
    shutil.copy(top / "runs" / "first" / "log.jsonl", top / "runs" / "leaky2" / "log.jsonl")
    (top / "runs" / "leaky2" / "examples").symlink_to(top / "secret" / "examples")
    os.utime(top / "runs" / "first" / "log.jsonl", (2**31, 2**31))
    return top


@pytest.fixture(scope="module")
def client(tree: Path, studio_temp: Path) -> Iterator[httpx.Client]:
    with (
        serving(Settings(port=0, runs=tree / "runs")) as url,
        httpx.Client(base_url=url, timeout=30) as client,
    ):
        yield client


@pytest.fixture
def ids(client: httpx.Client) -> dict[str, str]:
    return {run["name"]: run["id"] for run in client.get("/api/runs").json()}


def test_runs_below_the_folder_are_listed_newest_first(client: httpx.Client) -> None:
    runs = client.get("/api/runs").json()
    assert {run["name"] for run in runs} == {"first", "study/second", "leaky", "leaky2"}
    assert runs[0]["name"] == "first"
    assert runs[0]["verdict"] == "copying target" and runs[0]["step"] == STEP
    assert [run["id"] for run in client.get("/api/runs").json()] == [run["id"] for run in runs], "ids stay"


def test_a_run_is_told_with_addresses_that_work(client: httpx.Client, ids: dict[str, str]) -> None:
    told = client.get(f"/api/runs/{ids['first']}").json()
    [example] = told["examples"]
    assert told["name"] == "first" and told["verdict"] == "copying target" and told["sentences"]
    assert example["target_name"] == "<b>.flac" and example["sample_rate"] == 24_000
    assert example["spectrogram"] == {"lowest_hz": 40.0, "highest_hz": 12_000.0}
    for address in (*example["audio"].values(), example["steps"][0]["audio"]):
        answer = client.get(address)
        assert answer.status_code == 200 and answer.content[:4] == b"fLaC"
        assert answer.headers["content-type"] == "audio/flac"
    picture = client.get(example["steps"][0]["picture"])
    assert Image.open(io.BytesIO(picture.content)).size[1] == 480


def test_curves_are_figures_for_the_page_to_draw(client: httpx.Client, ids: dict[str, str]) -> None:
    curves = client.get(f"/api/runs/{ids['first']}/curves").json()
    assert [run["name"] for run in curves["runs"]] == ["first"] and curves["runs"][0]["last_step"] == STEP
    [chart] = [chart for chart in curves["groups"][0]["charts"] if chart["key"] == "correlations"]
    assert chart["curves"] and all(len(curve["series"]) == 1 for curve in chart["curves"])
    for name in ("curves.js", "curves.css", "uPlot.iife.min.js", "uPlot.min.css", "LICENSE-uPlot.txt"):
        assert client.get(f"/static/plots/{name}").status_code == 200, name


@pytest.mark.parametrize("pair", ["pair-2", "..", "%2e%2e", "pair-1%2f..", "", "pair-1\\..", "*"])
def test_only_pairs_that_are_there_can_be_asked_for(
    client: httpx.Client, ids: dict[str, str], pair: str
) -> None:
    assert client.get(f"/api/runs/{ids['first']}/examples/{pair}/input").status_code == 404


@pytest.mark.parametrize(
    "which", ["pair.json", "13", "012", "-12", "output", "..", "%2e%2e%2fpair.json", "١٢"]
)
def test_only_steps_that_were_kept_can_be_asked_for(
    client: httpx.Client, ids: dict[str, str], which: str
) -> None:
    base = f"/api/runs/{ids['first']}/examples/pair-1/{which}"
    for address in (base, f"{base}/sources.png"):
        answer = client.get(address)
        assert answer.status_code == 404 and answer.json()["error"].endswith(".")


def test_links_do_not_lead_out(client: httpx.Client, ids: dict[str, str]) -> None:
    base = f"/api/runs/{ids['leaky']}/examples/pair-1"
    assert client.get(f"{base}/input").status_code == 404
    assert client.get(f"{base}/target").status_code == 200
    for which in ("input", str(STEP), f"{STEP}/sources.png"):
        assert client.get(f"/api/runs/{ids['leaky2']}/examples/pair-1/{which}").status_code == 404


def test_a_run_that_is_led_away_later_is_gone(tree: Path, tmp_path: Path) -> None:
    root = tmp_path / "runs"
    run = make_run(root / "one")
    runs = Runs(root)
    [row] = runs.list_runs()
    assert runs.get_run(row["id"])["name"] == "one"
    shutil.rmtree(run)
    with pytest.raises(GoneError):
        runs.get_run(row["id"])
    run.symlink_to(tree / "secret")
    with pytest.raises(GoneError):
        runs.get_run(row["id"])
    assert runs.list_runs() == []


def test_the_folder_itself_may_be_the_run(tmp_path: Path) -> None:
    runs = Runs(make_run(tmp_path / "alone"))
    assert [row["name"] for row in runs.list_runs()] == ["alone"]


def test_a_run_that_goes_on_is_seen_to(tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs" / "one")
    runs = Runs(tmp_path / "runs")
    assert runs.list_runs()[0]["step"] == STEP
    with (run / "log.jsonl").open("a") as log:
        log.write(json.dumps({"kind": "validation", "step": 18, "epoch": 3, **FIGURES}) + '\n{"kind": "tra')
    assert runs.list_runs()[0]["step"] == 18


def test_without_a_folder_the_page_can_say_how(studio_url: str) -> None:
    answer = httpx.get(f"{studio_url}/api/runs")
    assert answer.status_code == 404 and "--runs" in answer.json()["error"]


def test_a_damaged_run_does_not_hide_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import hocket.report

    for name in ("good", "strange"):
        make_run(tmp_path / "runs" / name)
    runs = Runs(tmp_path / "runs")
    ids = {row["name"]: row["id"] for row in runs.list_runs()}
    assert ids.keys() == {"good", "strange"}
    real = hocket.report.summarise

    def summarise(path: Path) -> dict[str, Any]:
        if path.name == "strange":
            raise KeyError("what")
        return real(path)

    monkeypatch.setattr(hocket.report, "summarise", summarise)
    with (tmp_path / "runs" / "strange" / "log.jsonl").open("a") as log:
        log.write("{}\n")
    for _ in range(3):
        assert [row["name"] for row in runs.list_runs()] == ["good"]
    assert caplog.text.count("cannot be shown") == 1, "once for a state of the log"
    with pytest.raises(GoneError, match=r"^The log of strange cannot be read: .*\.$"):
        runs.get_run(ids["strange"])
    assert runs.get_run(ids["good"])["name"] == "good"


def test_visitors_are_not_told_where_things_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "al"
    run = make_run(home / "work" / "runs" / "one")
    monkeypatch.setattr(Path, "home", lambda: home)
    lines = (run / "log.jsonl").read_text().splitlines()
    start = json.loads(lines[0]) | {"command": f"hocket train {home}/music {run} {tmp_path}/alice"}
    (run / "log.jsonl").write_text("\n".join([json.dumps(start), *lines[1:]]) + "\n")
    told = {}
    for is_shared in (False, True):
        runs = Runs(home / "work" / "runs", is_shared=is_shared)
        told[is_shared] = json.dumps(runs.get_run(runs.list_runs()[0]["id"]), ensure_ascii=False)
    assert f"{home}/music {run}" in told[False]
    assert f"hocket train ~/music …/runs/one {tmp_path}/alice" in told[True]
    assert f"{home}/" not in told[True]
