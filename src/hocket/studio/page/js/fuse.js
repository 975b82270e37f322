/** The first tab: two sources, the controls, one job at a time, the result, and what was made before. */

import * as api from "./api.js";
import { Controls } from "./controls.js";
import { announce, byId, say, visit } from "./dom.js";
import { exampleFiles } from "./examples.js";
import { Visit } from "./history.js";
import { ResultView } from "./result.js";
import { SourceCard } from "./source.js";
import { beforePlaying, pauseAll } from "./transport.js";

const POLL_MILLISECONDS = 400;
const STEPS = { "loading the model": "Loading the model", judging: "Listening to the result", drawing: "Drawing" };
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export class FuseTab {
  constructor(about) {
    this.controls = new Controls(byId("controls"), about);
    this.cards = [...document.querySelectorAll(".source")].map(
      (section) => new SourceCard(section, { about, onChange: () => this.changed(), onPlay: (card) => this.quiet(card) }),
    );
    this.visit = new Visit(byId("history"), { onOpen: (entry) => this.open(entry), onEmpty: () => this.empty() });
    this.job = null;
    beforePlaying.pauseSources = () => this.cards.forEach((card) => card.pause());
    byId("swap").addEventListener("click", () => this.swap());
    byId("reset").addEventListener("click", () => this.controls.reset());
    byId("fuse").addEventListener("click", () => this.fuse());
    byId("cancel").addEventListener("click", () => this.cancel());
    byId("use-examples").addEventListener("click", () => this.useExamples());
    refuseStrayDrops();
    this.changed();
  }

  /** Takes up what a reload interrupted: sources, the job, the last result. */
  async restore() {
    const kept = visit.get("sources", {});
    for (const card of this.cards) {
      const source = kept[card.role];
      if (source && !card.source && (await api.holdsSource(source.id))) card.show(source);
    }
    const [latest] = this.visit.entries;
    if (latest) await this.open(latest);
    const id = visit.get("job", null);
    if (id) this.follow(id);
  }

  quiet(but) {
    pauseAll();
    for (const card of this.cards) if (card !== but) card.pause();
  }

  /** What hangs on the two sources: buttons, hint, and what this visit remembers. */
  changed() {
    if (!this.cards) return; // While the cards are being made.
    const [input, target] = this.cards.map((card) => card.source);
    const missing = [!input && "an input", !target && "a target"].filter(Boolean);
    byId("fuse").disabled = missing.length > 0 || this.job !== null;
    byId("swap").disabled = !input && !target;
    byId("welcome").hidden = Boolean(input || target || this.visit?.entries.length);
    say(byId("fuse-hint"), missing.length ? `Choose ${missing.join(" and ")} first.` : "");
    clearTimeout(this.keeping);
    this.keeping = setTimeout(() => visit.set("sources", { input, target }), 300);
  }

  swap() {
    const [input, target] = this.cards;
    const [first, second] = [input.source, target.source];
    input.show(second);
    target.show(first);
    announce("Input and target are swapped.");
  }

  async useExamples() {
    const files = exampleFiles();
    await Promise.all(this.cards.map((card) => card.send(files[card.role])));
    byId("fuse").focus();
  }

  async fuse() {
    const [input, target] = this.cards;
    say(byId("job-error"), "");
    byId("fuse").disabled = true;
    try {
      const job = await api.startJob({
        input: input.source.id,
        target: target.source.id,
        input_region: input.region(),
        target_region: target.region(),
        ...this.controls.values(),
      });
      await this.follow(job.id);
    } catch (error) {
      this.ended(error.message);
    }
  }

  /** Watches a job to its end. */
  async follow(id) {
    this.job = id;
    visit.set("job", id);
    byId("job").hidden = false;
    byId("fuse").hidden = true;
    this.showJob({ state: "queued", position: 0, progress: 0 });
    try {
      let job = await api.job(id);
      while (job.state === "queued" || job.state === "running") {
        this.showJob(job);
        await pause(POLL_MILLISECONDS);
        job = await api.job(id);
      }
      if (job.state === "done") await this.done(job.result);
      this.ended(job.state === "failed" ? job.message : "");
      if (job.state === "cancelled") announce("Cancelled.");
    } catch (error) {
      this.ended(error.message);
    }
  }

  showJob({ state, position, progress, step }) {
    const bar = byId("job-progress");
    if (state === "running" && progress > 0) bar.value = progress;
    else bar.removeAttribute("value");
    const percent = Math.round(100 * progress);
    const queued = position > 0 ? `In the queue: place ${position}` : "About to begin";
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

  async done(id) {
    const result = await api.result(id);
    this.visit.add(result);
    announce(`Done. ${result.verdict_words}. ${(result.sentences || []).join(" ")}`);
    await this.show(result);
    byId("result").focus({ preventScroll: true });
    byId("result").scrollIntoView({ block: "start" });
  }

  /** Opens a fusion of this visit; one that the server no longer has is taken off the list. */
  async open(entry) {
    say(byId("page-error"), "");
    try {
      await this.show(await api.result(entry.id));
    } catch (error) {
      if (error.name === "AbortError") return;
      say(byId("page-error"), error.message);
      if (error.status === 404) this.visit.drop(entry.id);
    }
  }

  async show(result) {
    byId("results").hidden = false;
    this.view ||= new ResultView(byId("result"));
    this.visit.mark(result.id);
    this.changed();
    await this.view.show(result);
  }

  empty() {
    this.view?.clear();
    byId("results").hidden = true;
    this.changed();
  }
}

/** A file dropped beside the cards would replace the page by the file. */
function refuseStrayDrops() {
  for (const name of ["dragover", "drop"]) document.addEventListener(name, (event) => event.preventDefault());
}
