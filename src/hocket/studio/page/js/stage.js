/** Pictures on one time axis: the coloured spectrogram and three waveforms, one cursor over all; click, drag and zoom. */

import { clock, el, hertz, onThemeChange, themed } from "./dom.js";
import { readSpectrum, shareWords } from "./spectrum.js";

const ROLES = { output: "result", input: "rhythm source", target: "harmony source" };
const STEPS_SECONDS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300];
const MOST_PEAKS = 1200;
const LEAST_SPAN_SECONDS = 1;
const DRAG_PIXELS = 6;

export class Stage {
  /** Builds into `place`; `onSeek(seconds)` hears clicks, `onSection([start, end] or null)` drags. */
  constructor(place, { onSeek, onSection }) {
    this.onSeek = onSeek;
    this.onSection = onSection;
    this.seconds = 0;
    this.view = [0, 0];
    this.place = 0;
    this.peaks = {};
    this.picture = el("canvas", { class: "picture", role: "img", "aria-label": "", hidden: true });
    this.silence = el("p", { class: "picture-note hint" });
    this.frequencies = el("div", { class: "frequencies", "aria-hidden": "true" });
    this.times = el("div", { class: "times", "aria-hidden": "true" });
    this.canvases = Object.fromEntries(Object.keys(ROLES).map((role) => [role, el("canvas", { class: "waves", "aria-hidden": "true" })]));
    this.cursor = el("div", { class: "cursor", "aria-hidden": "true" });
    this.hair = el("div", { class: "hair", hidden: true, "aria-hidden": "true" });
    this.marked = el("div", { class: "marked", hidden: true, "aria-hidden": "true" });
    this.plot = el(
      "div",
      { class: "plot" },
      el("div", { class: "picture-box" }, this.picture, this.silence),
      ...Object.values(this.canvases),
      this.times,
      this.marked,
      this.hair,
      this.cursor,
    );
    this.readout = el("p", { class: "readout" });
    this.build(place);
    this.idle();
    this.listen();
    onThemeChange(() => this.draw());
    new ResizeObserver(() => this.draw()).observe(this.plot);
  }

  build(place) {
    const button = (words, label, act) => el("button", { type: "button", class: "quiet", "aria-label": label, title: label, onclick: act }, words);
    this.closer = button("+", "Zoom in", () => this.zoom(0.5));
    this.wider = button("−", "Zoom out", () => this.zoom(2));
    this.clear = button("Clear section", "Clear the looped section", () => this.onSection(null));
    this.scroll = el("input", { type: "range", class: "scroll", min: 0, step: "any", "aria-label": "Scroll", oninput: () => this.look(Number(this.scroll.value), this.span) });
    const names = Object.entries(ROLES).map(([role, name]) => el("span", { class: `row-name ${role}`, dataset: { role } }, name));
    place.append(
      el("div", { class: "tools" }, legend(), this.clear, el("span", { class: "zoom" }, this.wider, this.closer)),
      el("div", { class: "stage" }, el("div", { class: "rows", "aria-hidden": "true" }, this.frequencies, ...names), this.plot),
      this.scroll,
      el("div", { class: "under" }, this.readout),
    );
  }

  /** Takes one fusion: its length, peaks of the three where they are known, and its picture. */
  async show({ seconds, peaks, ...picture }) {
    this.measure(seconds || this.seconds, peaks || {});
    await this.showPicture(picture);
  }

  /** Shows the picture at an address: of two voices that are mixed here, or painted already. */
  async showPicture({ picture, spectrum, words, hasVoices = false, waiting = "There is no picture of this output." }) {
    const wanted = (this.wanted = {});
    this.spectrum = null;
    this.frequencies.replaceChildren();
    this.picture.hidden = true;
    this.silence.hidden = false;
    this.silence.textContent = picture ? "Loading the picture…" : waiting;
    if (!picture) return;
    try {
      const read = await readSpectrum(picture, spectrum || {}, { hasVoices });
      if (this.wanted !== wanted) return;
      this.spectrum = read;
      if (this.amounts) read.paint?.(this.amounts);
      this.picture.setAttribute("aria-label", words);
      this.picture.hidden = false;
      this.silence.hidden = true;
      this.drawFrequencies();
      this.drawPicture();
    } catch {
      if (this.wanted === wanted) this.silence.textContent = "The picture could not be loaded.";
    }
  }

  /** Takes the length and the magnitudes of the three. */
  measure(seconds, peaks) {
    if (seconds !== this.seconds) this.view = [0, seconds];
    this.seconds = seconds;
    this.peaks = { ...peaks };
    this.highest = Object.fromEntries(Object.entries(peaks).map(([role, values]) => [role, Math.max(1e-4, ...values)]));
    this.draw();
  }

  /** Shows other amounts of the voices: the picture and the output's magnitudes, at the next frame. */
  mix(amounts, peaks) {
    this.amounts = amounts;
    this.peaks.output = peaks;
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => {
      this.spectrum?.paint?.(amounts);
      this.drawPicture();
      this.drawWaves("output");
    });
  }

  get span() {
    return this.view[1] - this.view[0];
  }

  /** Shows `span` seconds from `start`. */
  look(start, span) {
    const kept = Math.min(this.seconds, Math.max(this.least, span));
    const first = Math.min(Math.max(0, start), this.seconds - kept);
    this.view = [first, first + kept];
    this.draw();
  }

  /** Shows more (over 1) or less; the moment at `around` stays where it is. */
  zoom(factor, around = this.isShown(this.place) ? this.place : this.view[0] + this.span / 2) {
    const span = Math.min(this.seconds, Math.max(this.least, this.span * factor));
    this.look(around - this.shareOf(around) * span, span);
  }

  /** The fewest seconds that can be shown. */
  get least() {
    return Math.min(LEAST_SPAN_SECONDS, this.seconds / 4);
  }

  isShown(seconds) {
    return seconds >= this.view[0] && seconds <= this.view[1];
  }

  /** Where a moment is in what is shown, from 0 to 1. */
  shareOf(seconds) {
    return this.span ? (seconds - this.view[0]) / this.span : 0;
  }

  /** Moves the cursor; where it runs out of what is shown, the view goes after it. */
  moveTo(seconds, { follow = false } = {}) {
    const isLost = follow && this.isShown(this.place) && !this.isShown(seconds);
    this.place = seconds;
    if (isLost) this.look(seconds, this.span);
    this.cursor.hidden = !this.isShown(seconds);
    this.cursor.style.transform = `translateX(${this.plot.clientWidth * this.shareOf(seconds)}px)`;
  }

  /** Shows the part that is looped. */
  mark(section) {
    this.section = section;
    this.clear.hidden = !section;
    this.marked.hidden = !section;
    if (!section) return;
    const width = this.plot.clientWidth;
    this.marked.style.transform = `translateX(${width * this.shareOf(section[0])}px)`;
    this.marked.style.width = `${width * (this.shareOf(section[1]) - this.shareOf(section[0]))}px`;
  }

  /** Shows which voice is heard. */
  hear(voice) {
    for (const [role, canvas] of Object.entries(this.canvases)) canvas.classList.toggle("heard", role === voice);
    for (const name of this.plot.parentElement.querySelectorAll(".row-name")) name.classList.toggle("heard", name.dataset.role === voice);
  }

  draw() {
    for (const role of Object.keys(ROLES)) this.drawWaves(role);
    this.drawPicture();
    this.drawTimes();
    this.mark(this.section);
    this.moveTo(this.place);
    this.scroll.hidden = this.span >= this.seconds;
    this.scroll.max = this.seconds - this.span;
    this.scroll.value = this.view[0];
    this.scroll.setAttribute("aria-valuetext", `${clock(this.view[0])} to ${clock(this.view[1])}`);
    this.wider.disabled = this.scroll.hidden;
    this.closer.disabled = this.span <= this.least;
  }

  drawWaves(role) {
    const view = this.view.map((seconds) => seconds / (this.seconds || 1));
    drawPeaks(this.canvases[role], this.peaks[role] || [], { colour: themed(`--${role}`), highest: this.highest?.[role], view });
  }

  drawPicture() {
    const ink = cleared(this.picture);
    if (!ink || !this.spectrum) return;
    const { canvas } = this.spectrum;
    const [from, to] = this.view.map((seconds) => (seconds / this.seconds) * canvas.width);
    ink.drawImage(canvas, from, 0, to - from, canvas.height, 0, 0, this.picture.clientWidth, this.picture.clientHeight);
  }

  drawTimes() {
    const wanted = this.span / Math.max(3, this.plot.clientWidth / 90);
    const step = STEPS_SECONDS.find((seconds) => seconds >= wanted) || 600;
    const ticks = [];
    for (let number = Math.ceil(this.view[0] / step); this.span && this.shareOf(number * step) <= 0.97; number += 1) {
      const tick = el("span", {}, clock(number * step, step < 1 ? 1 : 0));
      tick.style.left = `${100 * this.shareOf(number * step)}%`;
      ticks.push(tick);
    }
    this.times.replaceChildren(...ticks);
  }

  drawFrequencies() {
    const ticks = this.spectrum.ticks.map((hz) => {
      const tick = el("span", {}, hertz(hz));
      tick.style.top = `${100 * this.spectrum.heightOf(hz)}%`;
      return tick;
    });
    this.frequencies.replaceChildren(...ticks);
  }

  /** A click seeks, a drag marks a section, two fingers or the wheel with Ctrl zoom. */
  listen() {
    const { plot } = this;
    const fingers = new Map();
    let drag = null;
    let pinch = null;
    const at = (x) => Math.min(1, Math.max(0, (x - plot.getBoundingClientRect().left) / plot.clientWidth));
    const moment = (x) => this.view[0] + at(x) * this.span;
    const between = () => {
      const [one, other] = [...fingers.values()];
      return { middle: (one + other) / 2, apart: Math.max(20, Math.abs(one - other)) };
    };
    plot.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !this.seconds) return;
      plot.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, event.clientX);
      drag = fingers.size === 1 ? { x: event.clientX, from: moment(event.clientX), before: this.section, section: null } : null;
      if (fingers.size === 2) pinch = { span: this.span, apart: between().apart, around: moment(between().middle) };
      this.tell(event);
    });
    plot.addEventListener("pointermove", (event) => {
      this.tell(event);
      if (!fingers.has(event.pointerId)) return;
      fingers.set(event.pointerId, event.clientX);
      if (fingers.size === 2) {
        const { middle, apart } = between();
        const span = (pinch.span * pinch.apart) / apart;
        this.look(pinch.around - at(middle) * span, span);
      } else if (drag && (drag.section || Math.abs(event.clientX - drag.x) > DRAG_PIXELS)) {
        const to = moment(event.clientX);
        drag.section = [Math.min(drag.from, to), Math.max(drag.from, to)];
        this.mark(drag.section);
      }
    });
    const released = (event) => {
      fingers.delete(event.pointerId);
      const done = drag;
      drag = null;
      return done;
    };
    plot.addEventListener("pointerup", (event) => {
      const done = released(event);
      if (done?.section) this.onSection(done.section);
      else if (done) this.onSeek(done.from);
    });
    plot.addEventListener("pointercancel", (event) => this.mark(released(event)?.before ?? this.section));
    plot.addEventListener("pointerleave", () => {
      this.hair.hidden = true;
      this.idle();
    });
    plot.addEventListener("wheel", (event) => this.wheel(event, moment(event.clientX)), { passive: false });
  }

  wheel(event, around) {
    const across = event.deltaX || (event.shiftKey && event.deltaY);
    if (!this.seconds || !(event.ctrlKey || (across && !this.scroll.hidden))) return;
    event.preventDefault();
    if (event.ctrlKey) this.zoom(Math.exp(Math.sign(event.deltaY) * Math.min(0.25, Math.abs(event.deltaY) / 100)), around);
    else this.look(this.view[0] + (across / this.plot.clientWidth) * this.span, this.span);
  }

  idle() {
    this.readout.textContent = "Point at the picture to read it; click to go there, drag to loop a section.";
  }

  /** Says in words what is under the pointer. */
  tell({ clientX, clientY }) {
    if (!this.seconds) return;
    const box = this.plot.getBoundingClientRect();
    const x = Math.min(1, Math.max(0, (clientX - box.left) / box.width));
    const seconds = this.view[0] + x * this.span;
    const y = (clientY - box.top) / this.picture.clientHeight;
    this.hair.hidden = false;
    this.hair.style.transform = `translateX(${x * box.width}px)`;
    const words = [clock(seconds, 2)];
    if (this.spectrum?.highest_hz && y >= 0 && y <= 1) {
      words.push(hertz(this.spectrum.frequencyAt(y)));
      const said = this.spectrum.at(seconds / this.seconds, y);
      words.push(said ? shareWords(said.share) : "silent");
      if (said) words.push(`${Math.round(-said.level_db)} dB below the loudest`);
    }
    this.readout.textContent = words.join(" · ");
  }
}

function legend() {
  const key = (name, words) => el("span", { class: "key" }, el("i", { class: `patch ${name}` }), words);
  return el("p", { class: "legend" }, key("from-input", "rhythm"), key("from-target", "harmony"), key("from-both", "both equally"), el("span", { class: "key" }, "brighter = louder"));
}

/** An empty canvas as large as it is shown, in the screen's own pixels; null where it is not shown. */
function cleared(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!width || !height) return null;
  const scale = Math.min(2, devicePixelRatio || 1);
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const ink = canvas.getContext("2d");
  ink.scale(scale, scale);
  return ink;
}

/** Draws magnitudes as bars around the middle, `view` from one share of the whole to another. */
function drawPeaks(canvas, peaks, { colour, highest, view: [first, last] }) {
  const ink = cleared(canvas);
  if (!ink) return;
  const { clientWidth: width, clientHeight: height } = canvas;
  ink.fillStyle = colour;
  const bin = (x) => Math.floor((first + (x / width) * (last - first)) * peaks.length);
  for (let x = 0; x < width && peaks.length; x += 1) {
    let magnitude = 0;
    for (let place = bin(x); place < Math.max(bin(x) + 1, bin(x + 1)); place += 1) magnitude = Math.max(magnitude, peaks[place] ?? 0);
    const half = Math.max(0.5, Math.min(1, magnitude / highest) * (height / 2 - 2));
    ink.fillRect(x, height / 2 - half, 1, 2 * half);
  }
}

/** Magnitudes of decoded voices, where the server sent none. */
export const peaksOf = (buffers) => Object.fromEntries(Object.entries(buffers).map(([role, buffer]) => [role, magnitudes(buffer.getChannelData(0))]));

function magnitudes(samples) {
  const peaks = new Array(Math.min(MOST_PEAKS, samples.length)).fill(0);
  samples.forEach((sample, place) => {
    const bin = Math.floor((place / samples.length) * peaks.length);
    peaks[bin] = Math.max(peaks[bin], Math.abs(sample));
  });
  return peaks;
}
