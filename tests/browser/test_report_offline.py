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
        assert page.locator("figure.hk-chart canvas").count() > 5
        assert page.locator(".hk-frame[aria-label*='over training steps']").count() > 5
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


def shown(page: Any) -> list[list[float]]:
    """The steps from and to which each chart is drawn."""
    found: list[list[float]] = page.evaluate(
        "[...new Set(hocketReport.panels.map((p) => JSON.stringify([p.plot.scales.x.min, p.plot.scales.x.max])))]"
        ".map(JSON.parse)"
    )
    return found


def test_charts_are_zoomed_together_and_read_by_pointer_and_keys(
    chromium: Any, report: Path, messages: Messages
) -> None:
    with opened(chromium, messages, offline=True) as page:
        page.goto(report.as_uri())
        page.wait_for_selector(".hk-frame canvas")
        assert shown(page) == [[0, 6]]
        over = page.locator(".u-over").first
        over.scroll_into_view_if_needed()
        box = over.bounding_box()
        page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 40)
        page.mouse.down()
        page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 60, steps=4)
        page.mouse.up()
        [[first, last]] = shown(page)
        assert 1.3 < first < 1.7 and 4.3 < last < 4.7
        assert page.locator(".hk-readout").first.inner_text().startswith("step ")
        page.mouse.dblclick(box["x"] + 40, box["y"] + 40)
        until(page, "hocketReport.zoom === null")
        assert shown(page) == [[0, 6]]
        frame = page.locator(".hk-frame").nth(1)
        frame.focus()
        page.keyboard.press("End")
        spoken = page.locator(".hk-readout").nth(1)
        assert spoken.inner_text().startswith("step 6: ")
        page.keyboard.press("ArrowLeft")
        assert not spoken.inner_text().startswith("step 6: ")
        page.keyboard.press("+")
        [[first, last]] = shown(page)
        assert last - first == pytest.approx(3)
        page.click(".hk-tools button")
        assert shown(page) == [[0, 6]] and page.is_disabled(".hk-tools button")
    assert messages == []


def test_runs_are_laid_over_each_other_and_switched_off(
    chromium: Any, report: Path, messages: Messages
) -> None:
    def curves(run: int) -> list[bool]:
        """Whether the curves of a run are drawn."""
        found: list[bool] = page.evaluate(
            "(run) => hocketReport.panels.flatMap((p) => p.lines.map((l, i) => [l.run, p.plot.series[i + 1].show]))"
            ".filter(([of]) => of === run).map(([, show]) => show)",
            run,
        )
        return found

    with opened(chromium, messages, offline=True) as page:
        page.goto(report.as_uri())
        page.wait_for_selector(".hk-frame canvas")
        assert all(curves(0)) and all(curves(1)) and len(curves(0)) == len(curves(1)) > 5
        page.locator(".hk-run input").nth(1).uncheck()
        assert all(curves(0)) and not any(curves(1))
        titles = page.locator(".hk-unit:has-text('logarithmic')")
        page.select_option(".hk-tools select", "linear")
        assert titles.count() == 0
        page.select_option(".hk-tools select", "log")
        assert titles.count() > 3
        last = "hocketReport.panels.find((p) => p.chart.key === 'loss total').plot.data[1].at(-1)"
        before = page.evaluate(last)
        page.locator(".hk-tools input[type=range]").fill("0.9")
        assert page.evaluate(last) != before
        page.locator(".hk-table summary").first.click()
        rows = page.locator(".hk-table").first.locator("tbody tr")
        assert rows.count() == 3 and rows.last.locator("th").inner_text() == "6"
    assert messages == []
