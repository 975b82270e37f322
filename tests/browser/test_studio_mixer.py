"""The mixer of a result: what its faders change in the sound, the picture and the files, without a new run."""

import re
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from studio_actions import HEARD, LOUDNESS, RESIDUAL, fuse, give, move, position, until

from hocket import audio
from hocket.options import FuseOptions

SAMPLE_EXACT = 1e-3
SILENCE = 1e-6
AMOUNTS = """
async ([about, settings]) => {
  const { Mixer } = await import("/static/js/mixer.js");
  const mixer = new Mixer({ about, onChange: () => {} });
  return settings.map((values) => {
    mixer.set(values);
    return Object.values(mixer.amounts());
  });
}
"""
PAINTED = """
async ([width, height, levels, amounts]) => {
  const { readSpectrum } = await import("/static/js/spectrum.js");
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const ink = canvas.getContext("2d");
  const pixels = ink.createImageData(width, height);
  levels.forEach(([rhythm, harmony], place) => pixels.data.set([rhythm, harmony, 0, 255], 4 * place));
  ink.putImageData(pixels, 0, 0);
  const facts = { lowest_hz: 40, highest_hz: 20000, range_db: 66 };
  const spectrum = await readSpectrum(canvas.toDataURL(), facts, { hasVoices: true });
  spectrum.paint(amounts);
  const middle = (place) => [((place % width) + 0.5) / width, (Math.floor(place / width) + 0.5) / height];
  const said = levels.map((_, place) => spectrum.at(...middle(place)));
  return { colours: [...spectrum.ink.getImageData(0, 0, width, height).data], said };
}
"""


def shown_colours(page: Any) -> tuple[float, float]:
    """Mean red and mean blue of the picture as it is on the page, after the frame that paints it."""
    page.wait_for_timeout(200)
    means: list[float] = page.evaluate(
        """() => {
          const canvas = document.createElement("canvas");
          const ink = canvas.getContext("2d");
          ink.drawImage(document.querySelector("#result .picture"), 0, 0, canvas.width, canvas.height);
          const { data } = ink.getImageData(0, 0, canvas.width, canvas.height);
          const mean = (channel) => data.reduce((sum, value, place) => sum + (place % 4 === channel ? value : 0), 0);
          return [mean(0), mean(2)].map((sum) => sum / (data.length / 4));
        }"""
    )
    return means[0], means[1]


def test_the_faders_mean_what_the_options_of_a_fusion_mean(page: Any) -> None:
    about = page.evaluate("async () => (await fetch('/api/about')).json()")
    settings = [
        {"blend": blend, "input_amount": input, "target_amount": target}
        for blend in (0.0, 0.25, 0.5, 0.8, 1.0)
        for input, target in ((1.0, 1.0), (0.0, 4.0), (2.5, 0.3))
        if input * blend + target > 0
    ]
    found = page.evaluate(AMOUNTS, [about, settings])
    assert np.allclose(found, [FuseOptions(**values).amounts for values in settings])


def test_the_picture_of_the_mix_is_painted_as_the_report_paints(page: Any) -> None:
    from hocket.pictures.arrays import paint

    levels = [(0, 0), (255, 0), (0, 255), (200, 200), (128, 180), (230, 60), (40, 90), (255, 255)]
    amounts = {"rhythm": 0.5, "harmony": 2.0}
    power = [
        [
            amount**2 * 10 ** (6.6 * (level / 255 - 1)) * (level > 0)
            for level, amount in zip(pair, amounts.values(), strict=True)
        ]
        for pair in levels
    ]
    rhythm, harmony = np.array(power).T
    level_db = 10 * np.log10(np.maximum(rhythm + harmony, 1e-12) / (rhythm + harmony).max())
    share = (rhythm - harmony) / np.maximum(rhythm + harmony, 1e-12)
    expected = 255 * paint(share[None], np.clip(1 + level_db / 66, 0, 1)[None])[0]
    found = page.evaluate(PAINTED, [4, 2, levels, amounts])
    assert np.abs(np.reshape(found["colours"], (8, 4))[:, :3] - expected).max() <= 1.0
    assert found["said"][0] is None
    assert [said["share"] for said in found["said"][1:]] == pytest.approx(share[1:])
    assert [said["level_db"] for said in found["said"][1:]] == pytest.approx(level_db[1:])


@pytest.mark.slow
@pytest.mark.parametrize("is_streamed", [False, True], ids=["kept", "streamed"])
def test_what_sounds_is_the_sum_of_both_voices_to_the_sample(fused: Any, is_streamed: bool) -> None:
    if is_streamed:
        fused.evaluate("async () => { (await import('/static/js/tracks.js')).Pieces.mostBytes = 4e6; }")
    fused.uncheck("#result .ticks label:has-text('Equal loudness') input")
    fused.evaluate("hocketStudio.player.seek(2.4)")  # Just before the end of the first piece.
    asked: list[str] = []
    fused.on("request", lambda request: asked.append(f"{request.method} {request.url}"))
    fused.click("#result .play.big")
    until(fused, "hocketStudio.player.position() > 2.6")
    assert fused.evaluate(RESIDUAL, {"rhythm": 1.0, "harmony": 1.0}) < SAMPLE_EXACT
    move(fused, "Rhythm level", 0.25)  # 4 x 0.25 squared
    move(fused, "Harmony level", 0.4)
    move(fused, "Blend", 0.7)
    fused.evaluate("hocketStudio.player.seek(2.4)")
    wanted = FuseOptions(blend=0.7, input_amount=0.25, target_amount=0.64).amounts
    assert fused.evaluate(RESIDUAL, {"rhythm": wanted[0], "harmony": wanted[1]}) < SAMPLE_EXACT
    assert fused.evaluate(RESIDUAL, {"rhythm": 1.0, "harmony": 1.0}) > 0.1
    assert not [line for line in asked if line.startswith("POST")], "a new run"


@pytest.mark.slow
def test_mute_and_solo(fused: Any) -> None:
    fused.click("#result .play.big")
    fused.click("[aria-label='Solo rhythm']")
    heard = fused.evaluate(HEARD, ["rhythm", "harmony"])
    assert heard["rhythm"]["alike"] > 0.97
    assert heard["harmony"]["alike"] < 0.95 * heard["rhythm"]["alike"]
    fused.click("[aria-label='Solo rhythm']")
    fused.click("[aria-label='Mute rhythm']")
    assert fused.get_attribute("[aria-label='Mute rhythm']", "aria-pressed") == "true"
    assert fused.evaluate("hocketStudio.player.levels().rhythm") == 0
    assert fused.evaluate(LOUDNESS) > 0.01
    fused.click("[aria-label='Mute harmony']")
    assert fused.evaluate(LOUDNESS) < SILENCE
    assert fused.is_hidden("#result .downloads")
    assert "nothing to download" in fused.inner_text("#result .desk")
    fused.click("#result .desk .quiet")  # Reset
    assert fused.evaluate(LOUDNESS) > 0.01
    assert fused.get_attribute("[aria-label='Mute rhythm']", "aria-pressed") == "false"


@pytest.mark.slow
def test_a_fader_at_its_lower_end_is_silence_and_the_meters_say_so(fused: Any) -> None:
    fused.click("#result .play.big")
    width = "document.querySelector('.fader.harmony .meter i').getBoundingClientRect().width"
    until(fused, f"{width} > 5")
    move(fused, "Harmony level", 0.0)
    assert fused.inner_text(".fader.harmony output") == "off"
    until(fused, f"{width} === 0")
    move(fused, "Rhythm level", 0.0)
    assert fused.evaluate(LOUDNESS) < SILENCE
    move(fused, "Harmony level", 1.0)
    assert fused.inner_text(".fader.harmony output") == "+12.0 dB"
    assert 0.01 < fused.evaluate(LOUDNESS) < 1.0


@pytest.mark.slow
def test_the_mix_is_as_loud_as_the_sources_wherever_the_faders_are(fused: Any) -> None:
    sounds = {
        role: fused.evaluate(
            """async (role) => {
              const answer = await fetch(`/api/results/${hocketStudio.fuse.view.result.id}/audio/${role}`);
              const buffer = await new OfflineAudioContext(1, 1, 44100).decodeAudioData(await answer.arrayBuffer());
              let energy = 0;
              for (let channel = 0; channel < buffer.numberOfChannels; channel += 1) {
                for (const sample of buffer.getChannelData(channel)) energy += sample * sample;
              }
              return Math.sqrt(energy / buffer.length / buffer.numberOfChannels);
            }""",
            role,
        )
        for role in ("input", "target")
    }
    for rhythm, harmony in ((0.5, 0.5), (0.7, 0.3), (0.2, 0.6)):
        move(fused, "Rhythm level", rhythm)
        move(fused, "Harmony level", harmony)
        gains = fused.evaluate("hocketStudio.player.gains")
        facts = fused.evaluate("hocketStudio.fuse.view.result.energies")
        a, b = fused.evaluate("Object.values(hocketStudio.fuse.view.mixer.amounts())")
        mix = np.sqrt(a**2 * facts["rhythm"] + b**2 * facts["harmony"] + 2 * a * b * facts["cross"])
        levels = [gains["output"] * mix, *(gains[role] * sounds[role] for role in sounds)]
        assert levels == pytest.approx([levels[0]] * 3, rel=0.02)


@pytest.mark.slow
def test_picture_readout_and_shares_follow_the_faders(fused: Any) -> None:
    red, blue = shown_colours(fused)
    assert red > 1 and blue > 1
    assert fused.locator("#result .share").count() == 3
    fused.click("[aria-label='Mute harmony']")
    red, blue = shown_colours(fused)
    assert blue > 1.5 * red
    words = fused.locator("#result .share-words").all_inner_texts()
    assert all(text in ("rhythm 100 %, harmony 0 %", "silent") for text in words)
    assert fused.is_visible("#result .moved")
    box = fused.locator("#result .picture").bounding_box()
    said = set()
    for share in np.linspace(0.1, 0.9, 9):
        fused.mouse.move(box["x"] + 0.31 * box["width"], box["y"] + share * box["height"])
        said |= set(fused.inner_text("#result .readout").split(" · ")[2:3])
    assert said <= {"rhythm (100 %)", "silent"} and "rhythm (100 %)" in said
    fused.click("[aria-label='Mute harmony']")
    fused.click("[aria-label='Mute rhythm']")
    red, blue = shown_colours(fused)
    assert red > 1.5 * blue
    fused.click("[aria-label='Mute rhythm']")
    assert fused.is_hidden("#result .moved")


@pytest.mark.slow
def test_downloads_are_what_is_heard(fused: Any, studio: str, tmp_path: Path) -> None:
    id = fused.evaluate("hocketStudio.fuse.view.result.id")
    assert (
        fused.get_attribute(".downloads a:has-text('WAV')", "href") == f"api/results/{id}/download?format=wav"
    )
    move(fused, "Rhythm level", 0.25)
    move(fused, "Harmony level", 0.6)
    with fused.expect_download() as waiting:
        fused.click(".downloads a:has-text('WAV')")
    waiting.value.save_as(tmp_path / "mix.wav")
    with fused.expect_download() as waiting:
        fused.click(".downloads a:has-text('Stems')")
    assert waiting.value.suggested_filename.endswith(".zip")
    with zipfile.ZipFile(Path(waiting.value.path())) as stems:
        assert len(stems.namelist()) == 2
    voices = []
    for voice in ("rhythm", "harmony"):
        with urllib.request.urlopen(f"{studio}/api/results/{id}/audio/{voice}") as answer:
            (tmp_path / f"{voice}.wav").write_bytes(answer.read())
        voices.append(audio.load(tmp_path / f"{voice}.wav").samples)
    mix = 0.25 * voices[0] + 1.44 * voices[1]
    found = audio.load(tmp_path / "mix.wav").samples
    alike = np.vdot(found, mix) / np.sqrt(np.vdot(found, found) * np.vdot(mix, mix))
    assert alike > 1 - 1e-6
    with fused.expect_download() as waiting:
        fused.click(".downloads a:has-text('MP3')")
    assert waiting.value.suggested_filename.endswith(".mp3")


@pytest.mark.slow
def test_a_new_fusion_begins_with_the_faders_as_they_are(fused: Any) -> None:
    move(fused, "Rhythm level", 0.25)
    fuse(fused)
    result = fused.evaluate("hocketStudio.fuse.view.result")
    assert (result["options"]["input_amount"], result["amounts"]) == (0.25, [0.25, 1.0])
    assert fused.is_hidden("#result .moved")
    assert fused.inner_text(".fader.rhythm output") == "-12.0 dB"
    assert not result["is_alarm"], "an imbalance that was asked for"
    assert re.match(r"2\. .*, input 0\.25$", fused.inner_text("#history .entry:nth-child(1) b"))
    fused.locator("#history .entry .open").nth(1).click()
    until(fused, "hocketStudio.fuse.view.result.options.input_amount === 1")
    assert fused.inner_text(".fader.rhythm output") == "0.0 dB"


@pytest.mark.slow
def test_it_sounds_before_the_verdict_which_does_not_interrupt_it(page: Any, pair: Any) -> None:
    give(page, "input", pair.input)
    give(page, "target", pair.target)
    page.evaluate(
        """() => {
          window.seen = [];
          const look = () => {
            const { player, fuse } = hocketStudio;
            const words = document.querySelector("#result .verdict")?.textContent;
            if (player?.playing) seen.push([performance.now() / 1000, player.position(), words, player.attempt]);
            requestAnimationFrame(look);
          };
          look();
        }"""
    )
    assert page.is_checked("#play-when-ready")
    page.click("#fuse")
    until(page, "seen.some(([, , words]) => /Layering|Fusion|Overlay|Copy/i.test(words))")
    page.wait_for_timeout(700)
    seen = page.evaluate("seen")
    first = seen[0]
    assert first[2] == "Checking…"
    assert len({attempt for *_, attempt in seen}) == 1, "it was started once"
    seconds, places = (np.array([row[column] for row in seen]) for column in (0, 1))
    moved = np.unwrap(places - places[0], period=page.evaluate("hocketStudio.player.duration"))
    assert np.abs((moved - moved[-1]) - (seconds - seconds[-1]))[places > 0.05].max() < 0.1
    page.wait_for_selector("#result .picture:not([hidden])")
    assert page.is_enabled("#result .voice.input input")
    page.click("#result .play.big")
    page.uncheck("#play-when-ready")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert not page.is_checked("#play-when-ready")
    until(page, "hocketStudio.player?.ready")
    assert position(page) == 0 and not page.evaluate("hocketStudio.player.playing")
