"""Fusing in a real browser, from two files to the download, by mouse."""

import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from studio_actions import HEARD, KEPT, fuse, give, position, until

from hocket import audio
from hocket.fusing import Fuser

pytestmark = pytest.mark.slow
STEP_24_BIT = 2.0**-23


def downloaded(page: Any, format: str, folder: Path) -> Path:
    with page.expect_download() as waiting:
        page.click(f".downloads a:has-text('{format.upper()}')")
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def test_a_fusion_comes_with_its_verdict_its_figures_and_its_picture(fused: Any) -> None:
    assert fused.inner_text("#result-title") == "beat & <bass> × chords"
    assert fused.inner_text("#result .verdict") in ("◐ Layering", "✓ Fusion")
    assert fused.locator("#result .gauge").count() == 6
    assert fused.locator("#result .level[aria-current]").inner_text() in ("layering", "fusion")
    assert "blue is the rhythm of beat & <bass>.wav" in fused.get_attribute("#result .picture", "aria-label")
    assert fused.locator("#result .frequencies span").count() >= 5


def test_the_download_is_the_fused_audio(fused: Any, studio: str, pair: Any, tmp_path: Path) -> None:
    id = fused.evaluate("hocketStudio.fuse.view.result.id")
    wav, flac = (downloaded(fused, format, tmp_path) for format in ("wav", "flac"))
    assert wav.suffix == ".wav" and flac.suffix == ".flac"
    with urllib.request.urlopen(f"{studio}/api/results/{id}/download?format=wav") as answer:
        assert wav.read_bytes() == answer.read()
    sound = audio.load(wav)
    assert np.array_equal(sound.samples, audio.load(flac).samples)
    expected = Fuser.from_checkpoint().fuse_files(pair.input, pair.target).audio
    assert (sound.sample_rate, sound.num_channels) == (44_100, 2)
    assert np.abs(sound.samples - expected.samples).max() <= 2 * STEP_24_BIT
    assert np.abs(sound.samples).max() > 0.05


@pytest.mark.parametrize("is_streamed", [False, True], ids=["kept", "streamed"])
def test_switching_changes_what_is_heard_and_keeps_the_position(fused: Any, is_streamed: bool) -> None:
    if is_streamed:
        fused.evaluate("async () => { (await import('/static/js/tracks.js')).Pieces.mostBytes = 4e6; }")
    fused.click("#result .play.big")
    until(fused, "hocketStudio.player.position() > 1.5")
    for voice in ("input", "target", "output", "input"):
        assert abs(fused.evaluate(KEPT, voice)) < 0.03
        levels = fused.evaluate("hocketStudio.player.levels()")
        tracks = {"rhythm", "harmony"} if voice == "output" else {voice}
        assert {name for name, level in levels.items() if level > 0} == tracks
    fused.click("#result .play.big")
    place = position(fused)
    fused.wait_for_timeout(200)
    assert position(fused) == place


@pytest.mark.parametrize("voice", ["input", "target", "output"])
def test_what_sounds_is_the_chosen_voice_at_the_position_that_is_shown(fused: Any, voice: str) -> None:
    fused.click(f"#result .voice.{voice}")
    fused.click("#result .play.big")
    until(fused, "hocketStudio.player.position() > 1.0")
    heard = fused.evaluate(HEARD)
    others = {"input", "target", "output"} - {voice}
    assert heard[voice]["alike"] > 0.97
    assert all(heard[other]["alike"] < 0.95 * heard[voice]["alike"] for other in others)
    if voice != "target":  # Chords that rest are alike at every moment.
        assert heard[voice]["at"] == pytest.approx(heard["position"], abs=0.08)


def test_a_click_into_the_picture_seeks_and_pointing_reads_it(fused: Any) -> None:
    box = fused.locator("#result .picture").bounding_box()
    fused.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    words = fused.inner_text("#result .readout")
    assert words.startswith("0:03.0") and "Hz" in words
    fused.mouse.click(box["x"] + 0.25 * box["width"], box["y"] + 10)
    assert position(fused) == pytest.approx(1.5, abs=0.02)
    cursor, plot = (fused.locator(f"#result .{name}").bounding_box() for name in ("cursor", "plot"))
    assert (cursor["x"] + 1 - plot["x"]) / plot["width"] == pytest.approx(0.25, abs=0.01)


def test_at_the_end_it_stops_or_begins_anew(fused: Any) -> None:
    fused.uncheck("#result .ticks label:has-text('Loop') input")
    fused.evaluate("hocketStudio.player.seek(5.6)")
    fused.click("#result .play.big")
    until(fused, "!hocketStudio.player.playing")
    assert position(fused) == 0
    fused.check("#result .ticks label:has-text('Loop') input")
    fused.evaluate("hocketStudio.player.seek(5.7)")
    fused.click("#result .play.big")
    fused.wait_for_timeout(900)
    assert fused.evaluate("hocketStudio.player.playing")
    assert position(fused) < 1.0


def test_history_compares_fusions_at_the_same_place_and_outlives_a_reload(fused: Any) -> None:
    first = fused.evaluate("hocketStudio.fuse.view.result.id")
    fused.fill("#controls input[aria-label='Re-attack as a number']", "2")
    second = fuse(fused)
    assert second != first
    entries = fused.locator("#history .entry")
    assert entries.count() == 2
    assert "re-attack 2" in entries.nth(0).inner_text()
    fused.click("#result .play.big")
    until(fused, "hocketStudio.player.position() > 0.5")
    entries.nth(1).locator(".open").click()
    until(fused, "(id) => hocketStudio.fuse.view.result.id === id && hocketStudio.player.playing", first)
    fused.wait_for_timeout(300)
    assert 0.5 < position(fused) < 5.0
    fused.reload()
    fused.wait_for_selector("#result .picture:not([hidden])")
    assert fused.evaluate("hocketStudio.fuse.view.result.id") == second
    assert fused.inner_text(".source[data-role=input] .name") == "beat & <bass>.wav"
    fused.click("#history .entry:nth-child(1) .remove")
    until(fused, "(id) => hocketStudio.fuse.view.result.id === id", first)
    fused.click("#history .entry .remove")
    fused.wait_for_selector("#results", state="hidden")


def test_regions_by_number_fields_and_swap(fused: Any) -> None:
    fused.fill("input[aria-label='Rhythm: start of the region in seconds']", "1")
    fused.fill("input[aria-label='Rhythm: end of the region in seconds']", "99")
    fused.press("input[aria-label='Rhythm: end of the region in seconds']", "Enter")
    assert fused.input_value("input[aria-label='Rhythm: end of the region in seconds']") == "6.00"
    fuse(fused)
    assert fused.evaluate("hocketStudio.fuse.view.result.seconds") == pytest.approx(5.0, abs=0.01)
    fused.click("#swap")
    assert fused.inner_text(".source[data-role=target] .name") == "beat & <bass>.wav"
    assert fused.input_value("input[aria-label='Harmony: start of the region in seconds']") == "1.00"


def test_dragging_an_edge_of_the_waveform_cuts_the_region(page: Any, pair: Any) -> None:
    give(page, "input", pair.input)
    page.wait_for_timeout(300)
    box = page.locator(".source[data-role=input] .wave").bounding_box()
    page.mouse.move(box["x"] + box["width"] - 3, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40, steps=8)
    page.mouse.up()
    end = float(page.input_value("input[aria-label='Rhythm: end of the region in seconds']"))
    assert end == pytest.approx(3.0, abs=0.15)


def test_cancel_stops_and_a_second_visitor_sees_the_queue(
    page: Any, chromium: Any, studio: str, messages: Any, long_beat: Path
) -> None:
    from conftest import opened

    give(page, "input", long_beat)
    give(page, "target", long_beat)
    with opened(chromium, messages) as other:
        other.goto(studio)
        other.wait_for_selector("html[data-ready]")
        give(other, "input", long_beat)
        give(other, "target", long_beat)
        page.click("#fuse")
        page.wait_for_selector("#job:not([hidden])")
        other.click("#fuse")
        until(other, "document.getElementById('job-state').textContent.includes('position 1')")
        other.click("#cancel")
        other.wait_for_selector("#fuse:not([disabled])")
        assert other.is_hidden("#results")
    until(page, "document.getElementById('job-state').textContent.includes('%')")
    page.click("#cancel")
    page.wait_for_selector("#fuse:not([disabled])")
    page.wait_for_timeout(600)
    assert page.is_hidden("#results") and page.is_hidden("#job") and page.is_hidden("#job-error")


def test_a_file_that_is_no_recording_is_refused_in_a_sentence(
    page: Any, pair: Any, tmp_path: Path, messages: Any
) -> None:
    messages.expected.append("Failed to load resource")
    (tmp_path / "letter.wav").write_text("Dear Sir or Madam, " * 100)
    (tmp_path / "empty.wav").touch()
    give(page, "target", pair.target)
    for name in ("letter.wav", "empty.wav"):
        page.set_input_files("#input-file", tmp_path / name)
        until(page, "(name) => document.querySelector('.source .error').textContent.includes(name)", name)
    assert page.is_disabled("#fuse")
    give(page, "input", pair.input)
    assert page.is_hidden(".source[data-role=input] .error")
    assert page.is_enabled("#fuse")


def test_example_sounds_are_one_click_away(page: Any) -> None:
    assert page.locator("#examples button").count() == 3
    page.click("#examples button")
    page.wait_for_selector("#fuse:not([disabled])")
    fuse(page)
    assert page.inner_text("#result .verdict") == "✓ Fusion"


@pytest.mark.music
def test_two_real_recordings(page: Any, music: Path) -> None:
    from hocket.data.pairs import read_pairs

    pair = read_pairs(music / "pairs.csv")[0]
    give(page, "input", pair.input)
    give(page, "target", pair.target)
    fuse(page)
    page.click("#result .play.big")
    until(page, "hocketStudio.player.position() > 0.3")
    assert abs(page.evaluate(KEPT, "target")) < 0.03
    assert page.inner_text("#result .verdict")
