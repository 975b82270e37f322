"""Typed chords and MIDI files as the harmony, in a real browser."""

import io
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import mido
import numpy as np
import pytest
from studio_actions import fuse, give, until

from hocket import audio
from hocket.audio import Audio

CARD = ".source[data-role=target]"


@pytest.fixture
def chords_mid(tmp_path: Path) -> Path:
    """Am and F, two seconds each."""
    track = mido.MidiTrack()
    for notes in ((57, 60, 64), (53, 57, 60)):
        track += [mido.Message("note_on", note=note, velocity=90) for note in notes]
        lengths = (4 * 480, 0, 0)
        track += [mido.Message("note_off", note=n, time=t) for n, t in zip(notes, lengths, strict=True)]
    path = tmp_path / "chords.mid"
    mido.MidiFile(tracks=[track]).save(path)
    return path


@pytest.fixture
def typed(page: Any, pair: Any) -> Any:
    """The page with a rhythm and chords, fused."""
    give(page, "input", pair.input)
    type_chords(page, "Am F C/E G")
    fuse(page)
    return page


def type_chords(page: Any, chords: str, *, bars: str = "1") -> None:
    page.fill("#chords", chords)
    page.select_option("#bars-per-chord", bars)
    page.press("#chords", "Enter")
    page.wait_for_selector(f"{CARD} .chord-row")


def test_chords_are_typed_fused_and_judged(typed: Any) -> None:
    assert typed.locator(f"{CARD} .chord-row li").all_inner_texts() == ["Am", "F", "C/E", "G"]
    assert typed.inner_text("#result-title") == "beat & <bass> × Am F C/E G"
    assert typed.inner_text("#result .verdict") in ("✓ Fusion", "◐ Layering")
    assert typed.inner_text("#history .entry b") == "1. beat & <bass> × Am F C/E G"
    assert typed.is_hidden("#result .stale") and typed.is_visible("text=the chords are played at")
    assert typed.is_disabled("#swap") and "only be the harmony" in typed.get_attribute("#swap", "title")
    with typed.expect_download() as waiting:
        typed.click(".downloads a:has-text('Markers')")
    assert waiting.value.suggested_filename == "beat-bass_x_Am-F-C_E-G.markers.zip"
    with ZipFile(io.BytesIO(Path(waiting.value.path()).read_bytes())) as archive:
        assert {name.rpartition(".")[2] for name in archive.namelist()} == {"mid", "txt"}


@pytest.mark.slow
def test_chords_survive_a_reload_and_come_back_with_their_result(typed: Any, pair: Any) -> None:
    first = typed.evaluate("hocketStudio.fuse.view.result.id")
    typed.wait_for_timeout(400)
    typed.reload()
    typed.wait_for_selector(f"{CARD} .chord-row")
    until(typed, "hocketStudio.fuse.view?.result !== undefined")
    assert typed.is_hidden("#result .stale")
    typed.click(f"{CARD} button:has-text('Change')")
    assert typed.input_value("#chords") == "Am F C/E G"
    type_chords(typed, "Am F C/E G", bars="0.5")
    typed.wait_for_selector("#result .stale:not([hidden])")
    typed.click(f"{CARD} button:has-text('Remove')")
    assert typed.is_visible("#chords") and typed.is_disabled("#fuse")
    give(typed, "target", pair.target)
    assert typed.is_enabled("#swap") and typed.is_hidden("#chords")
    fuse(typed)
    typed.locator("#history .entry .open").nth(1).click()
    typed.wait_for_selector(f"{CARD} .chord-row")
    until(typed, "(first) => hocketStudio.fuse.view.result.id === first", first)
    assert "one chord a bar" in typed.inner_text(f"{CARD} .loaded")
    assert typed.is_hidden("#result .stale")


def test_a_name_that_is_no_chord_is_told_at_once_with_the_nearest(page: Any, messages: Any) -> None:
    messages.expected.append("Failed to load resource")
    page.fill("#chords", "Am Fj C")
    page.click(f"{CARD} button:has-text('Use')")
    until(page, "document.querySelector('[data-role=target] .error').textContent.includes('Fj')")
    assert "Unknown chord 'Fj' (the 2nd): did you mean 'F" in page.inner_text(f"{CARD} .error")
    assert page.evaluate("document.activeElement.id") == "chords"
    type_chords(page, "Am F C")
    assert page.is_hidden(f"{CARD} .error")
    assert page.inner_text("#fuse-hint") == "Choose a rhythm first."
    assert page.is_disabled("#align") and "already on the input's beats" in page.get_attribute(
        "#key", "title"
    )
    page.click(f"{CARD} button:has-text('Remove')")
    assert page.is_enabled("#align") and page.is_enabled("#key")


def test_a_midi_file_is_a_harmony_with_a_waveform_and_no_rhythm(
    page: Any, pair: Any, chords_mid: Path, messages: Any
) -> None:
    messages.expected.append("Failed to load resource")
    page.set_input_files("#input-file", chords_mid)
    until(page, "document.querySelector('[data-role=input] .error').textContent !== ''")
    told = page.inner_text(".source[data-role=input] .error")
    assert told == "chords.mid is a MIDI file, which has no sound of its own: give it as the harmony."
    assert page.locator("#chords").count() == 1 and not page.locator("[data-role=input] .type-chords").count()
    give(page, "input", pair.input)
    give(page, "target", chords_mid)
    assert "0:04.3 ·" in page.inner_text(f"{CARD} .loaded") and page.is_visible(f"{CARD} .wave")
    assert page.is_disabled("#swap")
    fuse(page)
    assert page.inner_text("#result-title") == "beat & <bass> × chords"
    assert page.inner_text("#result .verdict")


@pytest.mark.slow
def test_cards_tell_tempo_and_key_and_offer_the_swap_that_helps(page: Any, tmp_path: Path) -> None:
    time = np.arange(8 * 24_000) / 24_000
    clicks = np.random.default_rng(2).standard_normal(len(time)) * np.exp(-25 * (time % 0.5))
    drone = np.minimum(1, np.minimum(time, 8 - time)) * np.sin(
        2 * np.pi * 220 * np.outer((1, 1.2, 1.5), time)
    )
    for name, sound in (("clicks.wav", clicks), ("drone.wav", drone.sum(axis=0))):
        audio.save(tmp_path / name, Audio((0.2 * sound[None]).astype(np.float32), 24_000))
    rhythm = ".source[data-role=input]"
    give(page, "input", tmp_path / "drone.wav")
    page.wait_for_selector(f"{rhythm} .unfit:not([hidden])")
    assert "The input has hardly any attacks" in page.inner_text(f"{rhythm} .unfit")
    assert "no clear beat · no clear key · as the rhythm ○○○" in page.inner_text(f"{rhythm} .music")
    assert page.is_hidden(f"{rhythm} .unfit button"), "there is nothing to swap with"
    give(page, "target", tmp_path / "clicks.wav")
    page.wait_for_selector(f"{CARD} .unfit:not([hidden])")
    page.click(f"{CARD} .unfit button")
    assert page.inner_text(f"{rhythm} .name") == "clicks.wav"
    page.wait_for_selector(f"{rhythm} .dots")
    assert "120 BPM · no clear key · as the rhythm ●●●" in page.inner_text(f"{rhythm} .music")
    assert "as the harmony ●●●" in page.inner_text(f"{CARD} .music")
    assert page.is_hidden(f"{rhythm} .unfit") and page.is_hidden(f"{CARD} .unfit")
