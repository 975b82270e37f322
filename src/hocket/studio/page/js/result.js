/** One fusion: what came out in words and figures, its voices and their mixer, the picture, the files. */

import * as api from "./api.js";
import { optionWords } from "./controls.js";
import { channels, clock, el, hertz, say } from "./dom.js";
import { Mixer } from "./mixer.js";
import { Transport } from "./transport.js";

const LEVELS = ["copy", "overlay", "layering", "fusion"];
const FORMATS = ["wav", "flac", "mp3"];
const MASKS = {
  input_mask_mean: "mean of the input's mask",
  target_mask_mean: "mean of the target's mask",
  complementarity: "complementarity",
  mask_variance: "variance of the masks",
  overlap: "overlap",
  coverage: "coverage",
};

export class ResultView {
  /** Builds the card inside `section`; `onAgain()` is asked to fuse again, `onSwap()` to swap the sources before. */
  constructor(section, { about, onAgain, onSwap }) {
    this.onSwap = onSwap;
    this.title = el("h2", { id: "result-title" });
    this.meta = el("p", { class: "hint" });
    this.again = el("button", { type: "button", onclick: onAgain }, "Fuse again");
    this.stale = el("p", { class: "stale notice", hidden: true }, el("span", {}, "Out of date: settings have changed since this was fused."), this.again);
    this.verdict = el("div", { class: "verdict-box" });
    this.moved = el("p", { class: "hint moved", hidden: true }, "You have moved the faders: the verdict is about the mix as it was fused.");
    this.error = el("p", { class: "error", role: "alert", hidden: true });
    this.shares = el("div", { class: "shares" });
    this.gauges = el("div", { class: "gauges" });
    this.figures = el("div", {}, el("h3", {}, "Figures ", el("a", { href: "#about", class: "hint", onclick: openAbout }, "what they mean")), this.gauges);
    this.details = el("div", { class: "details" });
    this.mixer = new Mixer({ about, onChange: () => this.mixed() });
    const player = el("div", { class: "player" });
    section.append(
      el("div", { class: "card-head" }, el("div", {}, this.title, this.meta), this.stale),
      el("div", { class: "verdict-place" }, this.verdict, this.moved),
      this.error,
      player,
      this.shares,
      this.figures,
      this.details,
    );
    this.transport = new Transport(player, {
      name: "voice",
      between: this.desk(),
      onTick: () => this.mixer.show(this.transport?.player.meters() ?? {}),
      onError: (error) => say(this.error, error.message),
    });
  }

  /** The mixer, and what can be taken from it. */
  desk() {
    this.downloads = Object.fromEntries([...FORMATS, "stems", "markers"].map((format) => [format, downloadLink(format)]));
    const { stems, markers, ...mixes } = this.downloads;
    this.reset = el("button", { type: "button", class: "quiet", title: "Put the faders back where they were when this was fused", onclick: () => this.put() }, "Reset");
    this.files = el("div", { class: "downloads" }, el("span", {}, "Download this mix"), ...Object.values(mixes), stems, markers);
    this.silent = el("p", { class: "hint", hidden: true }, "Both voices are off: there is nothing to download.");
    return el("div", { class: "desk" }, this.mixer.element, el("div", { class: "desk-foot" }, this.files, this.silent, this.reset));
  }

  /** Puts the faders where they were when this was fused. */
  put() {
    this.move(this.result.options);
  }

  /** Puts the faders where options say. */
  move(options) {
    this.mixer.set(options);
    this.mixed();
  }

  /**
   * Shows a result as the server describes it; playback goes on where it was, or begins where `play` says so. Of one
   * that is shown already it takes what has become known since.
   */
  async show(result, { play = false } = {}) {
    const isSame = this.result?.id === result.id;
    const wasJudged = isSame && this.result.is_judged;
    this.result = result;
    this.describe(result);
    if (wasJudged) return;
    const { player, stage } = this.transport;
    if (!isSame) this.mixer.set(result.options);
    const amounts = this.mixer.amounts();
    const { energies, peaks, peak } = this.mixOf(amounts);
    const picture = {
      picture: result.is_judged && result.spectrogram ? api.resultPicture(result.id) : null,
      spectrum: result.spectrogram,
      hasVoices: true,
      waiting: result.is_judged ? undefined : result.is_stopped ? "No picture: the check was stopped." : "The picture follows.",
      words: `The result's spectrogram: blue is the rhythm of ${result.input_name}, orange the harmony of ${result.target_name}.`,
    };
    const addresses = (...voices) => Object.fromEntries(voices.map((voice) => [voice, api.resultAudio(result.id, voice)]));
    const sources = result.is_judged ? ["input", "target"] : [];
    if (isSame) {
      stage.measure(result.seconds, { ...result.peaks, output: peaks });
      player.setEnergies(energies);
      await Promise.all([player.add(addresses(...sources)), stage.showPicture(picture)]);
    } else {
      stage.amounts = amounts;
      const facts = { seconds: result.seconds, sampleRate: result.sample_rate, mix: amounts, energies, peak, peaks: { ...result.peaks, output: peaks }, play };
      if (!(await this.transport.load(addresses("rhythm", "harmony", ...sources), { ...facts, ...picture }))) return;
    }
    this.mixed();
  }

  /** All that is words and figures. */
  describe(result) {
    this.title.textContent = titleOf(result);
    this.downloads.markers.hidden = !result.is_judged;
    const took = result.fusing_seconds === undefined ? "" : `fused in ${result.fusing_seconds.toFixed(1)} s`;
    const facts = [clock(result.seconds), hertz(result.sample_rate), channels(result.num_channels), optionWords(result.options), took];
    this.meta.textContent = facts.filter(Boolean).join(" · ");
    say(this.error, "");
    const swap = el("button", { type: "button", onclick: this.onSwap }, "Swap and fuse again");
    const notes = (result.notes || []).map((note) => el("li", {}, note));
    this.verdict.replaceChildren(
      ...(result.is_judged ? verdictOf(result) : [el("p", { class: "verdict waiting" }, result.is_stopped ? "Not checked" : "Checking…")]),
      ...(result.roles_weak ? [el("div", {}, swap)] : []),
      ...(notes.length ? [el("ul", { class: "notes", "aria-label": "Notes" }, ...notes)] : []),
    );
    this.figures.hidden = !result.figures?.length;
    this.gauges.replaceChildren(...(result.figures || []).map(gauge));
    this.details.replaceChildren(...detailsOf(result));
  }

  /** Lets the faders be heard and seen. */
  mixed() {
    const { result } = this;
    if (!result) return;
    const amounts = this.mixer.amounts();
    const { energies, peaks, peak } = this.mixOf(amounts);
    this.transport.player.setMix(amounts, { energy: energies.output, peak });
    this.transport.stage.mix(amounts, peaks);
    this.showShares(amounts);
    const isAsFused = this.isAsFused(amounts);
    this.moved.hidden = isAsFused || !result.is_judged;
    const isSilent = !amounts.rhythm && !amounts.harmony;
    this.files.hidden = isSilent;
    this.silent.hidden = !isSilent;
    for (const [format, link] of Object.entries(this.downloads)) link.href = api.download(result.id, format, isAsFused ? null : amounts);
  }

  isAsFused({ rhythm, harmony }) {
    const [input, target] = this.result.amounts;
    return Math.abs(rhythm - input) + Math.abs(harmony - target) < 1e-3;
  }

  /** Loudness and magnitudes of the mix with these amounts: mean square, highest value, and one for each stretch. */
  mixOf({ rhythm, harmony }) {
    const { energies, peaks, amounts } = this.result;
    const output = rhythm ** 2 * energies.rhythm + harmony ** 2 * energies.harmony + 2 * rhythm * harmony * energies.cross;
    const [input, target] = amounts;
    let peak = 0;
    const mixed = peaks.rhythm.map((own, place) => {
      const other = peaks.harmony[place];
      const fused = peaks.output?.[place] ?? Math.hypot(input * own, target * other);
      // As two sounds that know nothing of each other add up, and as it was where it is as it was fused.
      const estimate = Math.hypot(rhythm * own, harmony * other) * (fused / (Math.hypot(input * own, target * other) || 1));
      const most = fused + Math.abs(rhythm - input) * own + Math.abs(harmony - target) * other;
      peak = Math.max(peak, Math.min(most, rhythm * own + harmony * other));
      return estimate;
    });
    const sources = Object.entries(energies).filter(([voice]) => voice === "input" || voice === "target");
    return { energies: { ...Object.fromEntries(sources), output }, peaks: mixed, peak };
  }

  showShares(amounts) {
    const bands = this.result.shares || [];
    this.shares.hidden = !bands.length;
    this.shares.replaceChildren(el("h3", {}, "Sources by frequency"), ...bands.map((band) => shareRow(band, amounts)));
  }

  clear() {
    this.transport.player.pause();
    this.result = null;
  }
}

/** "drums × strings" without the endings of the files; typed chords have none. */
export function titleOf({ input_name: input, target_name: target, options }) {
  const stem = (name) => name.replace(/\.[a-z0-9]{2,5}$/i, "");
  return `${stem(input)} × ${options?.target_chords ?? stem(target)}`;
}

export function verdictOf({ verdict_words: words, is_alarm: alarm, level, sentences = [] }) {
  const reached = LEVELS.indexOf(level);
  const tone = alarm ? "bad" : level === "fusion" ? "good" : "doubtful";
  const ladder = LEVELS.map((name, place) =>
    el("li", { class: place === reached ? `level ${tone}` : "level", "aria-current": place === reached ? "true" : null }, name),
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

/** Who gave how much of what sounds in a band, of whose energies the server told. */
function shareRow({ name, words, rhythm: own, harmony: other }, amounts) {
  const [one, two] = [amounts.rhythm ** 2 * own, amounts.harmony ** 2 * other];
  const share = one + two > 0 ? one / (one + two) : null;
  const rhythm = Math.round(100 * share);
  const text = share === null ? "silent" : `rhythm ${rhythm} %, harmony ${100 - rhythm} %`;
  const parts = [el("i", { class: "from-input" }), el("i", { class: "from-target" })];
  parts[0].style.width = `${rhythm}%`;
  parts[1].style.width = share === null ? "0" : `${100 - rhythm}%`;
  return el(
    "div",
    { class: "share" },
    el("span", { class: "share-name" }, el("b", {}, name), el("span", { class: "hint" }, words)),
    el("span", { class: "share-bar", "aria-hidden": "true" }, ...parts),
    el("span", { class: "share-words" }, text),
  );
}

const ARCHIVES = {
  stems: ["Stems (zip)", "Download both voices as a zip file"],
  markers: ["Markers (MIDI + labels)", "Download beats, bars and chords as a zip file with a MIDI file and a label track"],
};

function downloadLink(format) {
  const [words, label] = ARCHIVES[format] ?? [`${format.toUpperCase()}`, `Download this mix as ${format.toUpperCase()}`];
  return el("a", { class: "button", download: "", "aria-label": label }, words);
}

function detailsOf(result) {
  const masks = Object.entries(result.mask_figures || {}).map(([name, value]) =>
    el("div", {}, el("dt", {}, MASKS[name] || name.replaceAll("_", " ")), el("dd", {}, Number(value).toFixed(2))),
  );
  return masks.length ? [el("details", {}, el("summary", {}, "Figures of the masks"), el("dl", { class: "masks" }, ...masks))] : [];
}
