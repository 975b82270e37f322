"""What a person does on the studio's page, and what can be heard there, for the tests of this folder."""

import time
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 30.0

HEARD = """
async (roles) => {
  const { player, fuse } = hocketStudio;
  const { master } = player.graph;
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
  for (const role of roles ?? ["input", "target", "output"]) {
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
"""What sounds at this moment, compared with each sound's own file: how alike, and which second of the file it is."""

RESIDUAL = """
async (amounts) => {
  const { player, fuse } = hocketStudio;
  const audio = player.graph.master.context;
  const tap = audio.createAnalyser();
  tap.fftSize = 8192;
  player.graph.master.connect(tap);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const heard = new Float32Array(8192);
  tap.getFloatTimeDomainData(heard);
  const end = Math.round(player.position() * player.rate);
  player.graph.master.disconnect(tap);
  let wanted = null;
  for (const [voice, amount] of Object.entries(amounts)) {
    const answer = await fetch(`/api/results/${fuse.view.result.id}/audio/${voice}`);
    const buffer = await audio.decodeAudioData(await answer.arrayBuffer());
    wanted ||= new Float32Array(buffer.length);
    for (let channel = 0; channel < buffer.numberOfChannels; channel += 1) {
      buffer.getChannelData(channel).forEach((sample, place) => {
        wanted[place] += (amount * sample) / buffer.numberOfChannels;
      });
    }
  }
  let best = Infinity;
  for (let first = Math.max(0, end - 20000); first <= Math.min(end, wanted.length - 8192); first += 1) {
    let off = 0, all = 0;
    for (let place = 0; place < 8192; place += 1) {
      off += (heard[place] - wanted[first + place]) ** 2;
      all += wanted[first + place] ** 2;
      if (off > 1e3 * all + 1) break;
    }
    best = Math.min(best, off / (all + 1e-9));
  }
  return Math.sqrt(best);
}
"""
"""How far what sounds is from the sum of the voices with these amounts, sample by sample, relative to the sum."""

LOUDNESS = """
async () => {
  const { player } = hocketStudio;
  const tap = player.graph.master.context.createAnalyser();
  tap.fftSize = 16384;
  player.graph.master.connect(tap);
  await new Promise((resolve) => setTimeout(resolve, 600));
  const heard = new Float32Array(16384);
  tap.getFloatTimeDomainData(heard);
  player.graph.master.disconnect(tap);
  return Math.sqrt(heard.reduce((sum, sample) => sum + sample * sample, 0) / heard.length);
}
"""
"""Root mean square of what has sounded in the last third of a second."""

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
    """Presses Fuse, waits for the result to be shown in full and silent, and returns its id."""
    page.set_checked("#play-when-ready", False)
    before = page.evaluate("hocketStudio.fuse.view?.result?.id ?? null")
    page.click("#fuse")
    until(page, "(before) => (hocketStudio.fuse.view?.result?.id ?? before) !== before", before)
    page.wait_for_selector("#fuse:not([disabled])")
    page.wait_for_selector("#result .picture:not([hidden])")
    until(page, "hocketStudio.player.ready")
    found: str = page.evaluate("hocketStudio.fuse.view.result.id")
    return found


def move(page: Any, name: str, value: float) -> None:
    """Moves a slider of the mixer to a place from 0 to 1, as a hand would."""
    page.evaluate(
        """([name, value]) => {
          const slider = document.querySelector(`.mixer input[aria-label="${name}"]`);
          slider.value = value;
          slider.dispatchEvent(new Event("input", { bubbles: true }));
        }""",
        [name, value],
    )


def position(page: Any) -> float:
    """Where the transport in front is, in seconds."""
    found: float = page.evaluate("hocketStudio.player.position()")
    return found
