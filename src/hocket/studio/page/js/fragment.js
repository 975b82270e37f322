/** Puts the server's drawing of curves into the page: its own style sheet stays inside, and nothing in it can run. */

const REFUSED = "script, iframe, object, embed, link, meta, base, form, foreignObject, style";
const STYLES = /<style[^>]*>([^]*?)<\/style>/gi;

/** Replaces what `place` shows; what the reader has folded open stays so. */
export function curvesInto(place, html) {
  const root = place.shadowRoot || place.attachShadow({ mode: "open" });
  // Taken out before anything is parsed: the page's policy allows no <style>, but sheets that a script makes.
  const sheets = [...html.matchAll(STYLES)].map(([, text]) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(text);
    return sheet;
  });
  const parsed = new DOMParser().parseFromString(html.replace(STYLES, ""), "text/html");
  for (const element of parsed.querySelectorAll(REFUSED)) element.remove();
  for (const element of parsed.querySelectorAll("*")) {
    for (const { name, value } of [...element.attributes]) {
      const leads = /(^|:)(href|src)$/i.test(name) && !/^(#|data:image\/)/.test(value);
      if (leads || name.startsWith("on")) element.removeAttribute(name);
    }
  }
  const open = [...root.querySelectorAll("details")].map((element) => element.open);
  root.adoptedStyleSheets = sheets;
  root.replaceChildren(...parsed.body.childNodes);
  root.querySelectorAll("details").forEach((element, number) => {
    if (number in open) element.open = open[number];
  });
}
