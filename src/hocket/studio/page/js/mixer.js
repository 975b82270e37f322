/** Two faders, mute and solo, and the blend between both: the levels of a fusion's voices, heard at once. */

import { el } from "./dom.js";

const VOICES = { rhythm: "input_amount", harmony: "target_amount" };
const FLOOR_DB = -60;

function decibels(amount) {
  const db = Math.round(200 * Math.log10(amount)) / 10 || 0; // Never -0.
  return amount > 0 ? `${db > 0 ? "+" : ""}${db.toFixed(1)} dB` : "off";
}

export class Mixer {
  /** Builds the faders; `onChange()` hears every change by hand. */
  constructor({ about, onChange }) {
    this.onChange = onChange;
    this.options = Object.fromEntries(about.options.filter((option) => option.live).map((option) => [option.name, option]));
    this.values = this.usual();
    this.muted = {};
    this.solo = {};
    this.buttons = {};
    this.sliders = {};
    this.meters = {};
    this.element = el(
      "div",
      { class: "mixer", role: "group", "aria-label": "Mixer" },
      ...Object.entries(VOICES).map(([voice, name]) => this.fader(voice, name)),
      this.blend(this.options.blend),
    );
    this.draw();
  }

  usual() {
    return Object.fromEntries(Object.entries(this.options).map(([name, option]) => [name, option.default]));
  }

  fader(voice, name) {
    const { maximum } = this.options[name];
    const title = voice === "rhythm" ? "Rhythm" : "Harmony";
    const button = (kind, word) =>
      el("button", { type: "button", class: "press", "aria-label": `${word} ${voice}`, onclick: () => this.press(kind, voice) }, word);
    this.buttons[voice] = { muted: button("muted", "Mute"), solo: button("solo", "Solo") };
    // The middle of the fader is the usual level, as 4 is a quarter of the way up.
    const slider = this.slider(name, `${title} level`, {
      to: (position) => maximum * position ** 2,
      from: (amount) => Math.sqrt(amount / maximum),
      words: decibels,
    });
    return el("div", { class: `fader ${voice}` }, el("b", { class: "fader-name" }, title), ...Object.values(this.buttons[voice]), ...slider, this.meter(voice));
  }

  blend({ name, title, words }) {
    const slider = this.slider(name, title, { to: (position) => position, from: (blend) => blend, words: (blend) => blend.toFixed(2) });
    return el("div", { class: "fader blend" }, el("b", { class: "fader-name" }, title), el("span", { class: "hint" }, words), ...slider, this.meter("all"));
  }

  /** A range input from 0 to 1 and its value in words; a double click brings the usual back. */
  slider(name, title, { to, from, words }) {
    const range = el("input", { type: "range", min: 0, max: 1, step: 0.01, "aria-label": title });
    const output = el("output", { class: "fader-value" });
    const take = (value) => {
      this.values[name] = Number(value.toFixed(4));
      this.draw();
      this.onChange();
    };
    range.addEventListener("input", () => take(to(Number(range.value))));
    range.addEventListener("dblclick", () => take(this.options[name].default));
    this.sliders[name] = (value) => {
      range.value = from(value);
      output.textContent = words(value);
      range.setAttribute("aria-valuetext", words(value));
    };
    return [range, output];
  }

  meter(name) {
    this.meters[name] = el("i");
    return el("span", { class: "meter", "aria-hidden": "true" }, this.meters[name]);
  }

  press(kind, voice) {
    this[kind][voice] = !this[kind][voice];
    this.draw();
    this.onChange();
  }

  draw() {
    for (const [name, value] of Object.entries(this.values)) this.sliders[name](value);
    for (const voice of Object.keys(VOICES)) {
      for (const [kind, button] of Object.entries(this.buttons[voice])) button.setAttribute("aria-pressed", String(Boolean(this[kind][voice])));
    }
  }

  /** Puts the faders where the options of a fusion say, and lets both voices be heard. */
  set(options) {
    for (const name of Object.keys(this.values)) if (name in options) this.values[name] = options[name];
    this.muted = {};
    this.solo = {};
    this.draw();
  }

  /** The factors on both voices: those of `FuseOptions.amounts`, and 0 where one is muted. */
  amounts() {
    const { blend, input_amount: input, target_amount: target } = this.values;
    const amounts = { rhythm: 2 * blend * input, harmony: target * Math.min(1, 1.5 - blend) };
    const hasSolo = Object.values(this.solo).some(Boolean);
    for (const voice of Object.keys(VOICES)) if (this.muted[voice] || (hasSolo && !this.solo[voice])) amounts[voice] = 0;
    return amounts;
  }

  /** The options to fuse with: the faders, or the usual where both are off, as nothing would be left to judge. */
  wanted() {
    const { blend, input_amount: input, target_amount: target } = this.values;
    return target > 0 || blend * input > 0 ? this.values : this.usual();
  }

  /** Shows the highest magnitudes of this moment. */
  show(levels) {
    for (const [name, bar] of Object.entries(this.meters)) {
      const db = 20 * Math.log10(Math.max(levels[name] ?? 0, 1e-9));
      bar.style.transform = `scaleX(${Math.min(1, Math.max(0, 1 - db / FLOOR_DB))})`;
    }
  }
}
