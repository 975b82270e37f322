"""The studio's page in a real browser: there within two seconds, whole, and without a complaint in the console."""

from typing import Any

import pytest

INTERACTIVE_SECONDS = 2.0


def test_the_page_is_interactive_within_two_seconds(page: Any) -> None:
    ready = page.evaluate("performance.getEntriesByName('hocket-ready')[0].startTime") / 1000
    assert 0 < ready < INTERACTIVE_SECONDS
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the studio"


def test_first_use_says_what_to_do_and_lets_nothing_be_fused_yet(page: Any) -> None:
    assert page.is_visible("#welcome")
    assert page.is_disabled("#fuse")
    assert page.inner_text("#fuse-hint") == "Choose a rhythm and a harmony first."
    assert [page.is_visible(f".source[data-role={role}] .drop") for role in ("input", "target")] == [
        True,
        True,
    ]


def test_tabs_move_by_arrow_keys_and_without_runs_the_page_says_how_to_give_them(page: Any) -> None:
    page.focus("#tab-fuse")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.id") == "tab-training"
    assert page.get_attribute("#tab-training", "aria-selected") == "true"
    assert page.is_hidden("#panel-fuse")
    assert "hocket studio --runs" in page.inner_text("#panel-training")
    page.keyboard.press("Home")
    assert page.is_visible("#panel-fuse")


def test_the_policy_of_the_page_refuses_scripts_that_are_written_into_it(page: Any, messages: Any) -> None:
    messages.expected.append("Content Security Policy")
    page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.broken = true";
          document.body.append(script);
        }"""
    )
    assert page.evaluate("window.broken") is None
    assert any("Content Security Policy" in text for text in messages)


@pytest.mark.slow
def test_the_picture_s_colours_are_read_back_as_they_were_painted(page: Any) -> None:
    import numpy as np

    from hocket.pictures.arrays import paint

    shares, bright = np.meshgrid(np.linspace(-1, 1, 9), np.array([0.2, 0.6, 1.0]))
    colours = np.round(255 * paint(shares, bright)).astype(int)
    for row in range(shares.shape[0]):
        for column in range(shares.shape[1]):
            said = page.evaluate(
                "async (colour) => (await import('/static/js/spectrum.js')).meaning(...colour)",
                colours[row, column].tolist(),
            )
            assert said["share"] == pytest.approx(shares[row, column], abs=0.06)
            assert said["level_db"] == pytest.approx(66 * (bright[row, column] - 1), abs=2.0)
