"""The studio in the hand: uploads, settings that changed, loops, zoom, touch, and results that are opened again."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from studio_actions import fuse, give, move, position, until

from conftest import Messages, opened

PHONE = {
    "viewport": {"width": 360, "height": 740},
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 2,
}
STALE = "Out of date: settings have changed since this was fused."


@pytest.fixture
def phone(chromium: Any, studio: str, messages: Messages) -> Iterator[Any]:
    """The studio on a phone: narrow, dark and touched."""
    with opened(chromium, messages, **PHONE, color_scheme="dark") as page:
        page.goto(studio)
        page.wait_for_selector("html[data-ready]")
        yield page
    assert messages.unexpected == []


def swipe(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draws a finger over the screen, as quickly as fingers do."""
    session = page.context.new_cdp_session(page)
    steps = 8
    for step in range(steps + 1):
        x, y = (one + (other - one) * step / steps for one, other in zip(start, end, strict=True))
        kind = "touchMove" if step else "touchStart"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        page.wait_for_timeout(25)
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    session.detach()


def drag(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=8)
    page.mouse.up()


def place(page: Any, selector: str, x: float, y: float) -> tuple[float, float]:
    """A point of the screen, by its share of an element's width and height."""
    box = page.locator(selector).bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def section(page: Any) -> list[float] | None:
    found: list[float] | None = page.evaluate("hocketStudio.player.section")
    return found


def test_nothing_can_be_fused_while_a_file_is_replaced(page: Any, pair: Any) -> None:
    give(page, "input", pair.input)
    give(page, "target", pair.target)
    assert page.is_enabled("#fuse")
    held: list[Any] = []
    page.route("**/api/sources?*", lambda route: held.append(route))
    page.set_input_files("#input-file", pair.target)
    until(page, "document.getElementById('fuse').textContent === 'Uploading…'")
    assert page.is_disabled("#fuse") and page.is_disabled("#swap")
    assert page.inner_text(".source[data-role=input] .name") == "beat & <bass>.wav"
    page.wait_for_timeout(100)
    held[0].continue_()
    until(page, "document.getElementById('fuse').textContent === 'Fuse'")
    assert page.is_enabled("#fuse")
    assert page.inner_text(".source[data-role=input] .name") == "chords.flac"


def test_the_cards_are_called_rhythm_and_harmony(page: Any) -> None:
    titles = page.locator(".source h2").all_inner_texts()
    assert [" ".join(title.split()) for title in titles] == ["Rhythm the input", "Harmony the target"]


@pytest.mark.slow
def test_a_result_says_when_settings_have_changed_since(fused: Any) -> None:
    assert fused.is_hidden("#result .stale")
    start = "input[aria-label='Rhythm: start of the region in seconds']"
    changes = [
        (lambda: fused.select_option("#align", "tempo"), lambda: fused.select_option("#align", "none")),
        (lambda: fused.fill(start, "1"), lambda: fused.fill(start, "0")),
        (lambda: fused.click("#swap"), lambda: fused.click("#swap")),
    ]
    for change, change_back in changes:
        change()
        fused.press("body", "Tab")
        fused.wait_for_selector("#result .stale:not([hidden])")
        assert STALE in fused.inner_text("#result .stale")
        change_back()
        fused.press("body", "Tab")
        fused.wait_for_selector("#result .stale", state="hidden")
    move(fused, "Rhythm level", 0.2)
    assert fused.is_hidden("#result .stale"), "the faders need no new run"
    before = fused.evaluate("hocketStudio.fuse.view.result.id")
    fused.select_option("#align", "tempo")
    fused.click("#result .stale button")
    until(fused, "(before) => hocketStudio.fuse.view.result.id !== before", before)
    assert fused.evaluate("hocketStudio.fuse.view.result.options.align") == "tempo"
    fused.wait_for_selector("#result .stale", state="hidden")


@pytest.mark.slow
def test_a_preset_sets_controls_and_faders_and_goes_with_the_job(page: Any, pair: Any) -> None:
    def settings() -> dict[str, Any]:
        return page.evaluate("() => window.hocketStudio.fuse.view.result.options")

    give(page, "input", pair.input)
    give(page, "target", pair.target)
    page.click("#presets >> text=Pumping chords")
    assert page.input_value("#reattack") == "1.5"
    fuse(page)
    assert (settings()["reattack"], settings()["blend"]) == (1.5, 0.4)
    # What is live is heard at once, and needs no other run; the rest does.
    page.click("#presets >> text=Drums forward")
    assert page.input_value("#reattack") == "0" and page.is_visible(f"text={STALE}")
    assert page.evaluate("() => window.hocketStudio.fuse.view.mixer.values.blend") == 0.7
    until(page, "() => window.hocketStudio.fuse.view.transport.player.mix.rhythm > 1.39")
    page.click("#presets >> text=Balanced")
    assert page.evaluate("() => window.hocketStudio.fuse.view.mixer.values.blend") == 0.5


def test_a_result_that_is_opened_again_brings_its_settings_back(fused: Any, pair: Any) -> None:
    first = fused.evaluate("hocketStudio.fuse.view.result.id")
    fused.fill("input[aria-label='Rhythm: end of the region in seconds']", "4")
    fused.fill("#controls input[aria-label='Re-attack as a number']", "2")
    fused.select_option("#align", "tempo")
    move(fused, "Harmony level", 0.25)
    fuse(fused)
    give(fused, "input", pair.target)
    until(fused, "hocketStudio.fuse.cards[0].source.name === 'chords.flac'")
    fused.wait_for_timeout(400)
    fused.locator("#history .entry .open").nth(0).click()
    until(fused, "hocketStudio.fuse.cards[0].source.name === 'beat & <bass>.wav'")
    assert fused.input_value("input[aria-label='Rhythm: end of the region in seconds']") == "4.00"
    assert fused.is_hidden("#result .stale")
    fused.locator("#history .entry .open").nth(1).click()
    until(fused, "(first) => hocketStudio.fuse.view.result.id === first", first)
    assert fused.input_value("#controls input[aria-label='Re-attack as a number']") == "0"
    assert fused.input_value("#align") == "none"
    assert fused.input_value("input[aria-label='Rhythm: end of the region in seconds']") == "6.00"
    assert fused.inner_text(".fader.harmony output") == "0.0 dB"
    assert fused.is_hidden("#result .stale")
    names = fused.locator("#history .entry b").all_inner_texts()
    assert names == [
        "2. beat & <bass> × chords, target 0.25, re-attack 2, aligned: tempo",
        "1. beat & <bass> × chords",
    ]


@pytest.mark.slow
def test_a_section_is_looped_by_dragging_and_by_keys(fused: Any) -> None:
    assert fused.evaluate("hocketStudio.player.loop"), "short sounds are looped"
    drag(fused, place(fused, "#result .picture", 0.25, 0.5), place(fused, "#result .picture", 0.35, 0.5))
    assert section(fused) == pytest.approx([1.5, 2.1], abs=0.03)
    assert position(fused) == pytest.approx(1.5, abs=0.03)
    fused.click("#result .play.big")
    places = []
    for _ in range(25):
        fused.wait_for_timeout(60)
        places.append(position(fused))
    assert 1.45 < min(places) < 1.75 and 1.85 < max(places) < 2.15
    assert any(later < earlier for earlier, later in itertools.pairwise(places)), "it went round"
    fused.click("#result .play.big")
    fused.mouse.click(*place(fused, "#result .picture", 0.5, 0.5))
    assert position(fused) == pytest.approx(3.0, abs=0.03)
    assert section(fused) is not None
    fused.keyboard.press("Escape")
    assert section(fused) is None
    assert fused.is_hidden("#result .marked")
    fused.keyboard.press("[")
    fused.keyboard.press("ArrowRight")
    fused.keyboard.press("]")
    assert section(fused) == pytest.approx([3.0, 4.0], abs=0.03)
    fused.click("#result .tools button:has-text('Clear section')")
    assert section(fused) is None


@pytest.mark.slow
def test_zoom_by_buttons_keys_and_wheel(fused: Any) -> None:
    view = "hocketStudio.fuse.view.transport.stage.view"
    assert fused.evaluate(view) == pytest.approx([0, 6], abs=0.01)
    assert fused.is_hidden("#result .scroll")
    fused.click("[aria-label='Zoom in']")
    fused.keyboard.press("+")
    start, end = fused.evaluate(view)
    assert (start, end - start) == pytest.approx((0, 1.5), abs=0.01)
    fused.focus("#result .scroll")
    fused.keyboard.press("End")
    assert fused.evaluate(view) == pytest.approx([4.5, 6], abs=0.01)
    fused.mouse.click(*place(fused, "#result .picture", 0.5, 0.5))
    assert position(fused) == pytest.approx(5.25, abs=0.02)
    fused.mouse.move(*place(fused, "#result .picture", 0.5, 0.5))
    fused.keyboard.down("Control")
    fused.mouse.wheel(0, 60)
    fused.keyboard.up("Control")
    until(fused, f"{view}[1] - {view}[0] > 1.6")
    fused.keyboard.press("-")
    fused.keyboard.press("-")
    assert fused.evaluate(view) == pytest.approx([0, 6], abs=0.01)


@pytest.mark.slow
def test_all_the_way_on_a_phone(phone: Any, pair: Any) -> None:
    give(phone, "input", pair.input)
    give(phone, "target", pair.target)
    phone.wait_for_timeout(300)
    width = phone.evaluate(
        """() => {
          const wave = document.querySelector(".source[data-role=input] .wave > div").shadowRoot;
          return wave.querySelector("[part~=region-handle-right]").getBoundingClientRect().width;
        }"""
    )
    assert width >= 24
    wave = ".source[data-role=input] .wave"
    right, y = place(phone, wave, 1.0, 0.5)
    swipe(phone, (right - 20, y), (place(phone, wave, 0.5, 0.5)[0] - 20, y))
    end = float(phone.input_value("input[aria-label='Rhythm: end of the region in seconds']"))
    assert end == pytest.approx(3.0, abs=0.4)
    phone.tap("#fuse")
    phone.wait_for_selector("#result .picture:not([hidden])")
    phone.wait_for_selector("#fuse:not([disabled])")
    assert phone.evaluate("hocketStudio.player.playing")
    phone.tap("#result .play.big")
    assert not phone.evaluate("hocketStudio.player.playing")
    phone.tap("[aria-label='Mute harmony']")
    assert phone.evaluate("hocketStudio.fuse.view.mixer.amounts().harmony") == 0
    phone.locator("#result .picture").scroll_into_view_if_needed()
    swipe(phone, place(phone, "#result .picture", 0.2, 0.4), place(phone, "#result .picture", 0.6, 0.4))
    assert section(phone) == pytest.approx([0.2 * end, 0.6 * end], abs=0.15)
    phone.tap("[aria-label='Zoom in']")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360
    small = phone.evaluate(
        """() => [...document.querySelectorAll("button, .button, .voice, .ticks label")]
          .filter((element) => element.checkVisibility())
          .filter((element) => Math.min(element.offsetWidth, element.offsetHeight) < 24)
          .map((element) => element.outerHTML.slice(0, 100))"""
    )
    assert small == []


def test_controls_beyond_the_presets_are_folded_until_somebody_opens_them(chromium: Any, studio: str) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(studio)
    page.wait_for_selector("html[data-ready]")
    assert page.is_visible("#presets button") and page.is_hidden("#align")
    page.click("#more summary")
    assert page.is_visible("#align")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.is_visible("#align")
    context.close()
