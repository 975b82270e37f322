"""What a person does on the studio's page, and what can be heard there, for the tests of this folder."""

import time
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 30.0

HEARD = """
async () => {
  const { player, fuse } = hocketStudio;
  const { master } = player.backend;
  const audio = master.context;
  const tap = audio.createAnalyser();
  tap.fftSize = 8192;
  master.connect(tap);
  await new Promise((resolve) => setTimeout(resolve, 400));
  const heard = new Float32Array(8192);
  tap.getFloatTimeDomainData(heard);
  const position = player.position();
  master.disconnect(tap);
  const found = { position };
  for (const role of ["input", "target", "output"]) {
    const answer = await fetch(`/api/results/${fuse.view.result.id}/audio/${role}`);
    const buffer = await audio.decodeAudioData(await answer.arrayBuffer());
    const mono = new Float32Array(buffer.length);
    for (let channel = 0; channel < buffer.numberOfChannels; channel += 1) {
      buffer.getChannelData(channel).forEach((sample, place) => { mono[place] += sample / buffer.numberOfChannels; });
    }
    const end = Math.round(position * buffer.sampleRate);
    let best = { alike: 0, at: 0 };
    const last = Math.min(end - 8192 + 6000, mono.length - 8192);
    for (let first = Math.max(0, end - 8192 - 12000); first <= last; first += 1) {
      let both = 0, one = 0, other = 0;
      for (let place = 0; place < 8192; place += 3) {
        both += heard[place] * mono[first + place];
        one += heard[place] ** 2;
        other += mono[first + place] ** 2;
      }
      const alike = both / Math.sqrt(one * other + 1e-12);
      if (alike > best.alike) best = { alike, at: (first + 8192) / buffer.sampleRate };
    }
    found[role] = best;
  }
  return found;
}
"""
"""What sounds at this moment, compared with each voice's own file: how alike, and which second of the file it is."""

KEPT = """
async (voice) => {
  const { player } = hocketStudio;
  const [place, time] = [player.position(), performance.now()];
  document.querySelector(`.transport .voice.${voice} input`).click();
  await new Promise((resolve) => setTimeout(resolve, 300));
  return player.position() - place - (performance.now() - time) / 1000;
}
"""
"""Seconds by which the position differs, after a switch, from where it would be without."""


def until(page: Any, expression: str, arg: Any = None) -> None:
    """Waits until a JavaScript expression is true; the driver's own way needs eval, which the page's policy refuses."""
    end_seconds = time.monotonic() + PATIENCE_SECONDS
    while not page.evaluate(expression, arg):
        assert time.monotonic() < end_seconds, f"never came true: {expression}"
        page.wait_for_timeout(40)


def give(page: Any, role: str, path: Path) -> None:
    """Chooses a file for a role and waits until it is shown."""
    page.set_input_files(f"#{role}-file", path)
    page.wait_for_selector(f".source[data-role={role}] .loaded:not([hidden])")


def fuse(page: Any) -> str:
    """Presses Fuse, waits for the result to be shown in full, and returns its id."""
    before = page.evaluate("hocketStudio.fuse.view?.result?.id ?? null")
    page.click("#fuse")
    until(page, "(before) => (hocketStudio.fuse.view?.result?.id ?? before) !== before", before)
    page.wait_for_selector("#fuse:not([disabled])")
    page.wait_for_selector("#result .picture:not([hidden])")
    until(page, "hocketStudio.player.ready")
    found: str = page.evaluate("hocketStudio.fuse.view.result.id")
    return found


def position(page: Any) -> float:
    """Where the transport in front is, in seconds."""
    found: float = page.evaluate("hocketStudio.player.position()")
    return found
