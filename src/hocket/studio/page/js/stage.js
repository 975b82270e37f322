/** Pictures on one time axis: the coloured spectrogram and three waveforms, one cursor over all, a click seeks. */

import { clock, el, hertz, onThemeChange, themed } from "./dom.js";
import { shareWords, Spectrum } from "./spectrum.js";

const ROLES = ["output", "input", "target"];
const STEPS_SECONDS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300];
const MOST_PEAKS = 1200;

export class Stage {
  /** Builds into `place`; `onSeek(seconds)` hears clicks and drags. */
  constructor(place, { onSeek }) {
    this.onSeek = onSeek;
    this.seconds = 0;
    this.peaks = {};
    this.image = el("img", { class: "picture", alt: "", draggable: "false" });
    this.silence = el("p", { class: "picture-note hint" }, "Drawing the picture…");
    this.frequencies = el("div", { class: "frequencies", "aria-hidden": "true" });
    this.times = el("div", { class: "times", "aria-hidden": "true" });
    this.canvases = Object.fromEntries(ROLES.map((role) => [role, el("canvas", { class: "waves", "aria-hidden": "true" })]));
    this.cursor = el("div", { class: "cursor", "aria-hidden": "true" });
    this.hair = el("div", { class: "hair", hidden: true, "aria-hidden": "true" });
    this.plot = el(
      "div",
      { class: "plot" },
      el("div", { class: "picture-box" }, this.image, this.silence),
      ...ROLES.map((role) => this.canvases[role]),
      this.times,
      this.hair,
      this.cursor,
    );
    this.readout = el("p", { class: "readout" });
    place.append(
      el(
        "div",
        { class: "stage" },
        el(
          "div",
          { class: "rows", "aria-hidden": "true" },
          this.frequencies,
          ...ROLES.map((role) => el("span", { class: `row-name ${role}`, dataset: { role } }, role)),
        ),
        this.plot,
      ),
      el("div", { class: "under" }, legend(), this.readout),
    );
    this.idle();
    this.listen();
    onThemeChange(() => this.draw());
    new ResizeObserver(() => this.draw()).observe(this.plot);
  }

  /** Takes one fusion: peaks of the three where they are known, and where its picture lies. */
  async show({ seconds, peaks, picture, spectrum, words }) {
    this.measure(seconds || this.seconds, peaks || {});
    this.spectrum = null;
    this.frequencies.replaceChildren();
    this.image.hidden = true;
    this.silence.hidden = false;
    this.silence.textContent = picture ? "Drawing the picture…" : "There is no coloured picture of this one.";
    if (!picture) return;
    this.image.alt = words;
    this.image.src = picture;
    try {
      const read = await Spectrum.read(this.image, spectrum || {});
      if (!this.image.src.endsWith(picture)) return;
      this.image.hidden = false;
      this.silence.hidden = true;
      if (!spectrum) return; // No frequencies known: a picture to look at.
      this.spectrum = read;
      this.drawFrequencies();
    } catch {
      if (this.image.src.endsWith(picture)) this.silence.textContent = "The picture could not be loaded.";
    }
  }

  /** Takes the length and the magnitudes of the three. */
  measure(seconds, peaks) {
    this.seconds = seconds;
    this.peaks = peaks;
    this.draw();
  }

  /** Moves the cursor; the part before it is drawn in full colour by a clip. */
  moveTo(seconds) {
    this.cursor.style.transform = `translateX(${this.plot.clientWidth * this.share(seconds)}px)`;
  }

  /** Shows which voice is heard. */
  mark(voice) {
    for (const [role, canvas] of Object.entries(this.canvases)) canvas.classList.toggle("heard", role === voice);
    for (const name of this.plot.parentElement.querySelectorAll(".row-name")) {
      name.classList.toggle("heard", name.dataset.role === voice);
    }
  }

  share(seconds) {
    return this.seconds ? Math.min(1, Math.max(0, seconds / this.seconds)) : 0;
  }

  draw() {
    for (const role of ROLES) drawPeaks(this.canvases[role], this.peaks[role] || [], themed(`--${role}`));
    this.drawTimes();
  }

  drawTimes() {
    const wanted = this.seconds / Math.max(3, this.plot.clientWidth / 90);
    const step = STEPS_SECONDS.find((seconds) => seconds >= wanted) || 600;
    const ticks = [];
    for (let number = 0; number * step <= this.seconds * 0.97; number += 1) {
      const seconds = number * step;
      const tick = el("span", {}, clock(seconds, step < 1 ? 1 : 0));
      tick.style.left = `${100 * this.share(seconds)}%`;
      ticks.push(tick);
    }
    this.times.replaceChildren(...(this.seconds ? ticks : []));
  }

  drawFrequencies() {
    const ticks = this.spectrum.ticks.map((hz) => {
      const tick = el("span", {}, hertz(hz));
      tick.style.top = `${100 * this.spectrum.heightOf(hz)}%`;
      return tick;
    });
    this.frequencies.replaceChildren(...ticks);
  }

  listen() {
    const { plot } = this;
    let held = false;
    const where = (event) => {
      const box = plot.getBoundingClientRect();
      return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    };
    plot.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !this.seconds) return;
      held = true;
      plot.setPointerCapture(event.pointerId);
      this.onSeek(where(event) * this.seconds);
      this.tell(event, where(event));
    });
    plot.addEventListener("pointermove", (event) => {
      if (held) this.onSeek(where(event) * this.seconds);
      this.tell(event, where(event));
    });
    for (const name of ["pointerup", "pointercancel"]) plot.addEventListener(name, () => (held = false));
    plot.addEventListener("pointerleave", () => {
      this.hair.hidden = true;
      this.idle();
    });
  }

  idle() {
    this.readout.textContent = "Point at the picture to read it; click to go there.";
  }

  /** Says in words what is under the pointer. */
  tell(event, x) {
    if (!this.seconds) return;
    this.hair.hidden = false;
    this.hair.style.transform = `translateX(${x * this.plot.clientWidth}px)`;
    const words = [clock(x * this.seconds, 2)];
    const box = this.image.getBoundingClientRect();
    const y = (event.clientY - box.top) / box.height;
    if (this.spectrum && y >= 0 && y <= 1) {
      words.push(hertz(this.spectrum.frequencyAt(y)));
      const said = this.spectrum.at(x, y);
      words.push(said ? `let through: ${shareWords(said.share)}` : "silent");
      if (said) words.push(`${Math.round(said.level_db)} dB under the loudest`.replace("-", ""));
    }
    this.readout.textContent = words.join(" · ");
  }
}

function legend() {
  const key = (name, words) => el("span", { class: "key" }, el("i", { class: `patch ${name}` }), words);
  return el(
    "p",
    { class: "legend" },
    key("from-input", "input let through"),
    key("from-target", "target let through"),
    key("from-both", "both alike"),
    el("span", { class: "key" }, "brighter = louder"),
  );
}

/** Draws magnitudes as bars around the middle, in the canvas's own pixels. */
function drawPeaks(canvas, peaks, colour) {
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!width || !height) return;
  const scale = Math.min(2, devicePixelRatio || 1);
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const ink = canvas.getContext("2d");
  ink.scale(scale, scale);
  ink.fillStyle = colour;
  const highest = Math.max(1e-4, ...peaks);
  for (let x = 0; x < width && peaks.length; x += 1) {
    const from = Math.floor((x / width) * peaks.length);
    const to = Math.max(from + 1, Math.floor(((x + 1) / width) * peaks.length));
    let magnitude = 0;
    for (let place = from; place < to; place += 1) magnitude = Math.max(magnitude, peaks[place]);
    const half = Math.max(0.5, (magnitude / highest) * (height / 2 - 2));
    ink.fillRect(x, height / 2 - half, 1, 2 * half);
  }
}

/** Magnitudes of decoded voices, where the server sent none. */
export function peaksOf(buffers) {
  return Object.fromEntries(Object.entries(buffers).map(([role, buffer]) => [role, magnitudes(buffer)]));
}

function magnitudes(buffer) {
  const samples = buffer.getChannelData(0);
  const count = Math.min(MOST_PEAKS, samples.length);
  const peaks = new Array(count).fill(0);
  for (let place = 0; place < samples.length; place += 1) {
    const bin = Math.floor((place / samples.length) * count);
    peaks[bin] = Math.max(peaks[bin], Math.abs(samples[place]));
  }
  return peaks;
}
