"""The run report, mailed and opened from disk with the network off: short, whole, printable and playable."""

import re
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
        assert page.locator(".curves.head canvas").count() == 4
        unfold(page)
        assert page.locator("figure.hk-chart canvas").count() > 8
        assert page.locator(".hk-frame[aria-label*='over training steps']").count() > 8
        assert page.locator("h1").count() == 1
        for width in (360, 390, DESKTOP["width"]):
            page.set_viewport_size({**DESKTOP, "width": width})
            page.wait_for_timeout(200)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert messages == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert report.as_uri() in asked


def unfold(page: Any) -> None:
    """Opens all that is folded, and waits until its charts are drawn."""
    page.evaluate("document.querySelectorAll('#more > details').forEach((part) => { part.open = true; })")
    until(page, "hocketReport[1].panels.every((panel) => panel.plot)")


def test_it_is_read_in_two_minutes(chromium: Any, report: Path, messages: Messages) -> None:
    with opened(chromium, messages, offline=True) as page:
        page.goto(report.as_uri())
        page.wait_for_selector(".player.ready")
        assert page.evaluate("document.documentElement.scrollHeight") <= 5_000
        assert page.locator(".card .verdict").count() == 2
        for place in ("#listen", "#more"):
            page.click(f"nav a[href='{place}']")
            until(page, f"document.querySelector('{place}').getBoundingClientRect().top < innerHeight")
            contents, head = page.locator("nav").bounding_box(), page.locator(place).bounding_box()
            assert contents["y"] == 0 and contents["height"] < 60
            assert head["y"] > contents["height"] - 1
    assert messages == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_prints_on_few_pages_that_are_full(
    chromium: Any, report: Path, messages: Messages, scheme: str
) -> None:
    with opened(chromium, messages, offline=True, color_scheme=scheme) as page:
        page.goto(report.as_uri())
        page.wait_for_selector(".player.ready")
        whole = num_pages(page.pdf(prefer_css_page_size=True))
        assert whole <= 3
        width = "hocketReport[0].panels[0].plot.width"
        assert page.evaluate(width) > 400
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 695, "height": 1024})
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.evaluate(width) == 330
        assert page.evaluate("document.documentElement.scrollWidth") <= 695
        assert not page.is_visible("#listen") and not page.is_visible("nav") and not page.is_visible("#more")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        # As many pages as what is printed fills, and no more.
        assert whole <= page.evaluate("document.documentElement.scrollHeight") / 1024 + 1
        boxes = page.evaluate(
            "[...document.querySelectorAll('.box, .card, .hk-chart')].map((e) => e.getBoundingClientRect())"
            ".map(({left, top, right, bottom}) => [left, top, right, bottom])"
        )
        for number, (left, top, right, bottom) in enumerate(boxes):
            for others in boxes[number + 1 :]:
                apart = right <= others[0] or others[2] <= left or bottom <= others[1] or others[3] <= top
                assert apart, (boxes[number], others)
    assert messages == []


def num_pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


WHERE = "Number(document.querySelector('.player').dataset.position)"
KEY = "document.querySelector('.player').dataset.key"


def test_its_player_switches_at_the_same_position(chromium: Any, report: Path, messages: Messages) -> None:
    with opened(chromium, messages, offline=True) as page:
        page.goto(report.as_uri())
        page.wait_for_selector(".player.ready")
        player = page.locator(".player")
        assert player.count() == 1 and not player.locator("audio").first.is_visible()
        voices = player.get_by_role("group", name="What to hear").get_by_role("button")
        names = [text.split(" ✓")[0].split(" ◐")[0].split(" ⚠")[0] for text in voices.all_inner_texts()]
        assert names == ["Input", "Target", "small", "small (2)"]
        player.locator(".play").click()
        until(page, f"{WHERE} > 0.1")
        # The beginning of its clock: what starts anew, or elsewhere, begins at another time.
        began = page.evaluate("hocketPlayer.began")
        for key in ("target", "run-1", "run-0"):
            player.locator(f"button[data-key={key}]").click()
            assert page.evaluate(KEY) == key
            assert player.locator("button[data-key][aria-pressed=true]").count() == 1
            assert player.locator(f"button[data-key={key}]").get_attribute("aria-pressed") == "true"
            heard = "hocketPlayer.nodes.filter(({ gain }) => gain.gain.value > 0.5).map((n) => n.sound.dataset.key)"
            until(page, f"JSON.stringify({heard}) === '[\"{key}\"]'")
            assert page.evaluate("[hocketPlayer.began, hocketPlayer.nodes.length]") == [began, 4]
    assert messages == []


def test_its_player_keeps_its_place_and_is_used_by_keyboard(
    chromium: Any, report: Path, messages: Messages
) -> None:
    with opened(chromium, messages, offline=True) as page:
        page.goto(report.as_uri())
        page.wait_for_selector(".player.ready")
        player = page.locator(".player")
        player.locator(".seek").fill("0.5")
        assert page.evaluate(WHERE) == 0.5
        for key, name in (("1", "input"), ("4", "run-1"), ("3", "run-0")):
            player.locator(".play").focus()
            page.keyboard.press(key)
            assert page.evaluate(KEY) == name and page.evaluate(WHERE) == 0.5
        second = player.get_by_role("group", name="Example").get_by_role("button").nth(1)
        second.focus()
        page.keyboard.press("Enter")
        assert second.get_attribute("aria-pressed") == "true"
        assert page.locator(".example:visible").count() == 1 and page.evaluate(KEY) == "run-0"
    assert messages == []


def shown(page: Any) -> list[list[float]]:
    """The steps from and to which each chart is drawn."""
    found: list[list[float]] = page.evaluate(
        "[...new Set(hocketReport[0].panels.map((p) => JSON.stringify([p.plot.scales.x.min, p.plot.scales.x.max])))]"
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
        until(page, "hocketReport[0].zoom === null")
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
            "(run) => hocketReport[1].panels.flatMap((p) => p.lines.map((l, i) => [l.run, p.plot.series[i + 1].show]))"
            ".filter(([of]) => of === run).map(([, show]) => show)",
            run,
        )
        return found

    with opened(chromium, messages, offline=True) as page:
        page.goto(report.as_uri())
        page.wait_for_selector(".hk-frame canvas")
        unfold(page)
        assert all(curves(0)) and all(curves(1)) and len(curves(0)) == len(curves(1)) > 5
        page.locator(".all-curves .hk-run input").nth(1).uncheck()
        assert all(curves(0)) and not any(curves(1))
        titles = page.locator(".hk-unit:has-text('logarithmic')")
        page.select_option(".hk-tools select", "linear")
        assert titles.count() == 0
        page.select_option(".hk-tools select", "log")
        assert titles.count() > 3
        last = "hocketReport[1].panels.find((p) => p.chart.key === 'loss total').plot.data[1].at(-1)"
        before = page.evaluate(last)
        page.locator(".hk-tools input[type=range]").fill("0.9")
        assert page.evaluate(last) != before
        page.locator(".hk-table summary").first.click()
        rows = page.locator(".hk-table").first.locator("tbody tr")
        assert rows.count() == 3 and rows.last.locator("th").inner_text() == "6"
    assert messages == []
