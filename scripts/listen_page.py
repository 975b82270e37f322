"""Fuses three pairs of rendered songs and writes docs/listen.html, which plays them: `make listen`.

The songs are held out: the weights that come with hocket were not trained on them. They are played by sampled
instruments from scores that a program made (docs/results/corpus.md), so that they can be given away.
"""

import argparse
import html
from pathlib import Path

from hocket import __version__, audio, files
from hocket.audio.writing import encode_mp3
from hocket.errors import DataError
from hocket.fusing import Fuser
from hocket.fusing.loudness import loudness_lufs

SECONDS = 12.0
LUFS = -18.0
PAIRS = {
    "drums-strings": (150, "a drum loop", 20, "strings"),
    "percussion-piano": (146, "percussion", 105, "a piano"),
    "band-choir": (91, "bass and drums", 239, "a choir"),
}
"""For each page entry two songs of `python -m corpus --seed 2026` by number, with what plays in them."""

ROLES = {"rhythm": "Rhythm", "harmony": "Harmony", "fused": "Fused"}
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="hocket {version}">
<title>Hocket: listen</title>
<style>
  :root {{ color-scheme: light dark; --line: #8884; --rhythm: #1769aa; --harmony: #b8500c; --fused: #00734f; }}
  body {{ font: 17px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }}
  section {{ border: 1px solid var(--line); border-radius: 12px; padding: 1rem; margin: 1rem 0; }}
  h2 {{ font-size: 1.1rem; margin: 0 0 .75rem; }}
  .voices {{ display: flex; flex-wrap: wrap; gap: .5rem; }}
  button {{ font: inherit; padding: .5rem 1rem; border: 1px solid var(--line); border-radius: 8px; }}
  button {{ background: none; color: inherit; }}
  button[aria-pressed=true] {{ color: #fff; border-color: transparent; }}
  .rhythm[aria-pressed=true] {{ background: var(--rhythm); }}
  .harmony[aria-pressed=true] {{ background: var(--harmony); }}
  .fused[aria-pressed=true] {{ background: var(--fused); }}
  progress {{ width: 100%; margin-top: .75rem; }}
</style>
<h1>Hocket: listen</h1>
<p>The rhythm of one recording, the harmony of another, one new piece. Press a voice to play it; press another to
switch at the same place. All are equally loud.</p>
{sections}
<p>The songs are rendered: sampled instruments play scores that a program wrote, and the weights were not trained on
these songs. Made by <code>make listen</code> with hocket {version}.</p>
<script>
const stop = [];
for (const section of document.querySelectorAll("section")) {{
  const buttons = [...section.querySelectorAll("button")];
  const voices = buttons.map((button) => new Audio(button.dataset.src));
  for (const voice of voices) Object.assign(voice, {{ preload: "auto", loop: true }});
  let heard = -1;
  const show = () => buttons.forEach((button, place) => button.setAttribute("aria-pressed", String(place === heard)));
  const pause = () => {{ voices.forEach((voice) => voice.pause()); heard = -1; show(); }};
  stop.push(pause);
  buttons.forEach((button, place) => button.addEventListener("click", async () => {{
    if (heard === place) return pause();
    const from = heard < 0 ? 0 : voices[heard].currentTime;
    stop.forEach((other) => other !== pause && other());
    voices.forEach((voice) => voice.pause());
    heard = place;
    show();
    voices[place].currentTime = from;
    await voices[place].play();
  }}));
  const bar = section.querySelector("progress");
  setInterval(() => {{ if (heard >= 0) bar.value = voices[heard].currentTime / (voices[heard].duration || 1); }}, 100);
}}
</script>
</html>
"""


def main() -> None:
    """Writes the nine sounds and the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "music", type=Path, help="folder of the songs: OUT/music of python -m corpus OUT --seed 2026"
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("docs"), help="folder of the page (default: docs)"
    )
    options = parser.parse_args()
    sounds = options.output / "audio"
    sounds.mkdir(parents=True, exist_ok=True)
    fuser = Fuser.from_checkpoint()
    sections = []
    for name, (first, rhythm, second, harmony) in PAIRS.items():
        pair = [_beginning(options.music / f"song_{number:05d}.flac") for number in (first, second)]
        fused = fuser.fuse(*pair)
        for role, sound in zip(ROLES, (*pair, fused.audio), strict=True):
            files.write_bytes(sounds / f"{name}-{role}.mp3", encode_mp3(_levelled(sound)), failure=DataError)
        sections.append(_section(name, f"The rhythm of {rhythm}, the harmony of {harmony}"))
    page = PAGE.format(version=__version__, sections="\n".join(sections))
    files.write_text(options.output / "listen.html", page, failure=DataError)


def _beginning(path: Path) -> audio.Audio:
    return audio.load(path, duration_seconds=SECONDS)


def _levelled(sound: audio.Audio) -> audio.Audio:
    gain = 10 ** ((LUFS - loudness_lufs(sound)) / 20)
    return audio.Audio(sound.samples * gain, sound.sample_rate)


def _section(name: str, title: str) -> str:
    buttons = "".join(
        f'<button class="{role}" aria-pressed="false" data-src="audio/{name}-{role}.mp3">{words}</button>'
        for role, words in ROLES.items()
    )
    return (
        f'<section><h2>{html.escape(title)}</h2><div class="voices">{buttons}</div>'
        f'<progress value="0" aria-label="Position"></progress></section>'
    )


if __name__ == "__main__":
    main()
