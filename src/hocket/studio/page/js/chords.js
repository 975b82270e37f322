/** Typed chords in place of a recording: the form that takes them, and how they look once they are used. */

import * as api from "./api.js";
import { el } from "./dom.js";

const BARS = [0.5, 1, 2, 4];

export const NO_RHYTHM = "Typed chords and MIDI files have no sound of their own: they can only be the harmony.";

export const IN_PLACE = "Typed chords are already on the input's beats, in the key that you wrote.";

/** The source that the options of a fusion, or of the server's answer, hold as chords; null where there are none. */
export function chordsOf({ target_chords: chords, bars_per_chord: bars }) {
  return chords ? { id: `${bars} ${chords}`, name: chords, chords, bars } : null;
}

/** Whether a source can be the harmony only. */
export const isWritten = (source) => Boolean(source?.chords || source?.format === "midi");

/** The target as the server takes it in a job: a recording with its region, or chords. */
export function asTarget(source, region) {
  return source.chords ? { target_chords: source.chords, bars_per_chord: source.bars } : { target: source.id, target_region: region };
}

export class ChordForm {
  /** `onUse(source)` hears of chords that are right, `onError(sentence)` of others; an empty sentence takes it back. */
  constructor({ onUse, onError }) {
    this.text = el("input", { type: "text", id: "chords", placeholder: "Am F C G", autocomplete: "off", autocapitalize: "off", spellcheck: "false", maxlength: 4000 });
    this.bars = el("select", { id: "bars-per-chord" }, ...BARS.map((count) => el("option", { value: count, selected: count === 1 }, String(count))));
    const use = el("button", {}, "Use");
    const take = async (event) => {
      event.preventDefault();
      onError("");
      use.disabled = true;
      try {
        onUse(chordsOf(await api.checkChords({ target_chords: this.text.value, bars_per_chord: Number(this.bars.value) })));
      } catch (error) {
        onError(error.message);
        this.text.focus();
      } finally {
        use.disabled = false;
      }
    };
    this.element = el(
      "form",
      { class: "type-chords", onsubmit: take },
      el("label", { for: "chords" }, "or type chords"),
      this.text,
      el("label", { for: "bars-per-chord" }, "bars per chord"),
      this.bars,
      use,
    );
  }

  /** Puts chords back into the form, to be changed. */
  edit({ chords, bars }) {
    this.text.value = chords;
    this.bars.value = bars;
    this.text.focus();
  }
}

/** Each chord of a source in a row, and how long it lasts. */
export function chordRow({ chords, bars }) {
  const length = bars < 1 ? "two chords a bar" : bars === 1 ? "one chord a bar" : `one chord every ${bars} bars`;
  return [
    el("p", { class: "hint" }, `Played on the rhythm's beat, ${length}, and repeated.`),
    el("ol", { class: "chord-row", "aria-label": "Chords", tabindex: "0" }, ...chords.split(" ").map((chord) => el("li", {}, chord))),
  ];
}
