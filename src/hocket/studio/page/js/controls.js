/** What a musician may set before a fusion, as the server lists it: sliders and choices, each with a line that says what it does. */

import { el } from "./dom.js";

/** The options of `hocket.options` that a page shows. */
let table = [];

export class Controls {
  /** `onChange()` hears every change. Options that are live belong to the mixer. */
  constructor(place, about, { onChange }) {
    table = about.options;
    this.onChange = onChange;
    this.defaults = {};
    this.fields = {};
    for (const option of table.filter(({ live }) => !live)) place.append(option.choices ? this.choice(option) : this.number(option));
  }

  number({ name, title, words, minimum: min, maximum: max, default: usual }) {
    const shared = { min, max, value: usual, "aria-describedby": `${name}-words` };
    const slider = el("input", { ...shared, type: "range", step: 0.05, id: name });
    const number = el("input", { ...shared, type: "number", step: "any", "aria-label": `${title} as a number` });
    const take = (value) => {
      const kept = Math.min(max, Math.max(min, Number.isFinite(value) ? value : usual));
      slider.value = kept;
      number.value = Number(kept.toFixed(2));
    };
    const change = (value) => {
      take(value);
      this.onChange();
    };
    slider.addEventListener("input", () => change(Number(slider.value)));
    number.addEventListener("change", () => change(number.value === "" ? usual : Number(number.value)));
    this.defaults[name] = usual;
    this.fields[name] = { get: () => Number(number.value), set: take };
    take(usual);
    return el(
      "div",
      { class: "control" },
      el("label", { for: name }, title),
      el("div", { class: "slider" }, slider, number),
      el("p", { class: "hint", id: `${name}-words` }, words),
    );
  }

  choice({ name, title, words, choices, default: usual }) {
    const select = el("select", { id: name, "aria-describedby": `${name}-words`, onchange: () => this.onChange() });
    for (const [value, label] of Object.entries(choices)) select.append(el("option", { value }, label));
    select.value = usual;
    this.defaults[name] = usual;
    this.fields[name] = { get: () => select.value, set: (value) => (select.value = value) };
    return el(
      "div",
      { class: "control" },
      el("label", { for: name }, title),
      select,
      el("p", { class: "hint", id: `${name}-words` }, words),
    );
  }

  values() {
    return Object.fromEntries(Object.entries(this.fields).map(([name, field]) => [name, field.get()]));
  }

  set(values) {
    for (const [name, field] of Object.entries(this.fields)) if (name in values) field.set(values[name]);
    this.onChange();
  }

  /** Whether these options of a fusion are what is set here. */
  agreesWith(options) {
    return Object.entries(this.fields).every(([name, field]) => !(name in options) || field.get() === options[name]);
  }

  reset() {
    this.set(this.defaults);
  }
}

/** What of these options differs from the usual, in a few words: "re-attack 1, aligned: beats". */
export function optionWords(options) {
  const changed = table.filter(({ name, default: usual }) => name in options && options[name] !== usual);
  const words = changed.map(({ name, brief, choices }) => `${brief}${choices ? ":" : ""} ${options[name]}`);
  return words.join(", ");
}
