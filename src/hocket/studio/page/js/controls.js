/** What a musician may turn: three amounts and three choices, each with a line that says what it does. */

import { el } from "./dom.js";

const AMOUNTS = {
  input_amount: ["Input amount", "How much of the input: 1 as balanced, 0 none."],
  target_amount: ["Target amount", "How much of the target, likewise."],
  reattack: ["Re-attack", "How hard chords are struck again on the input's beats: 0 as learned, 1 twice as loud."],
};

const CHOICES = {
  align: [
    "Align",
    "Stretch the target, pitch kept, to the input's tempo or beats.",
    { none: "No, as it is", tempo: "To the tempo", beats: "Beat by beat" },
  ],
  length: [
    "Length",
    "Whose length the new piece has.",
    { input: "The input's", target: "The target's", shortest: "The shorter", longest: "The longer" },
  ],
  fit: ["If one is shorter", "What fills it up.", { loop: "Repeat it", stretch: "Stretch it" }],
};

export class Controls {
  constructor(place, about) {
    this.defaults = {};
    this.fields = {};
    for (const name of Object.keys(AMOUNTS)) place.append(this.amount(name, about.ranges[name]));
    for (const name of Object.keys(CHOICES)) place.append(this.choice(name, about.options[name]));
  }

  amount(name, { min, max, default: usual }) {
    const [title, words] = AMOUNTS[name];
    const shared = { min, max, value: usual, "aria-describedby": `${name}-words` };
    const slider = el("input", { ...shared, type: "range", step: 0.05, id: name });
    const number = el("input", { ...shared, type: "number", step: "any", "aria-label": `${title} as a number` });
    const take = (value) => {
      const kept = Math.min(max, Math.max(min, Number.isFinite(value) ? value : usual));
      slider.value = kept;
      number.value = Number(kept.toFixed(2));
      slider.style.setProperty("--share", `${(100 * (kept - min)) / (max - min)}%`);
    };
    slider.addEventListener("input", () => take(Number(slider.value)));
    number.addEventListener("change", () => take(number.value === "" ? usual : Number(number.value)));
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

  choice(name, values) {
    const [title, words, labels] = CHOICES[name];
    const select = el("select", { id: name, "aria-describedby": `${name}-words` });
    for (const value of values) select.append(el("option", { value }, labels[value] || value));
    this.defaults[name] = values[0];
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
  }

  reset() {
    this.set(this.defaults);
  }
}

/** What of these options differs from the usual, in a few words: "re-attack 1, beat by beat". */
export function optionWords(options) {
  const words = [];
  if (options.input_amount !== 1) words.push(`input ${options.input_amount}`);
  if (options.target_amount !== 1) words.push(`target ${options.target_amount}`);
  if (options.reattack) words.push(`re-attack ${options.reattack}`);
  if (options.align !== "none") words.push(`aligned: ${options.align}`);
  if (options.length !== "input") words.push(`length: ${options.length}`);
  if (options.fit !== "loop") words.push(`fit: ${options.fit}`);
  return words.join(", ") || "as balanced";
}
