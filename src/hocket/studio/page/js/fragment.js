/** Puts the server's drawing of curves into the page: its own style sheet stays inside, and nothing in it can run. */

const REFUSED = "script, iframe, object, embed, link, meta, base, form, foreignObject";

/** Replaces what `place` shows; where the reader has scrolled to stays. */
export function curvesInto(place, html) {
  const root = place.shadowRoot || place.attachShadow({ mode: "open" });
  const parsed = new DOMParser().parseFromString(html, "text/html");
  const sheets = [...parsed.querySelectorAll("style")].map((style) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(style.textContent);
    style.remove();
    return sheet;
  });
  for (const element of parsed.querySelectorAll(REFUSED)) element.remove();
  for (const element of parsed.querySelectorAll("*")) {
    for (const { name } of [...element.attributes]) if (name.startsWith("on")) element.removeAttribute(name);
  }
  const open = [...root.querySelectorAll("details")].map((element) => element.open);
  root.adoptedStyleSheets = sheets;
  root.replaceChildren(...parsed.body.childNodes);
  root.querySelectorAll("details").forEach((element, number) => {
    if (number in open) element.open = open[number];
  });
}
