/** One fusion: what came out in words and figures, the three voices, the picture, the files. */

import * as api from "./api.js";
import { optionWords } from "./controls.js";
import { channels, clock, el, hertz } from "./dom.js";
import { Transport } from "./transport.js";

const LEVELS = ["copy", "overlay", "layering", "fusion"];
const MASKS = {
  input_mask_mean: "mean of the input's mask",
  target_mask_mean: "mean of the target's mask",
  complementarity: "complementarity",
  mask_variance: "variance of the masks",
  overlap: "overlap",
  coverage: "coverage",
};

export class ResultView {
  constructor(section) {
    this.section = section;
    this.title = el("h2", { id: "result-title" });
    this.meta = el("p", { class: "hint" });
    this.verdict = el("div", { class: "verdict-box" });
    this.shares = el("div", { class: "shares" });
    this.gauges = el("div", { class: "gauges" });
    this.downloads = el("div", { class: "downloads" });
    this.details = el("div", { class: "details" });
    const player = el("div", { class: "player" });
    section.append(
      el("div", { class: "card-head" }, el("div", {}, this.title, this.meta), this.downloads),
      this.verdict,
      player,
      this.shares,
      el("div", {}, el("h3", {}, "Figures ", el("a", { href: "#about", class: "hint", onclick: openAbout }, "what they mean")), this.gauges),
      this.details,
    );
    this.transport = new Transport(player, { name: "voice" });
  }

  /** Shows a result as the server describes it; playback goes on where it was. */
  async show(result) {
    this.result = result;
    this.title.textContent = titleOf(result);
    this.meta.textContent = [
      clock(result.seconds),
      hertz(result.sample_rate),
      channels(result.num_channels),
      optionWords(result.options),
      `fused in ${result.fusing_seconds.toFixed(1)} s`,
    ].join(" · ");
    this.verdict.replaceChildren(...verdictOf(result));
    this.shares.hidden = !result.shares?.length;
    this.shares.replaceChildren(el("h3", {}, "Who gave what"), ...(result.shares || []).map(shareRow));
    this.gauges.replaceChildren(...(result.figures || []).map(gauge));
    this.downloads.replaceChildren(...["wav", "flac"].map((format) => downloadLink(result, format)));
    this.details.replaceChildren(...detailsOf(result));
    const urls = Object.fromEntries(["input", "target", "output"].map((role) => [role, api.resultAudio(result.id, role)]));
    await this.transport.load(urls, {
      seconds: result.seconds,
      sampleRate: result.sample_rate,
      gains: result.gains,
      peaks: result.peaks,
      picture: result.spectrogram ? api.resultPicture(result.id) : null,
      spectrum: result.spectrogram,
      words: `The output's spectrogram: blue lets through ${result.input_name}, orange ${result.target_name}.`,
    });
  }

  clear() {
    this.transport.player.pause();
    this.result = null;
  }
}

/** "drums × strings" without the endings of the files. */
export function titleOf({ input_name: input, target_name: target }) {
  const stem = (name) => name.replace(/\.[a-z0-9]{2,5}$/i, "");
  return `${stem(input)} × ${stem(target)}`;
}

export function verdictOf({ verdict_words: words, is_alarm: alarm, level, sentences = [] }) {
  const reached = LEVELS.indexOf(level);
  const tone = alarm ? "bad" : level === "fusion" ? "good" : "doubtful";
  const ladder = LEVELS.map((name, place) =>
    el("li", { class: place === reached ? `rung ${tone}` : "rung", "aria-current": place === reached ? "true" : null }, name),
  );
  return [
    el(
      "div",
      { class: "verdict-head" },
      el("p", { class: `verdict ${tone}` }, words),
      el("ol", { class: "ladder", "aria-label": reached < 0 ? "On none of these levels" : `Level: ${level}` }, ...ladder),
    ),
    sentences.length ? el("ul", { class: sentences.some((sentence) => sentence.length > 60) ? "sentences long" : "sentences" }, ...sentences.map((sentence) => el("li", {}, sentence))) : null,
  ].filter(Boolean);
}

/** A figure with a bar from its lowest value to 1, and a tick at the value it is held against. */
export function gauge({ name, value, lowest = -1, bound, band, words, good }) {
  const tone = good === true ? "good" : good === false ? "doubtful" : "plain";
  const along = (number) => `${100 * Math.min(1, Math.max(0, (number - lowest) / (1 - lowest)))}%`;
  const bar = el("i", { class: "bar" });
  const from = along(Math.max(0, lowest));
  const [left, right] = [from, along(value)].sort((one, other) => parseFloat(one) - parseFloat(other));
  Object.assign(bar.style, { left, right: `calc(100% - ${right})` });
  const marks = [];
  if (bound) marks.push(el("i", { class: "tick", style: { left: along(bound) } }));
  if (band) marks.push(el("i", { class: "band", style: { left: along(band[0]), right: `calc(100% - ${along(band[1])})` } }));
  return el(
    "div",
    { class: `gauge ${tone}` },
    el("span", { class: "gauge-name" }, name),
    el("span", { class: "gauge-value" }, Number.isFinite(value) ? value.toFixed(2) : "–"),
    el("span", { class: "gauge-track", "aria-hidden": "true" }, ...marks, bar),
    el("span", { class: "gauge-words" }, words),
  );
}

/** The explanation lies at the foot of the page, folded up. */
function openAbout(event) {
  event.preventDefault();
  const about = document.getElementById("about");
  about.open = true;
  about.scrollIntoView({ block: "center" });
  about.querySelector("summary").focus({ preventScroll: true });
}

/** The input's part of what sounds in a band; null where it is silent. */
function shareRow({ name, words, input: share }) {
  const input = share === null ? 0 : Math.round(100 * share);
  const text = share === null ? "silent" : `input ${input} %, target ${100 - input} %`;
  const parts = [el("i", { class: "from-input" }), el("i", { class: "from-target" })];
  parts[0].style.width = `${input}%`;
  parts[1].style.width = share === null ? "0" : `${100 - input}%`;
  return el(
    "div",
    { class: "share" },
    el("span", { class: "share-name" }, el("b", {}, name), el("span", { class: "hint" }, words)),
    el("span", { class: "share-bar", "aria-hidden": "true" }, ...parts),
    el("span", { class: "share-words" }, text),
  );
}

function downloadLink(result, format) {
  return el(
    "a",
    { class: "button", href: api.download(result.id, format), download: "", "aria-label": `Download the output as ${format.toUpperCase()}, 24 bit` },
    `${format.toUpperCase()} ↓`,
  );
}

function detailsOf(result) {
  const notes = (result.notes || []).map((note) => el("li", {}, note));
  const masks = Object.entries(result.mask_figures || {}).map(([name, value]) =>
    el("div", {}, el("dt", {}, MASKS[name] || name.replaceAll("_", " ")), el("dd", {}, Number(value).toFixed(2))),
  );
  return [
    notes.length ? el("ul", { class: "notes", "aria-label": "Notes" }, ...notes) : null,
    masks.length ? el("details", {}, el("summary", {}, "Figures of the masks"), el("dl", { class: "masks" }, ...masks)) : null,
  ].filter(Boolean);
}
