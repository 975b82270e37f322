/** Play, position, and which of the three voices is heard: one set of controls for fusions and for training examples. */

import { clock, el } from "./dom.js";
import { Player } from "./player.js";
import { peaksOf, Stage } from "./stage.js";

const VOICES = { input: ["Rhythm source", "1"], target: ["Harmony source", "2"], output: ["Result", "3"] };
const playing = new Set();
let inFront = null;

/** Pauses everything that sounds; `but` may go on. */
export function pauseAll(but = null) {
  for (const transport of playing) if (transport !== but) transport.player.pause();
}

/** Anything else on the page that sounds hears of it when a transport starts. */
export const beforePlaying = { pauseSources: () => {} };

export class Transport {
  /**
   * Builds the controls and the stage into `place`, and `between` them what else belongs to the sound; `name` tells
   * several on one page apart, `onTick()` hears every frame while it plays and `onError(error)` why it stopped.
   */
  constructor(place, { name, between = null, onTick = () => {}, onError }) {
    this.onTick = onTick;
    this.player = new Player({
      voice: "output",
      onState: () => this.refresh(),
      onPlay: () => {
        pauseAll(this);
        beforePlaying.pauseSources();
        inFront = this;
      },
      onError,
    });
    place.append((this.controls = this.build(name)), ...[between].filter(Boolean));
    this.stage = new Stage(place, { onSeek: (seconds) => this.player.seek(seconds), onSection: (section) => this.player.setSection(section) });
    playing.add(this);
    this.refresh();
  }

  build(name) {
    this.button = el("button", { type: "button", class: "play big", disabled: true, onclick: () => this.player.toggle() });
    this.radios = Object.entries(VOICES).map(([voice, [title, key]]) => {
      const radio = el("input", { type: "radio", name, value: voice, onchange: () => this.player.listen(voice) });
      return [voice, radio, el("label", { class: `voice ${voice}` }, radio, el("span", {}, title, el("kbd", { "aria-hidden": "true" }, key)))];
    });
    const seek = () => this.player.seek(Number(this.range.value));
    this.range = el("input", { type: "range", class: "seek", min: 0, max: 1, step: 0.01, value: 0, "aria-label": "Position", oninput: seek });
    this.time = el("span", { class: "time" }, "0:00.0");
    this.loop = el("input", { type: "checkbox", onchange: () => this.player.setLoop(this.loop.checked) });
    this.even = el("input", { type: "checkbox", onchange: () => this.player.setEven(this.even.checked) });
    return el(
      "div",
      { class: "transport" },
      this.button,
      el("div", { class: "voices", role: "radiogroup", "aria-label": "Listen to" }, ...this.radios.map(([, , label]) => label)),
      el("div", { class: "ticks" }, el("label", {}, this.loop, "Loop"), el("label", { title: "Louder sounds seem better: play all three equally loud." }, this.even, "Equal loudness")),
      el("div", { class: "position" }, this.range, this.time),
    );
  }

  /**
   * Takes one fusion (name -> URL, and its facts); what plays goes on in it at the same place. Length and peaks that
   * are not known come from the decoded voices. Gives whether it was taken, see `Player.load`.
   */
  async load(urls, facts) {
    inFront = this;
    const picture = this.stage.show(facts);
    if (facts.seconds) this.range.max = facts.seconds;
    const { player } = this;
    if (!(await player.load(urls, facts))) return false;
    this.range.max = player.duration;
    if (!facts.peaks && player.buffers) this.stage.measure(player.duration, peaksOf(player.buffers));
    if (facts.play) player.play();
    this.refresh();
    await picture;
    return true;
  }

  refresh() {
    const { player } = this;
    this.button.disabled = !player.ready;
    this.button.classList.toggle("on", player.playing);
    this.button.setAttribute("aria-label", player.playing ? "Pause" : "Play");
    for (const [voice, radio] of this.radios) {
      radio.checked = voice === player.voice;
      radio.disabled = player.ready && !player.has(voice);
    }
    this.loop.checked = player.loop;
    this.even.checked = player.isEven;
    this.stage?.hear(player.voice);
    this.stage?.mark(player.section);
    this.tick();
  }

  /** Moves cursor and clock, every frame while it plays. */
  tick() {
    const place = this.player.position();
    cancelAnimationFrame(this.frame);
    this.stage?.moveTo(place, { follow: this.player.playing });
    this.onTick();
    this.time.textContent = `${clock(place)} / ${clock(this.player.duration || Number(this.range.max))}`;
    if (document.activeElement !== this.range || this.player.playing) this.range.value = place;
    this.range.setAttribute("aria-valuetext", `${place.toFixed(1)} seconds`);
    if (this.player.playing) this.frame = requestAnimationFrame(() => this.tick());
  }
}

/** Sets an end of the looped section to where it is. */
function cut(player, end) {
  const [start, stop] = player.section ?? [0, player.duration];
  const place = player.position();
  player.setSection(end ? [Math.min(start, Math.max(0, place - 0.1)), place] : [place, stop > place ? stop : player.duration]);
}

const KEYS = {
  " ": ({ player }) => player.toggle(),
  1: ({ player }) => player.listen("input"),
  2: ({ player }) => player.listen("target"),
  3: ({ player }) => player.listen("output"),
  ArrowLeft: ({ player }, far) => player.seek(player.position() - (far ? 5 : 1)),
  ArrowRight: ({ player }, far) => player.seek(player.position() + (far ? 5 : 1)),
  Home: ({ player }) => player.seek(0),
  l: ({ player }) => player.setLoop(!player.loop),
  "[": ({ player }) => cut(player, false),
  "]": ({ player }) => cut(player, true),
  Escape: ({ player }) => player.section && player.setSection(null),
  "+": ({ stage }) => stage.zoom(0.5),
  "=": ({ stage }) => stage.zoom(0.5),
  "-": ({ stage }) => stage.zoom(2),
};

/** Whether a key belongs to what has the focus, and not to the transport. */
function taken(target, key) {
  if (target.closest("input:not([type=radio], [type=checkbox], [type=range]), select, textarea, [contenteditable], [role=tab]")) return true;
  if (key === " ") return Boolean(target.closest("button, summary, label, a, [type=checkbox]"));
  if (target.closest("[type=range], [type=radio]")) return key.startsWith("Arrow") || key === "Home";
  return false;
}

/** The keys of the whole page: they go to the transport that was used last and can be seen. */
export function listenToKeys() {
  document.addEventListener("keydown", (event) => {
    const act = KEYS[event.key] ?? KEYS[event.key.toLowerCase()];
    // Brackets are typed with AltGr on many keyboards.
    const isOther = (event.ctrlKey || event.metaKey || event.altKey) && !event.getModifierState("AltGraph");
    if (!act || !inFront?.player.ready || isOther) return;
    if (!inFront.controls.offsetParent || taken(event.target, event.key)) return;
    event.preventDefault();
    act(inFront, event.shiftKey);
  });
}

/** The transport that was used last, for the browser's console and for tests. */
export const current = () => inFront;
