"""A page that plays sources and their fusions, and switches between them at the same place."""

import html
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from hocket import __version__

ROLES = {"rhythm": "Rhythm", "harmony": "Harmony", "fused": "Fused"}
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="hocket {version}">
<title>{title}</title>
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
  progress, img {{ width: 100%; margin-top: .75rem; }}
</style>
<h1>{title}</h1>
<p>The rhythm of one recording, the harmony of another, one new piece. Press a voice to play it; press another to
switch at the same position.</p>
{sections}
<p>{end}</p>
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


def make_page(title: str, sections: Iterable[str], *, end: str) -> str:
    """The page as HTML; `end` is HTML that stands below the sections."""
    return PAGE.format(title=html.escape(title), sections="\n".join(sections), end=end, version=__version__)


def make_section(title: str, sounds: Mapping[str, str], *, words: str = "", picture: str = "") -> str:
    """A fusion with its sources: `sounds` are paths beside the page, for each of the `ROLES`."""
    buttons = "".join(
        f'<button class="{role}" aria-pressed="false" data-src="{quote(sounds[role])}">{name}</button>'
        for role, name in ROLES.items()
    )
    more = f"<p>{html.escape(words)}</p>" if words else ""
    words = "Spectrogram of the result: blue is the rhythm source, orange the harmony source"
    image = f'<img src="{quote(picture)}" alt="{words}">' if picture else ""
    return (
        f'<section><h2>{html.escape(title)}</h2>{more}<div class="voices">{buttons}</div>'
        f'<progress value="0" aria-label="Position"></progress>{image}</section>'
    )
