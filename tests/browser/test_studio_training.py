"""The second tab in a real browser: a run that was really trained, and one that goes on while somebody listens."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from studio_actions import KEPT, until

from conftest import DESKTOP, Messages, opened, running_studio

pytestmark = pytest.mark.slow


@pytest.fixture
def following(chromium: Any, runs: Path, tmp_path: Path, messages: Messages) -> Iterator[tuple[Any, Path]]:
    """The training tab over a copy of the run, and the folder of the copy."""
    shutil.copytree(runs, tmp_path / "runs")
    with running_studio("--runs", str(tmp_path / "runs")) as address, opened(chromium, messages) as page:
        page.goto(f"{address}/#training")
        page.wait_for_selector(".run-detail:not([hidden])")
        yield page, tmp_path / "runs" / "small"
    assert messages.unexpected == []


def test_a_run_is_told_drawn_and_heard(following: tuple[Any, Path]) -> None:
    page, _ = following
    assert page.inner_text("#run-title") == "small"
    assert page.inner_text("#panel-training .verdict")
    until(page, "document.querySelectorAll('.curves canvas').length > 3")
    until(page, "hocketStudio.player?.ready")
    assert page.locator("#example-step option").count() >= 1
    page.check("#panel-training .ticks label:has-text('Loop') input")
    page.click("#panel-training .play.big")
    until(page, "hocketStudio.player.position() > 0.1")
    page.click("#panel-training .voice.target")
    assert page.evaluate("hocketStudio.player.voice") == "target"
    # Two rounds of news later it still plays: the loop of a second has gone round, and nothing was loaded anew.
    page.evaluate("() => { window.before = hocketStudio.player.tracks; }")
    page.wait_for_timeout(7000)
    assert page.evaluate("hocketStudio.player.playing && hocketStudio.player.tracks === before")


def test_news_of_a_run_appear_without_a_reload(following: tuple[Any, Path]) -> None:
    page, folder = following
    log = folder / "log.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines()
    validation = next(
        json.loads(line) for line in reversed(lines) if json.loads(line)["kind"] == "validation"
    )
    before = page.inner_text("#run-title + p")
    kept = [line for line in lines if json.loads(line)["kind"] != "end"]
    kept.append(json.dumps({**validation, "step": validation["step"] + 2, "epoch": validation["epoch"] + 1}))
    log.write_text("\n".join(kept) + "\n", encoding="utf-8")
    until(page, "(before) => document.querySelector('#run-title + p').textContent !== before", before)


def test_a_hidden_tab_asks_for_nothing(following: tuple[Any, Path]) -> None:
    page, _ = following
    until(page, "hocketStudio.player?.ready")
    page.click("#tab-fuse")
    page.wait_for_timeout(500)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(4000)
    assert asked == []


def test_it_fits_a_narrow_screen(following: tuple[Any, Path]) -> None:
    page, _ = following
    until(page, "document.querySelectorAll('.curves canvas').length > 3")
    page.set_viewport_size({**DESKTOP, "width": 360})
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    until(page, "hocketStudio.player?.ready")
    page.click("#panel-training .play.big")
    assert abs(page.evaluate(KEPT, "input")) < 0.03


def test_news_keep_the_zoom(following: tuple[Any, Path]) -> None:
    page, folder = following
    until(page, "document.querySelectorAll('.curves canvas').length > 3")
    plots = "(await hocketStudio.training.plots)"
    page.evaluate(f"async () => {plots}.zoomTo([1, 4])")
    canvas = page.evaluate_handle("document.querySelector('.curves canvas')")
    with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(
            json.dumps({"kind": "train", "step": 9, "loss/total": 1.0, "skipped": 0.0, "spiked": 0.0}) + "\n"
        )
    until(page, f"async () => {plots}.last === 9")
    ends = "p.plot.scales.x.min, p.plot.scales.x.max"
    assert page.evaluate(f"async () => {plots}.panels.every((p) => String([{ends}]) === '1,4')")
    assert canvas.evaluate("(canvas) => canvas.isConnected"), "the same chart"
    page.click(".hk-tools button")
    assert page.evaluate(f"async () => {plots}.panels.every((p) => String([{ends}]) === '0,9')")


def test_names_in_curves_are_text(page: Any) -> None:
    page.evaluate(
        """async () => {
          const evil = `<img src=x onerror="window.broken = 1"><script>window.broken = 2</script>`;
          await new Promise((resolve) => {
            const script = document.createElement("script");
            document.head.append(Object.assign(script, { src: "static/plots/uPlot.iife.min.js", onload: resolve }));
          });
          const { Curves } = await import("/static/plots/curves.js");
          const place = document.createElement("div");
          document.body.append(place);
          const series = [[[1, 2], [0.5, null]], [[1, 3], [0.2, 0.3]]];
          const curve = { name: evil, look: "input", dash: 0, is_faint: false, has_dots: true, series };
          const chart = { key: evil, title: evil, unit: evil, curves: [curve], thresholds: [[0.3, evil]],
            band: [0.1, 0.2, evil], shown: [0], may_be_log: true, begins_log: true, note: evil };
          const marks = [{ step: 2, sign: evil, text: evil }];
          const run = { name: evil, last_step: 3, marks };
          new Curves(place).show({ runs: [run, { ...run, marks: [] }], signs: [[evil, evil]],
            groups: [{ title: evil, text: evil, charts: [chart] }] });
          const summary = place.querySelector("details");
          summary.open = true;
          await new Promise((resolve) => setTimeout(resolve, 300));
          window.drawn = ["canvas", "img, script"].map((kind) => place.querySelectorAll(kind).length);
        }"""
    )
    assert page.evaluate("drawn") == [1, 0]
    assert page.evaluate("window.broken") is None
