/** The first tab: two sources, the controls, one job at a time, the result, and what was made before. */

import * as api from "./api.js";
import { asTarget, chordsOf, IN_PLACE, isWritten, NO_RHYTHM } from "./chords.js";
import { Controls } from "./controls.js";
import { announce, byId, el, preferences, say, visit } from "./dom.js";
import { swapHelps } from "./facts.js";
import { Visit } from "./history.js";
import { ResultView } from "./result.js";
import { SourceCard } from "./source.js";
import { beforePlaying, pauseAll } from "./transport.js";

// Often at first, as a short fusion can be heard at once.
const QUICK_POLLS = 60;
const QUICK_MILLISECONDS = 120;
const POLL_MILLISECONDS = 400;
const MOST_KNOWN = 12;
const STEPS = { "loading the model": "Loading the model", judging: "Checking the result", drawing: "Drawing" };
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export class FuseTab {
  constructor(about) {
    this.about = about;
    this.controls = new Controls(byId("controls"), about, { onChange: () => this.compare() });
    for (const [name, values] of Object.entries(about.presets)) {
      byId("presets").append(el("button", { type: "button", class: "press", onclick: () => this.begin(name, values) }, name));
    }
    const more = byId("more");
    more.open = preferences.get("more", false);
    more.addEventListener("toggle", () => preferences.set("more", more.open));
    const whenReady = byId("play-when-ready");
    whenReady.checked = preferences.get("play-when-ready", true);
    whenReady.addEventListener("change", () => preferences.set("play-when-ready", whenReady.checked));
    this.cards = [...document.querySelectorAll(".source")].map(
      (section) => new SourceCard(section, { about, onChange: () => this.changed(), onPlay: (card) => this.quiet(card), onSwap: () => this.swap() }),
    );
    this.visit = new Visit(byId("history"), { onOpen: (entry) => this.open(entry), onEmpty: () => this.empty() });
    this.job = null;
    beforePlaying.pauseSources = () => this.cards.forEach((card) => card.pause());
    byId("swap").addEventListener("click", () => this.swap());
    byId("reset").addEventListener("click", () => this.controls.reset());
    byId("fuse").addEventListener("click", () => this.fuse());
    byId("cancel").addEventListener("click", () => this.cancel());
    for (const [name, [rhythm, harmony]] of Object.entries(about.examples)) {
      byId("examples").append(el("button", { type: "button", class: "quiet", onclick: () => this.useExample(name) }, `${rhythm} × ${harmony}`));
    }
    refuseStrayDrops();
    this.changed();
  }

  /** Takes up what a reload interrupted: sources, the job, the last result. */
  async restore() {
    const kept = visit.get("sources", {});
    for (const card of this.cards) {
      const source = kept[card.role];
      if (source && !card.source && (await this.isThere(source))) card.show(source);
    }
    const [latest] = this.visit.entries;
    if (latest) await this.open(latest, { withSources: false });
    const id = visit.get("job", null);
    if (id) this.follow(id);
  }

  /** Whether a source can be used still: chords always can. */
  async isThere(source) {
    return Boolean(source.chords) || api.holdsSource(source.id);
  }

  quiet(but) {
    pauseAll();
    for (const card of this.cards) if (card !== but) card.pause();
  }

  /** What hangs on the two sources: buttons, hint, and what this visit remembers. */
  changed() {
    if (!this.cards) return; // While the cards are being made.
    const [input, target] = this.cards.map((card) => card.source);
    const missing = [!input && "a rhythm", !target && "a harmony"].filter(Boolean);
    const isUploading = this.cards.some((card) => card.transfer);
    byId("fuse").disabled = missing.length > 0 || isUploading || this.job !== null;
    byId("fuse").textContent = isUploading ? "Uploading…" : "Fuse";
    byId("swap").disabled = isUploading || (!input && !target) || isWritten(target);
    byId("swap").title = isWritten(target) ? NO_RHYTHM : "Swap rhythm and harmony";
    const isTyped = Boolean(target?.chords);
    for (const name of ["align", "key"]) Object.assign(byId(name), { disabled: isTyped, title: isTyped ? IN_PLACE : "" });
    this.cards.forEach((card) => card.warn(!isUploading && swapHelps(input, target)));
    byId("welcome").hidden = Boolean(input || target || this.visit?.entries.length);
    say(byId("fuse-hint"), missing.length ? `Choose ${missing.join(" and ")} first.` : "");
    this.compare();
    clearTimeout(this.keeping);
    this.keeping = setTimeout(() => this.remember(input, target), 300);
  }

  /** Keeps the sources for a reload, and what is known of the last ones for results that are opened again. */
  remember(input, target) {
    visit.set("sources", { input, target });
    const now = [input, target].filter(Boolean).map((source) => [source.id, source]);
    const known = Object.entries({ ...visit.get("known", {}), ...Object.fromEntries(now) });
    visit.set("known", Object.fromEntries(known.slice(-MOST_KNOWN)));
  }

  /** Says where the result on the page was made with other settings than those that are set now. */
  compare() {
    const result = this.view?.result;
    if (!result) return;
    const isSame = (card) => {
      const [one, other] = [card.region(), result.options[`${card.role}_region`]];
      const source = sourceIdOf(result, card.role);
      return (!source || source === card.source.id) && (one && other ? one.every((second, end) => Math.abs(second - other[end]) < 0.01) : !one === !other);
    };
    const isComplete = this.cards.every((card) => card.source);
    this.view.stale.hidden = !isComplete || (this.cards.every(isSame) && this.controls.agreesWith(result.options));
    this.view.again.disabled = byId("fuse").disabled;
  }

  /** Sets the controls and the faders to a preset; what it does not name has its default. */
  begin(name, values) {
    this.controls.reset();
    this.controls.set(values);
    const live = this.about.options.filter((option) => option.live);
    this.wish = Object.fromEntries(live.map(({ name: key, default: usual }) => [key, values[key] ?? usual]));
    this.view?.move(this.wish);
    this.compare();
    announce(`Settings: ${name}.`);
  }

  /** Swaps the sources where both can play the other's role; tells whether it did. */
  swap() {
    const [input, target] = this.cards;
    const [first, second] = [input.source, target.source];
    say(byId("job-error"), isWritten(second) ? NO_RHYTHM : "");
    if (isWritten(second)) return false;
    input.show(second);
    target.show(first);
    announce("Rhythm and harmony are swapped.");
    return true;
  }

  /** Takes one of the pairs that come with hocket, as if its files had been dropped. */
  async useExample(name) {
    try {
      const files = await Promise.all(["rhythm", "harmony"].map((part) => api.example(`${name}-${part}.mp3`)));
      await Promise.all(this.cards.map((card, place) => card.send(files[place])));
      byId("fuse").focus();
    } catch (error) {
      say(byId("job-error"), error.message);
    }
  }

  async fuse() {
    const [input, target] = this.cards;
    if (byId("fuse").disabled) return;
    say(byId("job-error"), "");
    byId("fuse").disabled = true;
    try {
      const job = await api.startJob({
        input: input.source.id,
        input_region: input.region(),
        ...asTarget(target.source, target.region()),
        ...this.controls.values(),
        ...(this.view ? this.view.mixer.wanted() : this.wish),
      });
      await this.follow(job.id);
    } catch (error) {
      this.ended(error.message);
    }
  }

  /** Watches a job to its end; it can be heard before that. */
  async follow(id) {
    this.job = id;
    visit.set("job", id);
    byId("job").hidden = false;
    byId("fuse").hidden = true;
    this.compare();
    this.showJob({ state: "queued", position: 0, progress: 0 });
    try {
      let heard = null;
      for (let polls = 0; ; polls += 1) {
        const job = await api.job(id);
        if (job.result && !heard) await this.heard((heard = job.result));
        if (job.state !== "queued" && job.state !== "running") {
          if (heard) await this.judged(heard);
          this.ended(job.state === "failed" ? job.message : "");
          if (job.state === "cancelled") announce("Cancelled.");
          return;
        }
        this.showJob(job);
        await pause(polls < QUICK_POLLS ? QUICK_MILLISECONDS : POLL_MILLISECONDS);
      }
    } catch (error) {
      this.ended(error.message);
    }
  }

  showJob({ state, position, progress, step }) {
    const bar = byId("job-progress");
    if (state === "running" && progress > 0) bar.value = progress;
    else bar.removeAttribute("value");
    const percent = Math.round(100 * progress);
    const queued = position > 0 ? `In the queue: position ${position}` : "Starting";
    byId("job-state").textContent = state === "running" ? `${STEPS[step] || "Fusing"}: ${percent} %` : queued;
    announce(state === "running" ? `Fusing: ${25 * Math.floor(percent / 25)} %` : queued);
  }

  ended(message) {
    this.job = null;
    visit.set("job", null);
    byId("job").hidden = true;
    byId("fuse").hidden = false;
    say(byId("job-error"), message);
    this.changed();
  }

  async cancel() {
    if (!this.job) return;
    byId("job-state").textContent = "Cancelling";
    await api.cancelJob(this.job).catch((error) => say(byId("job-error"), error.message));
    byId("fuse").hidden = false;
    byId("fuse").focus();
  }

  /** Shows a result as soon as it can be played. */
  async heard(id) {
    const result = await api.result(id);
    if (!this.visit.entries.some((entry) => entry.id === id)) this.visit.add(result);
    announce("The result can be played.");
    // A page that was loaded again may not play before a key or a click.
    const play = byId("play-when-ready").checked && (navigator.userActivation?.hasBeenActive ?? true);
    const shown = this.show(result, { play });
    byId("result").focus({ preventScroll: true });
    byId("result").scrollIntoView({ block: "start" });
    await shown;
  }

  /** Takes what was found out about a result, which may be on the page or not; one that is not there any more goes. */
  async judged(id) {
    let result;
    try {
      result = await api.result(id);
    } catch (error) {
      if (error.status === 404) return this.visit.drop(id);
      throw error;
    }
    this.visit.update(result);
    if (result.is_judged) announce(`Done. ${result.verdict_words}. ${(result.sentences || []).join(" ")}`);
    if (this.view.result?.id === id) await this.show(result);
  }

  /** Opens a fusion of this visit with its settings; one that the server no longer has is taken off the list. */
  async open(entry, { withSources = true } = {}) {
    const opening = (this.opening = {});
    say(byId("page-error"), "");
    try {
      const result = await api.result(entry.id);
      if (withSources) await this.takeUp(result);
      if (opening !== this.opening) return;
      this.controls.set(result.options);
      await this.show(result);
      if (opening === this.opening) this.view.put();
    } catch (error) {
      say(byId("page-error"), error.message);
      if (error.status === 404) this.visit.drop(entry.id);
    }
  }

  /** Puts the sources of a result back, with their regions, where the server still has them. */
  async takeUp(result) {
    const known = visit.get("known", {});
    for (const card of this.cards) {
      const id = sourceIdOf(result, card.role);
      const source = card.source?.id === id ? card.source : ((card.takesNotes && chordsOf(result.options)) || known[id]);
      if (!source || card.transfer || !(await this.isThere(source))) continue;
      const region = result.options[`${card.role}_region`] ?? [0, source.seconds];
      if (source.chords) card.show(source);
      else if (source === card.source) card.cut(...region, true);
      else card.show({ ...source, region });
    }
  }

  async show(result, { play = false } = {}) {
    byId("results").hidden = false;
    this.view ||= new ResultView(byId("result"), {
      about: this.about,
      onAgain: () => this.fuse(),
      onSwap: () => this.swap() && this.fuse(),
    });
    this.visit.mark(result.id);
    const shown = this.view.show(result, { play });
    this.changed();
    await shown;
  }

  empty() {
    this.view?.clear();
    byId("results").hidden = true;
    this.changed();
  }
}

/** The id of a result's source as the cards have it. */
function sourceIdOf(result, role) {
  return (role === "target" && chordsOf(result.options)?.id) || result[`${role}_source`];
}

/** A file dropped beside the cards would replace the page by the file. */
function refuseStrayDrops() {
  for (const name of ["dragover", "drop"]) document.addEventListener(name, (event) => event.preventDefault());
}
