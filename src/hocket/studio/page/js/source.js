/** One of the two source cards: choose a file (click, keys, drop), see it, hear it, pick a region. */

import * as api from "./api.js";
import { ChordForm, chordRow } from "./chords.js";
import { factsOf, warningOf } from "./facts.js";
import { announce, bytes, channels, clock, el, hertz, say } from "./dom.js";
import { Waveform } from "./waveform.js";

const ROLES = {
  input: { title: "Rhythm", name: "the input", hint: "Drums, percussion, a riff: something with a clear beat." },
  target: { title: "Harmony", name: "the target", hint: "Strings, pads, piano, a choir: something with sustained notes." },
};

export class SourceCard {
  /**
   * Builds the card inside `section`; `onChange()` hears when a source comes, goes or is cut otherwise, `onSwap()` is
   * asked to swap it with the other card's.
   */
  constructor(section, { about, onChange, onPlay, onSwap }) {
    this.role = section.dataset.role;
    this.takesNotes = this.role === "target";
    this.about = about;
    this.onChange = onChange;
    this.onPlay = onPlay;
    this.onSwap = onSwap;
    this.source = null;
    this.build(section);
    this.acceptDrops(section);
  }

  build(section) {
    const { title, name, hint } = ROLES[this.role];
    this.file = el("input", {
      type: "file",
      id: `${this.role}-file`,
      class: "unseen",
      accept: `audio/*,.wav,.flac,.ogg,.opus,.mp3,.aif,.aiff${this.takesNotes ? ",.mid,.midi" : ""}`,
      "aria-label": `${title}: choose a file`,
      onchange: () => this.file.files[0] && this.send(this.file.files[0]),
    });
    this.drop = el(
      "label",
      { class: "drop", for: this.file.id },
      el("span", { class: "drop-call" }, "Drop a file here, or ", el("u", {}, "choose one")),
      el("span", { class: "hint" }, hint),
      el("span", { class: "hint limits" }, this.limits()),
    );
    this.chords = this.takesNotes ? new ChordForm({ onUse: (source) => this.use(source), onError: (sentence) => say(this.error, sentence) }) : null;
    this.progress = el("progress", { max: 1, "aria-label": `Uploading the ${this.role}` });
    this.sendingText = el("span");
    const cancel = el("button", { type: "button", class: "quiet", onclick: () => this.transfer?.abort() }, "Cancel");
    this.sending = el("div", { class: "job", hidden: true }, this.progress, this.sendingText, cancel);
    this.error = el("p", { class: "error", role: "alert", hidden: true });
    this.loaded = el("div", { class: "loaded", hidden: true });
    const swap = el("button", { type: "button", class: "press", onclick: () => this.onSwap() }, "Swap");
    this.warning = el("p", { class: "stale notice unfit", role: "status", hidden: true }, el("span"), swap);
    section.append(
      el("h2", { id: `${this.role}-title` }, el("span", { class: `badge ${this.role}` }, title), el("span", { class: "hint" }, ` ${name}`)),
      ...[this.file, this.drop, this.chords?.element, this.sending, this.error, this.loaded, this.warning].filter(Boolean),
    );
  }

  limits() {
    const { formats, max_upload_bytes: most, max_seconds: longest } = this.about;
    return `${[...formats, ...(this.takesNotes ? ["MIDI"] : [])].join(", ")}; up to ${bytes(most)} and ${Number((longest / 60).toFixed(1))} minutes`;
  }

  acceptDrops(section) {
    let depth = 0;
    const mark = (change) => {
      depth = Math.max(0, depth + change);
      section.classList.toggle("over", depth > 0);
    };
    section.addEventListener("dragenter", () => mark(1));
    section.addEventListener("dragleave", () => mark(-1));
    section.addEventListener("dragover", (event) => event.preventDefault());
    section.addEventListener("drop", (event) => {
      event.preventDefault();
      mark(-depth);
      const files = event.dataTransfer.files;
      if (files.length > 1) say(this.error, `${files.length} files were dropped: drop one recording.`);
      else if (files.length === 1) this.send(files[0]);
    });
  }

  /** Sends a file to the server and shows what it answers. */
  async send(file) {
    this.transfer?.abort();
    say(this.error, this.refusal(file));
    this.file.value = "";
    if (!this.error.hidden) return;
    this.sending.hidden = false;
    this.progress.value = 0;
    this.sendingText.textContent = `Uploading ${file.name}`;
    const transfer = (this.transfer = api.upload(file, this.role, (share) => {
      this.progress.value = share;
      if (share === 1) this.sendingText.textContent = `Reading ${file.name}`;
    }));
    this.onChange();
    try {
      const source = await transfer.promise;
      if (this.transfer !== transfer) return;
      this.transfer = null;
      this.show(source);
      announce(`${file.name} is the ${this.role}, ${clock(this.source.seconds)} long.`);
    } catch (error) {
      if (this.transfer !== transfer) return;
      this.transfer = null;
      say(this.error, error.message);
    } finally {
      this.sending.hidden = !this.transfer;
      this.onChange();
    }
  }

  /** Takes typed chords in place of a recording. */
  use(source) {
    this.transfer?.abort();
    this.show(source);
    announce(`${source.name} is the harmony.`);
  }

  /** Why a file need not be sent at all, or nothing. */
  refusal(file) {
    const most = this.about.max_upload_bytes;
    if (file.size === 0) return `${file.name} is empty (0 bytes): give a recording.`;
    if (file.size > most) return `${file.name} has ${bytes(file.size)}; up to ${bytes(most)} can be sent: cut it or give it as FLAC or MP3.`;
    return "";
  }

  /** Shows a source that the server holds, with its region where one is remembered; null empties the card. */
  show(source) {
    this.waveform?.destroy();
    this.waveform = null;
    this.source = source;
    this.drop.hidden = Boolean(source);
    if (this.chords) this.chords.element.hidden = Boolean(source);
    this.loaded.hidden = !source;
    this.loaded.replaceChildren();
    say(this.error, "");
    if (source?.chords) this.loaded.append(this.head(source), ...chordRow(source));
    else if (source) {
      source.region ||= [0, source.seconds];
      this.fill(source);
    }
    this.onChange();
  }

  /** A source's name, and the buttons that change and remove it. */
  head(source) {
    const edit = () => {
      this.show(null);
      this.chords.edit(source);
    };
    return el(
      "div",
      { class: "source-head" },
      el("p", { class: "name", title: source.name }, source.name),
      source.chords ? el("button", { type: "button", class: "quiet", onclick: edit }, "Change") : el("label", { class: "quiet button", for: this.file.id }, "Change"),
      el("button", { type: "button", class: "quiet", onclick: () => this.remove(), "aria-label": `Remove ${source.name}` }, "Remove"),
    );
  }

  fill(source) {
    const number = (name, index) =>
      el("input", {
        type: "number",
        min: 0,
        max: source.seconds.toFixed(2),
        step: 0.01,
        "aria-label": `${ROLES[this.role].title}: ${name} of the region in seconds`,
        onchange: () => this.typed(index),
      });
    this.fields = [number("start", 0), number("end", 1)];
    this.whole = el("button", { type: "button", class: "quiet", onclick: () => this.cut(0, source.seconds, true) }, "Whole file");
    this.play = el("button", { type: "button", class: "play", onclick: () => this.toggle() });
    const wave = el("div", { class: "wave", "aria-hidden": "true" });
    this.length = el("span", { class: "hint" });
    this.facts = el("p", { class: "hint music" }, "analysing…");
    this.loaded.append(
      this.head(source),
      el("p", { class: "hint" }, `${clock(source.seconds)} · ${hertz(source.sample_rate)} · ${channels(source.num_channels)}`),
      this.facts,
      wave,
      el(
        "div",
        { class: "region" },
        this.play,
        el("span", { class: "from-to" }, this.fields[0], el("span", {}, "to"), this.fields[1], el("span", {}, "s")),
        this.length,
        this.whole,
      ),
    );
    this.describe(source);
    this.waveform = new Waveform(wave, {
      role: this.role,
      url: api.sourceAudio(source.id),
      peaks: source.peaks,
      seconds: source.seconds,
      minSeconds: Math.min(this.about.min_seconds, source.seconds),
      onRegion: (start, end) => this.cut(start, end, false),
      onPlaying: (playing) => this.playing(playing),
    });
    this.playing(false);
    this.cut(...source.region, true);
  }

  /** Says what the server heard in a source, as soon as it has; the card does without where it cannot tell. */
  async describe(source) {
    try {
      source.music ??= await api.music(source.id);
    } catch {
      if (this.source === source) this.facts.hidden = true;
      return;
    }
    if (this.source !== source) return;
    this.facts.replaceChildren(...factsOf(this.role, source.music));
    this.onChange();
  }

  /** Warns of a source that can hardly play its role, and offers the swap that would help. */
  warn(canSwap) {
    const sentence = warningOf(this.role, this.source);
    if (sentence !== this.warning.firstChild.textContent) this.warning.firstChild.textContent = sentence;
    this.warning.hidden = !sentence;
    this.warning.lastChild.hidden = !canSwap;
  }

  playing(playing) {
    this.play.classList.toggle("on", playing);
    this.play.setAttribute("aria-label", `${playing ? "Pause" : "Play"} the ${this.role}`);
  }

  toggle() {
    this.onPlay(this);
    this.waveform.toggle().catch(() => say(this.error, `${this.source.name} cannot be played by this browser, but it can still be fused.`));
  }

  pause() {
    this.waveform?.pause();
  }

  /** Takes what the number fields say, moved to where it is possible. */
  typed(index) {
    const { seconds } = this.source;
    const least = Math.min(this.about.min_seconds, seconds);
    let [start, end] = this.fields.map((field, place) => (field.value === "" ? this.source.region[place] : Number(field.value)));
    if (index === 0) start = Math.min(Math.max(0, start), end - least, seconds - least);
    else end = Math.max(Math.min(seconds, end), start + least);
    start = Math.max(0, start);
    this.cut(start, Math.min(seconds, Math.max(end, start + least)), true);
  }

  /** Sets the region; `draw` moves its picture as well. */
  cut(start, end, draw) {
    const { source } = this;
    source.region = [start, end];
    this.fields[0].value = start.toFixed(2);
    this.fields[1].value = end.toFixed(2);
    this.whole.hidden = this.isWhole();
    this.length.textContent = this.isWhole() ? "the whole file; drag an edge to take a part" : `${clock(end - start, 2)} long`;
    if (draw) this.waveform.setRegion(start, end);
    this.onChange();
  }

  isWhole() {
    const { region, seconds } = this.source;
    return !region || region[0] < 0.005 && region[1] > seconds - 0.005;
  }

  /** The region as the server takes it: null is the whole file. */
  region() {
    return this.isWhole() ? null : this.source.region.map((second) => Math.round(second * 1000) / 1000);
  }

  remove() {
    const { id, chords } = this.source;
    this.show(null);
    if (!chords) api.forgetSource(id).catch(() => {});
    this.file.focus();
  }
}
