"""The studio without a mouse, on a narrow screen, in the dark: all of it, for everybody."""

from pathlib import Path
from typing import Any

import pytest
from studio_actions import fuse, give, position, until

pytestmark = pytest.mark.slow

CONTRAST = """
() => {
  const channels = (colour) => {
    const parts = colour.match(/[\\d.]+/g).map(Number);
    return parts.length > 3 ? parts : [...parts, 1];
  };
  const over = (front, back, alpha) =>
    front.slice(0, 3).map((value, place) => value * alpha + back[place] * (1 - alpha));
  const light = (colour) => {
    const [red, green, blue] = colour.map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element) => {
    if (!element) return channels(getComputedStyle(document.body).backgroundColor).slice(0, 3);
    const own = channels(getComputedStyle(element).backgroundColor);
    return own[3] === 0 ? behind(element.parentElement) : over(own, behind(element.parentElement), own[3]);
  };
  const poor = [];
  for (const element of document.querySelectorAll("body *")) {
    const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!text || element.closest(".unseen, .skip, :disabled")) continue;
    if (!element.checkVisibility({ visibilityProperty: true })) continue;
    const style = getComputedStyle(element);
    let opacity = 1;
    for (let at = element; at; at = at.parentElement) opacity *= Number(getComputedStyle(at).opacity);
    const back = behind(element);
    const [one, other] = [light(over(channels(style.color), back, opacity)), light(back)].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const name = `${element.className || element.tagName} "${element.textContent.trim().slice(0, 30)}"`;
    if (ratio < (large ? 3 : 4.5)) poor.push(`${name} ${ratio.toFixed(2)}`);
  }
  return poor;
}
"""
"""Texts whose contrast with what lies behind them is under WCAG 2.2's AA (1.4.3)."""


def tab_to(page: Any, selector: str) -> None:
    """Presses Tab until the element has the focus."""
    for _ in range(60):
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never came to {selector}")


def choose_by_keys(page: Any, role: str) -> None:
    """Opens the browser's dialog by Enter; one listener for all, as the driver loses a second one's first event."""
    tab_to(page, f"#{role}-file")
    page.keyboard.press("Enter")
    page.wait_for_selector(f".source[data-role={role}] .loaded:not([hidden])")


def test_all_the_way_with_the_keyboard_alone(page: Any, pair: Any) -> None:
    files = {"input-file": pair.input, "target-file": pair.target}
    page.on("filechooser", lambda chooser: chooser.set_files(files[chooser.element.get_attribute("id")]))
    choose_by_keys(page, "input")
    choose_by_keys(page, "target")
    tab_to(page, "#reattack")
    page.keyboard.press("ArrowRight")
    tab_to(page, "#align")
    page.keyboard.press("T")
    tab_to(page, "#fuse")
    page.keyboard.press("Enter")
    until(page, "hocketStudio.player?.ready && !hocketStudio.fuse.job")
    page.wait_for_selector("#result .picture:not([hidden])")
    options = page.evaluate("hocketStudio.fuse.view.result.options")
    assert (options["reattack"], options["align"]) == (0.05, "tempo")
    assert page.evaluate("document.activeElement.id") == "result"
    assert page.evaluate("hocketStudio.player.playing"), "it plays when it is ready"
    page.keyboard.press("Space")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert position(page) == pytest.approx(2.0, abs=0.01)
    page.keyboard.press("1")
    page.keyboard.press("Space")
    until(page, "hocketStudio.player.position() > 2.3")
    assert page.evaluate("hocketStudio.player.voice") == "input"
    page.keyboard.press("2")
    assert page.is_checked("#result .voice.target input")
    page.keyboard.press("Space")
    assert not page.evaluate("hocketStudio.player.playing")
    page.keyboard.press("Home")
    assert position(page) == 0
    tab_to(page, "#result .seek")
    page.keyboard.press("End")
    assert position(page) > 5.9
    tab_to(page, "#result [aria-label='Mute rhythm']")
    page.keyboard.press("Space")
    tab_to(page, "#result [aria-label='Harmony level']")
    page.keyboard.press("End")
    assert page.evaluate("hocketStudio.fuse.view.mixer.amounts()") == {"rhythm": 0, "harmony": 4}
    page.keyboard.press("[")
    page.keyboard.press("Escape")
    assert page.evaluate("hocketStudio.player.section") is None


def test_keys_in_a_field_belong_to_the_field(page: Any, pair: Any) -> None:
    give(page, "input", pair.input)
    give(page, "target", pair.target)
    fuse(page)
    page.fill("#controls input[aria-label='Re-attack as a number']", "")
    page.type("#controls input[aria-label='Re-attack as a number']", "1")
    assert page.evaluate("hocketStudio.player.voice") == "output"


def test_what_is_said_aloud(page: Any, pair: Any) -> None:
    page.evaluate(
        "() => { window.said = []; new MutationObserver(() => said.push(document.getElementById('live').textContent))"
        ".observe(document.getElementById('live'), { childList: true }); }"
    )
    give(page, "input", pair.input)
    give(page, "target", pair.target)
    fuse(page)
    said = page.evaluate("said")
    assert any("beat & <bass>.wav is the input" in text for text in said)
    assert any(text.startswith(("Done. ✓", "Done. ◐")) for text in said)


def test_every_control_has_a_name(page: Any, pair: Any) -> None:
    give(page, "input", pair.input)
    give(page, "target", pair.target)
    fuse(page)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, a[href], progress, img")]
          .filter((element) => element.checkVisibility())
          .filter((element) => !element.getAttribute("aria-label") && !element.hasAttribute("alt"))
          .filter((element) => !element.labels?.[0]?.textContent.trim() && !element.textContent.trim())
          .map((element) => element.outerHTML.slice(0, 120))"""
    )
    assert nameless == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_contrast_and_width(page: Any, pair: Any, scheme: str, width: int, tmp_path: Path) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 740})
    for state in ("empty", "fused", "training"):
        if state == "fused":
            give(page, "input", pair.input)
            give(page, "target", pair.target)
            fuse(page)
            page.click("#about summary")
            page.click("#keys summary")
        if state == "training":
            page.click("#tab-training")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, state
        assert page.evaluate(CONTRAST) == [], state
    picture = page.screenshot(path=tmp_path / f"{scheme}-{width}.png")
    assert len(picture) > 5000


def test_less_motion_is_no_motion(page: Any) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.evaluate(
        "() => document.body.append(Object.assign(document.createElement('i'), { className: 'dot training' }))"
    )
    assert page.evaluate("getComputedStyle(document.querySelector('.dot.training')).animationName") == "none"
