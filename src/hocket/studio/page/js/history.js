/** The fusions of this visit, newest first: kept in the tab, so that a reload loses nothing. */

import * as api from "./api.js";
import { optionWords } from "./controls.js";
import { clock, el, visit } from "./dom.js";
import { titleOf } from "./result.js";

export class Visit {
  /** Lists into `list`; `onOpen(entry)` is asked to show one, `onEmpty()` hears when the last one went. */
  constructor(list, { onOpen, onEmpty }) {
    this.list = list;
    this.onOpen = onOpen;
    this.onEmpty = onEmpty;
    this.entries = visit.get("results", []);
    this.open = null;
  }

  /** Adds a fusion that can be heard by now. */
  add(result) {
    this.entries.unshift({ id: result.id, number: 1 + Math.max(0, ...this.entries.map((entry) => entry.number)) });
    this.update(result);
  }

  /** Takes what is known of a fusion by now. */
  update(result) {
    const entry = this.entries.find(({ id }) => id === result.id);
    if (!entry) return;
    Object.assign(entry, {
      name: [titleOf(result), optionWords(result.options)].filter(Boolean).join(", "),
      cut: cutWords(result.options),
      words: result.verdict_words ?? (result.is_stopped ? "Not checked" : "Checking…"),
      alarm: result.is_alarm,
      level: result.level,
    });
    this.keep();
  }

  /** Marks the one that is shown. */
  mark(id) {
    this.open = id;
    this.draw();
  }

  keep() {
    visit.set("results", this.entries);
    this.draw();
  }

  drop(id) {
    const place = this.entries.findIndex((entry) => entry.id === id);
    if (place < 0) return;
    this.entries.splice(place, 1);
    this.keep();
    if (!this.entries.length) this.onEmpty();
    else if (this.open === id) this.onOpen(this.entries[Math.min(place, this.entries.length - 1)]);
  }

  draw() {
    this.list.replaceChildren(...this.entries.map((entry) => this.item(entry)));
  }

  item(entry) {
    const chosen = entry.id === this.open;
    const tone = entry.alarm ? "bad" : entry.level === "fusion" ? "good" : entry.level === undefined ? "" : "doubtful";
    const remove = async () => {
      await api.forgetResult(entry.id).catch(() => {});
      this.drop(entry.id);
    };
    return el(
      "li",
      { class: chosen ? "entry chosen" : "entry" },
      el(
        "button",
        { type: "button", class: "open", "aria-current": chosen ? "true" : null, onclick: () => this.onOpen(entry) },
        el("b", {}, `${entry.number}. ${entry.name}`),
        entry.cut ? el("span", { class: "hint" }, entry.cut) : null,
        el("span", { class: `entry-verdict ${tone}` }, entry.words),
      ),
      el("button", { type: "button", class: "quiet remove", "aria-label": `Remove ${entry.number}. ${entry.name}`, onclick: remove }, "×"),
    );
  }
}

function cutWords({ input_region: input, target_region: target }) {
  const words = (role, region) => region && `${role} ${clock(region[0])}–${clock(region[1])}`;
  return [words("input", input), words("target", target)].filter(Boolean).join(", ");
}
