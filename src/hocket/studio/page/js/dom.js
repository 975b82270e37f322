/** Small helpers for the page: elements, formats, and what a screen reader is told. */

/**
 * An element with attributes, listeners and children.
 * Names that begin with "on" are listeners; `class`, `dataset` and properties such as `value` or `hidden` are set as such.
 * Text is always text: nothing here parses HTML.
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "dataset") Object.assign(element.dataset, value);
    else if (value === false || value === null || value === undefined) continue;
    else if (name === "style") Object.assign(element.style, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** An element of the page by its id. */
export const byId = (id) => document.getElementById(id);

/** Shows an element with this text, or hides it where there is none. */
export function say(element, text) {
  element.textContent = text || "";
  element.hidden = !text;
}

/** Tells a screen reader something that happened elsewhere than at its focus. */
export function announce(text) {
  const live = byId("live");
  if (live.textContent !== text) live.textContent = text;
}

/** 83.4 -> "1:23.4". */
export function clock(seconds, digits = 1) {
  const unit = 10 ** digits;
  const rounded = Math.round(Math.max(0, seconds) * unit) / unit;
  const minutes = Math.floor(rounded / 60);
  const rest = (rounded - minutes * 60).toFixed(digits);
  return `${minutes}:${rest.padStart(digits ? digits + 3 : 2, "0")}`;
}

/** 44100 -> "44.1 kHz". */
export function hertz(hz) {
  return hz >= 1000 ? `${Number((hz / 1000).toPrecision(3))} kHz` : `${Math.round(hz)} Hz`;
}

/** "mono", "stereo" or "6 channels". */
export function channels(count) {
  return { 1: "mono", 2: "stereo" }[count] || `${count} channels`;
}

/** Bytes in the unit that a person would choose; MB are counted as `--max-upload-mb` counts them. */
export function bytes(count) {
  const megabytes = count / 2 ** 20;
  return megabytes >= 1 ? `${Number(megabytes.toPrecision(3))} MB` : `${Math.max(1, Math.round(count / 1024))} kB`;
}

/** The value of a colour (or any custom property) of the style sheet, as it is now in light or dark. */
export function themed(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Calls back whenever light changes to dark or the other way. */
export function onThemeChange(callback) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", callback);
}

/** Values kept by the browser; one that keeps nothing loses no more than these. */
const kept = (storage) => ({
  get(name, otherwise) {
    try {
      return JSON.parse(storage().getItem(`hocket.${name}`)) ?? otherwise;
    } catch {
      return otherwise;
    }
  },
  set(name, value) {
    try {
      storage().setItem(`hocket.${name}`, JSON.stringify(value));
    } catch {
      // Full or forbidden: the page works without it.
    }
  },
});

/** What is kept for this visit, and what is kept for all. */
export const visit = kept(() => sessionStorage);
export const preferences = kept(() => localStorage);
