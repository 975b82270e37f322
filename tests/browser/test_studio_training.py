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
    until(page, "document.querySelector('.curves').shadowRoot?.querySelectorAll('svg').length > 3")
    until(page, "hocketStudio.player?.ready")
    assert page.locator("#example-step option").count() >= 1
    page.check("#panel-training .ticks label:has-text('Loop') input")
    page.click("#panel-training .play.big")
    until(page, "hocketStudio.player.position() > 0.1")
    page.click("#panel-training .voice.target")
    assert page.evaluate("hocketStudio.player.voice") == "target"
    # Two rounds of news later it still plays: the loop of a second has gone round, and nothing was loaded anew.
    page.evaluate("() => { window.before = hocketStudio.player.backend; }")
    page.wait_for_timeout(7000)
    assert page.evaluate("hocketStudio.player.playing && hocketStudio.player.backend === before")


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
    until(page, "document.querySelector('.curves').shadowRoot?.querySelectorAll('svg').length > 3")
    page.set_viewport_size({**DESKTOP, "width": 360})
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    until(page, "hocketStudio.player?.ready")
    page.click("#panel-training .play.big")
    assert abs(page.evaluate(KEPT, "input")) < 0.03


def test_curves_bring_no_scripts(page: Any, messages: Messages) -> None:
    messages.expected.append("Content Security Policy")
    page.evaluate(
        """async () => {
          const { curvesInto } = await import("/static/js/fragment.js");
          const place = document.createElement("div");
          document.body.append(place);
          curvesInto(place, `<style>p { color: rgb(1, 2, 3) }</style><script>window.broken = 1<\\/script>
            <p onclick="window.broken = 2">words</p><svg><a href="javascript:window.broken = 3"><text>t</text></a></svg>
            <iframe src="https://example.org"></iframe>
            <img src="https://example.org/x.png" onerror="window.broken = 4">`);
          place.shadowRoot.querySelector("p").click();
          window.colour = getComputedStyle(place.shadowRoot.querySelector("p")).color;
          window.left = place.shadowRoot.innerHTML;
        }"""
    )
    assert page.evaluate("window.broken") is None
    assert page.evaluate("colour") == "rgb(1, 2, 3)"
    left = page.evaluate("left")
    assert "<p>words</p>" in left
    assert all(word not in left for word in ("script", "iframe", "onerror", "example.org"))
