/** The second tab: the runs of a folder, and one of them followed while it trains. */

import * as api from "./api.js";
import { announce, el, say } from "./dom.js";
import { verdictOf } from "./result.js";
import { Transport } from "./transport.js";
import { Curves } from "../plots/curves.js";

const POLL_MILLISECONDS = 3000;
const STATES = { training: "training", ended: "ended", stopped: "stopped" };
const MILESTONES = { reached: ["✓", "good"], missed: ["✗", "bad"] };

export class TrainingTab {
  constructor(panel, about) {
    this.panel = panel;
    this.shown = false;
    this.seen = {};
    if (about.has_runs) this.build();
    else panel.append(howTo());
    this.hasRuns = about.has_runs;
    document.addEventListener("visibilitychange", () => this.poll());
  }

  build() {
    this.list = el("ul", { class: "runs" });
    this.error = el("p", { class: "error", role: "alert", hidden: true });
    this.empty = el("p", { class: "hint", hidden: true }, "No run in this folder yet. It appears here as soon as one has begun.");
    this.title = el("h2", { id: "run-title" });
    this.state = el("p", { class: "hint" });
    this.progress = el("progress", { max: 1, "aria-label": "Steps done" });
    this.verdict = el("div", { class: "verdict-box" });
    this.advice = el("div", { class: "advice" });
    this.checks = el("div", { class: "checks" });
    this.curves = el("div", { class: "curves" });
    this.plots = plotting().then(() => new Curves(this.curves));
    this.examples = new Examples();
    this.facts = el("dl", { class: "facts" });
    this.detail = el(
      "div",
      { class: "run-detail", hidden: true },
      el("section", { class: "card", "aria-labelledby": "run-title" }, this.title, this.state, this.progress, this.verdict, this.advice),
      this.examples.section,
      el("section", { class: "card" }, el("h2", {}, "Progress"), this.checks),
      el("section", { class: "card", "aria-labelledby": "curves-title" }, el("h2", { id: "curves-title" }, "Curves"), this.curves),
      el("details", { class: "card" }, el("summary", {}, "About this run"), this.facts),
    );
    this.panel.append(
      this.error,
      el("div", { class: "training" }, el("nav", { class: "card runs-card", "aria-label": "Runs" }, el("h2", {}, "Runs"), this.empty, this.list), this.detail),
    );
  }

  /** Begins or ends following, as the tab comes and goes. */
  show(shown) {
    this.shown = shown;
    this.poll();
  }

  /** Looks once now and again every three seconds, only while somebody can see it. */
  async poll() {
    clearTimeout(this.timer);
    if (!this.shown || !this.hasRuns || document.hidden) return;
    const round = (this.round = (this.round || 0) + 1);
    try {
      await this.refresh();
      say(this.error, "");
    } catch (error) {
      say(this.error, error.message);
    }
    // A newer poll has its own timer.
    if (round === this.round) this.timer = setTimeout(() => this.poll(), POLL_MILLISECONDS);
  }

  async refresh() {
    const runs = await api.runs();
    this.empty.hidden = runs.length > 0;
    if (!runs.some((run) => run.id === this.open)) this.open = (runs.find((run) => run.state === "training") || runs[0])?.id;
    this.when("runs", [runs, this.open], () => this.drawList(runs));
    this.detail.hidden = !this.open;
    if (!this.open) return;
    const { open } = this;
    const run = await api.run(open);
    if (open !== this.open) return;
    this.draw(run);
    const news = [open, run.step, run.state];
    if (JSON.stringify(news) === this.drawnCurves) return;
    const [plots, curves] = await Promise.all([this.plots, api.curves(open)]);
    if (open !== this.open) return;
    plots.show(curves);
    this.drawnCurves = JSON.stringify(news);
  }

  /** Draws a part only where what it shows has changed: a reader's place, focus and sound stay. */
  when(part, value, draw) {
    const now = JSON.stringify(value);
    if (this.seen[part] === now) return;
    this.seen[part] = now;
    draw();
  }

  drawList(runs) {
    const focused = this.list.contains(document.activeElement) && document.activeElement.dataset.run;
    this.list.replaceChildren(...runs.map((run) => this.runItem(run)));
    if (focused) this.list.querySelector(`[data-run="${CSS.escape(focused)}"]`)?.focus();
  }

  runItem(run) {
    const choose = () => {
      this.open = run.id;
      this.drawnCurves = null;
      this.poll();
    };
    const share = run.num_steps ? `step ${run.step} of ${run.num_steps}` : `step ${run.step}`;
    return el(
      "li",
      {},
      el(
        "button",
        { type: "button", class: "open", "aria-current": run.id === this.open ? "true" : null, dataset: { run: run.id }, onclick: choose },
        el("b", {}, run.name),
        el("span", { class: "hint" }, el("i", { class: `dot ${run.state}` }), `${STATES[run.state] || run.state} · ${share}`),
        run.verdict_words ? el("span", { class: "entry-verdict" }, run.verdict_words) : null,
      ),
    );
  }

  draw(run) {
    this.when("head", [run.name, run.state, run.state_words, run.step, run.num_steps], () => {
      this.title.textContent = run.name;
      this.state.textContent = run.state_words || `${run.state}, step ${run.step} of ${run.num_steps}`;
      this.progress.value = run.num_steps ? run.step / run.num_steps : 0;
    });
    this.when("verdict", [run.name, run.verdict_words, run.is_alarm, run.level, run.sentences], () => {
      if (run.verdict_words) {
        this.verdict.replaceChildren(...verdictOf(run));
        announce(`${run.name}: ${run.verdict_words}`);
      } else this.verdict.replaceChildren(el("p", { class: "hint" }, "No validation yet: the first one comes at the end of an epoch."));
    });
    this.when("advice", [run.advice, run.remedies], () => this.advice.replaceChildren(...adviceOf(run)));
    this.when("checks", [run.milestones, run.checklist], () => this.checks.replaceChildren(...checksOf(run)));
    this.when("facts", run.facts, () => this.facts.replaceChildren(...factsOf(run.facts || [])));
    this.examples.follow(this.open, run.examples || []);
  }
}

/** The validation examples of a run: a pair, a step, three voices. What plays is not touched by news. */
class Examples {
  constructor() {
    this.pair = el("select", { id: "example-pair", onchange: () => this.choose() });
    this.step = el("select", { id: "example-step", onchange: () => this.choose() });
    this.newest = el("input", { type: "checkbox", checked: true, onchange: () => this.follow(this.run, this.examples) });
    this.words = el("p", { class: "hint" });
    this.error = el("p", { class: "error", hidden: true });
    const player = el("div", { class: "player" });
    this.section = el(
      "section",
      { class: "card", "aria-labelledby": "examples-title", hidden: true },
      el("h2", { id: "examples-title" }, "Listen"),
      el(
        "div",
        { class: "pickers" },
        el("label", {}, "Pair ", this.pair),
        el("label", {}, "Output at ", this.step),
        el("label", {}, this.newest, "always the newest"),
      ),
      this.words,
      this.error,
      player,
    );
    this.transport = new Transport(player, { name: "example-voice", onError: (error) => say(this.error, error.message) });
  }

  /** Takes what a run has by now. */
  follow(run, examples) {
    const other = run !== this.run;
    this.run = run;
    this.examples = examples.filter((example) => example.steps.length);
    this.section.hidden = !this.examples.length;
    if (!this.examples.length) {
      this.transport.player.pause();
      this.loaded = null;
      return;
    }
    if (other) this.newest.checked = true;
    fill(this.pair, this.examples.map((example) => [example.pair, `${example.input_name} × ${example.target_name}`]));
    this.choose({ byHand: false });
  }

  choose({ byHand = true } = {}) {
    const example = this.examples.find((item) => item.pair === this.pair.value) || this.examples[0];
    const steps = example.steps.map((item) => [String(item.step), `step ${item.step}, epoch ${item.epoch}: ${item.verdict_words || "no verdict"}`]);
    if (byHand && document.activeElement === this.step) this.newest.checked = false;
    fill(this.step, steps);
    if (this.newest.checked && !this.transport.player.playing) this.step.value = steps.at(-1)[0];
    const wanted = JSON.stringify([this.run, example.pair, this.step.value]);
    if (wanted !== this.loaded) this.load(example, this.step.value, wanted);
  }

  async load(example, step, wanted) {
    this.loaded = wanted;
    this.words.textContent = `Input: ${example.input_name}. Target: ${example.target_name}. Output: as the run made it at step ${step}.`;
    say(this.error, "");
    const audio = (which) => api.exampleAudio(this.run, example.pair, which);
    try {
      await this.transport.load(
        { input: audio("input"), target: audio("target"), output: audio(step) },
        {
          sampleRate: example.sample_rate || 24000,
          picture: example.spectrogram === null ? null : api.examplePicture(this.run, example.pair, step),
          spectrum: example.spectrogram,
          words: `The output's spectrogram at step ${step}: blue is ${example.input_name}, orange is ${example.target_name}.`,
        },
      );
    } catch (error) {
      if (this.loaded === wanted) {
        say(this.error, error.message);
        this.loaded = null; // Steps are thinned while a run goes on: the next news offers others.
      }
    }
  }
}

/** Brings in uPlot, which only this tab needs. */
function plotting() {
  for (const name of ["uPlot.min.css", "curves.css"]) document.head.append(el("link", { rel: "stylesheet", href: `static/plots/${name}` }));
  return new Promise((resolve, reject) => {
    const lost = () => reject(new Error("The curves cannot be drawn: a part of the page did not load. Reload it."));
    document.head.append(el("script", { src: "static/plots/uPlot.iife.min.js", onload: resolve, onerror: lost }));
  });
}

/** Gives a select these options where they differ, and keeps what is chosen. */
function fill(select, options) {
  const now = JSON.stringify(options);
  if (select.dataset.options === now) return;
  const chosen = select.value;
  select.dataset.options = now;
  select.replaceChildren(...options.map(([value, text]) => el("option", { value }, text)));
  if (options.some(([value]) => value === chosen)) select.value = chosen;
}

function adviceOf({ advice, remedies = [] }) {
  const items = advice || remedies.map((text) => ({ text }));
  if (!items.length) return [];
  return [
    el("h3", {}, "What to do"),
    ...items.flatMap(({ text, command }) => [el("p", {}, text), command ? el("pre", { tabindex: "0" }, el("code", {}, command)) : null]).filter(Boolean),
  ];
}

function checksOf({ milestones = [], checklist = [] }) {
  const milestone = ({ wish, due_epoch: due, state, found }) => {
    const [sign, tone] = MILESTONES[state] || ["·", "open"];
    return [sign, tone, wish, `by epoch ${due}${found ? `: ${found}` : ""}`, state];
  };
  const check = ({ name, found, met }) => [met ? "✓" : "✗", met ? "good" : "bad", name, found, met ? "met" : "not met"];
  const list = (title, rows) => el("div", {}, el("h3", {}, title), el("ul", { class: "checklist" }, ...rows.map(row)));
  return [
    milestones.length ? list("Milestones", milestones.map(milestone)) : null,
    checklist.length ? list("Success checklist", checklist.map(check)) : null,
  ].filter(Boolean);
}

function row([sign, tone, name, found, spoken]) {
  return el(
    "li",
    {},
    el("span", { class: `sign ${tone}`, "aria-hidden": "true" }, sign),
    el("span", {}, name, el("span", { class: "unseen" }, `, ${spoken}`), el("span", { class: "hint found" }, found)),
  );
}

function factsOf(facts) {
  return facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, String(value))));
}

function howTo() {
  return el(
    "section",
    { class: "card empty" },
    el("h2", {}, "Follow a training run here"),
    el("p", {}, "This studio was started without a folder of runs. Start it again with the folder that contains your runs:"),
    el("pre", { tabindex: "0" }, el("code", {}, "hocket studio --runs runs")),
    el("p", {}, "Start a training there, and the studio follows it live:"),
    el("pre", { tabindex: "0" }, el("code", {}, "hocket train MUSIC --run runs/first")),
    el("p", { class: "hint" }, "Without the studio, ", el("code", {}, "hocket report runs/first"), " writes the same information to one HTML file."),
  );
}
