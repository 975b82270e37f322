"""The run report, mailed and opened from disk with the network off: whole, silent in the console, and playable."""

from pathlib import Path
from typing import Any

import pytest
from studio_actions import until

from conftest import DESKTOP, Messages, opened
from hocket.cli import main

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def report(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the small run beside itself, alone in a folder."""
    path = tmp_path_factory.mktemp("mailed") / "report.html"
    assert main(["report", str(runs / "small"), str(runs / "small"), "-o", str(path)]) == 0
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_asks_for_nothing_and_complains_of_nothing(
    chromium: Any, report: Path, messages: Messages, scheme: str
) -> None:
    asked: list[str] = []
    with opened(chromium, messages, offline=True, color_scheme=scheme) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.goto(report.as_uri())
        page.wait_for_selector(".player.ready")
        assert page.locator("figure.hk-chart svg").count() > 5
        assert page.locator("h1").count() == 1
        for width in (360, DESKTOP["width"]):
            page.set_viewport_size({**DESKTOP, "width": width})
            page.wait_for_timeout(200)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert messages == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert report.as_uri() in asked


def test_its_players_switch_at_the_same_position(chromium: Any, report: Path, messages: Messages) -> None:
    where = "Number(document.querySelector('.player').dataset.position)"
    with opened(chromium, messages, offline=True) as page:
        page.goto(report.as_uri())
        page.wait_for_selector(".player.ready")
        player = page.locator(".player").first
        player.locator(".play").click()
        until(page, f"{where} > 0.1")
        player.locator("button[data-role=target]").click()
        assert page.evaluate("document.querySelector('.player').dataset.role") == "target"
        assert player.locator("button[data-role=target]").get_attribute("aria-pressed") == "true"
        assert 0.1 < page.evaluate(where) < 1.0
    assert messages == []
