"""The page of a listening test in a real browser, from disk: heard, switched, answered by keys, saved and counted."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from studio_actions import until

from conftest import DESKTOP, Messages, opened
from hocket.cli import main

sys.path.append(str(Path(__file__).parents[1] / "listening"))
from listening_sounds import make_test, write_pairs

NARROW = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test of two pairs and three systems, in sounds of two seconds and a half."""
    place = tmp_path_factory.mktemp("listening")
    assert make_test(write_pairs(place, seconds=3.0), place / "page", "--seconds=2.5") == 0
    return place / "page"


@pytest.fixture
def page(chromium: Any, folder: Path, messages: Messages) -> Iterator[Any]:
    """The page as it opens, without a network; in the end its console must be empty."""
    asked: list[str] = []
    with opened(chromium, messages, offline=True) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.goto((folder / "index.html").as_uri())
        page.wait_for_selector("html[data-ready='-1']")
        yield page
    assert messages == []
    assert [url for url in asked if not url.startswith(("file:", "blob:"))] == []


def begin(page: Any) -> None:
    page.fill("#name", "Ann")
    page.keyboard.press("Enter")
    page.wait_for_selector("html[data-ready='0']")


def position(page: Any) -> float:
    return float(page.evaluate("player.position"))


def heard_now(page: Any) -> tuple[str, list[float]]:
    """The title of the voice that is pressed, and the gains of all."""
    gains = page.evaluate("Object.values(player.voices).map((voice) => voice.gain.gain.value)")
    return page.locator(".voice[aria-pressed=true]").inner_text(), sorted(gains)


def hear_everything(page: Any, letters: str = "RHABC") -> None:
    for letter in letters:
        page.keyboard.press(letter.lower())
        until(page, "isHeard(player.now)")


def answer_everything(page: Any, values: dict[str, list[int]]) -> None:
    """Moves each card's three sliders by keys: 50 is where they begin."""
    for letter, wanted in values.items():
        page.keyboard.press(letter)
        for number, value in enumerate(wanted):
            page.locator(".card.now input").nth(number).focus()
            page.keyboard.press("ArrowUp")
            for _ in range(abs(value - 55) // 5):
                page.keyboard.press("ArrowRight" if value > 55 else "ArrowLeft")


def test_switching_keeps_the_place_and_one_voice_is_heard(page: Any) -> None:
    begin(page)
    page.keyboard.press(" ")
    until(page, "player.position > 0.3")
    assert page.inner_text("#play") == "Pause"
    for key, title in (("b", "B"), ("3", "C"), ("h", "Harmony source"), ("A", "A"), ("r", "Rhythm source")):
        before = position(page)
        page.keyboard.press(key)
        moved = (position(page) - before) % 2.5
        assert 0 <= moved < 0.4, key
        page.wait_for_timeout(80)
        name, gains = heard_now(page)
        assert name.startswith(title) and gains == pytest.approx([0, 0, 0, 0, 1], abs=0.01)
    page.keyboard.press(" ")
    stopped = position(page)
    assert page.inner_text("#play") == "Play"
    page.wait_for_timeout(150)
    assert position(page) == stopped
    page.locator("#position").fill("1.5")
    page.keyboard.press("a")
    assert 1.5 <= position(page) < 1.9


def test_nobody_goes_on_before_all_is_heard_and_answered(page: Any) -> None:
    begin(page)
    page.keyboard.press("Enter")
    assert page.inner_text("#status") == (
        "Before you go on: listen to Rhythm source, Harmony source, A, B, C; answer all questions about A, B, C."
    )
    hear_everything(page, "RHAB")
    answer_everything(page, {"a": [60, 60, 60], "b": [40, 40, 40]})
    page.keyboard.press("c")
    page.keyboard.press("ArrowUp")
    assert page.get_attribute("#next", "aria-disabled") == "true"
    page.click("#next", force=True)
    assert "answer all questions about C." in page.inner_text("#status")
    assert page.inner_text("#progress") == "Trial 1 of 2"
    until(page, "isHeard(player.now)")
    answer_everything(page, {"c": [55, 0, 100]})
    assert page.get_attribute("#next", "aria-disabled") == "false"
    page.keyboard.press("Enter")
    page.wait_for_selector("html[data-ready='1']")
    assert page.inner_text("#progress") == "Trial 2 of 2"
    assert page.evaluate("document.activeElement.id") == "progress"


@pytest.mark.slow
def test_the_whole_test_is_kept_over_a_reload_saved_and_counted(
    page: Any, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = {"a": [80, 20, 70], "b": [10, 90, 30], "c": [55, 0, 100]}
    begin(page)
    order = [page.evaluate("order")]
    hear_everything(page)
    answer_everything(page, values)
    page.reload()
    page.wait_for_selector("html[data-ready='0']")
    assert page.evaluate("order") == order[0]
    shown = page.locator(".card input").evaluate_all("(all) => all.map((one) => Number(one.value))")
    assert shown == [value for wanted in values.values() for value in wanted]
    page.keyboard.press("Enter")
    page.wait_for_selector("html[data-ready='1']")
    order.append(page.evaluate("order"))
    hear_everything(page)
    answer_everything(page, values)
    page.keyboard.press("Enter")
    page.wait_for_selector("html[data-ready='2']")
    page.fill("#comment", "too loud")
    with page.expect_download() as download:
        page.click("#save")
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    answers = json.loads(path.read_text())
    assert path.name == f"answers-{answers['listener']}.json" and answers["name"] == "Ann"
    assert [trial["order"] for trial in answers["trials"]] == order

    assert main(["listen", "--results", str(path), "--key", str(folder / "key.json"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    key = json.loads((folder / "key.json").read_text())
    systems = {name: system for trial in key["trials"] for name, system in trial["sounds"].items()}
    keeps: dict[str, list[int]] = {}
    for names in order:
        for name, (*_, keep) in zip(names, values.values(), strict=True):
            keeps.setdefault(systems[name], []).append(keep)
    assert {system: means["keep"] for system, means in found["means"].items()} == {
        system: sum(given) / 2 for system, given in keeps.items()
    }
    assert found["comments"] == ["too loud"]
    page.click("#again")
    page.wait_for_selector("html[data-ready='-1']")
    assert page.input_value("#name") == "" and page.evaluate("state.listener") != answers["listener"]


def test_each_listener_has_an_order_of_their_own(page: Any) -> None:
    orders = page.evaluate(
        "[...Array(40)].map(() => { state = fresh();"
        " return JSON.stringify([trialsInOrder().map((one) => one.trial), test.trials.map(soundsInOrder)]); })"
    )
    assert len(set(orders)) > 20


def test_it_fits_a_telephone_and_everything_has_a_name(page: Any) -> None:
    begin(page)
    for size in (NARROW, DESKTOP):
        page.set_viewport_size(size)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    names = page.locator(".card input").evaluate_all("(all) => all.map((one) => one.ariaLabel)")
    assert names[0] == "A: It has the rhythm of the rhythm source" and len(set(names)) == 9
    assert page.locator("input[aria-valuetext='not answered yet']").count() == 9
    # A click on the middle is an answer, though it moves nothing.
    page.locator(".card input").first.click()
    assert page.locator(".card output").first.inner_text() == "50"
