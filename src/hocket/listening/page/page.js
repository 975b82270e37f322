"use strict";
// What the page plays and asks: {listening_test, questions: {name: statement}, trials: [{trial, sources, sounds}]}.
const test = JSON.parse(document.getElementById("test").textContent);
const SOURCES = { rhythm: ["Rhythm source", "R"], harmony: ["Harmony source", "H"] };
const LETTERS = "ABCDEFGIJKLMNOPQSTUVWXYZ"; // R and H are the sources' keys
const HEARD_SECONDS = 2, SWITCH_SECONDS = 0.01;
const STORE = `listening-test-${test.listening_test}`;
const $ = (id) => document.getElementById(id);

/* What the listener has done, which outlives a reload. `at` is the trial: -1 before the first, their number at the end. */
const fresh = () => ({ listener: newId(), name: "", comment: "", at: -1, heard: {}, ratings: {} });
let state = fresh();
try { state = { ...state, ...JSON.parse(localStorage.getItem(STORE) ?? "{}") }; } catch { /* kept in memory only */ }

function keep() {
  try { localStorage.setItem(STORE, JSON.stringify(state)); } catch { /* a browser that stores nothing */ }
}

function newId() {
  return [...crypto.getRandomValues(new Uint8Array(6))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/* An order that depends on the listener and on what is put in order, and on nothing else. */
function shuffled(list, salt) {
  let seed = [...`${state.listener}/${salt}`].reduce((hash, letter) => Math.imul(hash ^ letter.charCodeAt(0), 16777619), 2166136261);
  const random = () => { // mulberry32
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const order = [...list];
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}
const trialsInOrder = () => shuffled(test.trials, "trials");
const soundsInOrder = (trial) => shuffled(Object.keys(trial.sounds), trial.trial);

/* One clock: all sounds of a trial run together, and one of them is turned up. */
const player = {
  context: null, decoder: null, buffers: {}, duration: 0, voices: null, now: null, place: 0, begun: 0,
  async load(sounds) {
    this.pause();
    Object.assign(this, { buffers: {}, duration: 0, now: null, place: 0 });
    // Held here: what a context decodes may never arrive once nobody holds the context.
    this.decoder ??= new OfflineAudioContext(1, 1, 48000);
    const decoded = await Promise.all(Object.entries(sounds).map(async ([name, text]) =>
      [name, await this.decoder.decodeAudioData(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer)]));
    this.buffers = Object.fromEntries(decoded);
    this.duration = Math.min(...decoded.map(([, buffer]) => buffer.duration));
  },
  get playing() { return this.voices !== null; },
  get position() {
    // The sound starts a moment after it was asked for.
    return this.playing ? Math.max(this.place, this.context.currentTime - this.begun) % this.duration : this.place;
  },
  async play() {
    this.context ??= new AudioContext();
    await this.context.resume();
    if (this.playing || !this.duration) return;
    this.voices = {};
    const start = this.context.currentTime + 0.02;
    for (const [name, buffer] of Object.entries(this.buffers)) {
      const source = new AudioBufferSourceNode(this.context, { buffer, loop: true, loopEnd: this.duration });
      const gain = new GainNode(this.context, { gain: name === this.now ? 1 : 0 });
      source.connect(gain).connect(this.context.destination);
      source.start(start, this.place);
      this.voices[name] = { source, gain };
    }
    this.begun = start - this.place;
  },
  pause() {
    if (!this.playing) return;
    this.place = this.position;
    for (const { source } of Object.values(this.voices)) source.stop();
    this.voices = null;
  },
  hear(name) {
    this.now = name;
    for (const [other, { gain }] of Object.entries(this.voices ?? {}))
      gain.gain.setTargetAtTime(other === name ? 1 : 0, this.context.currentTime, SWITCH_SECONDS / 3);
  },
  async seek(place) {
    const wasPlaying = this.playing;
    this.pause();
    this.place = Math.min(place, this.duration - 0.01);
    if (wasPlaying) await this.play();
  },
};

let trial = null, order = [];
const heardOf = () => (state.heard[trial.trial] ??= {});
const ratingsOf = (name) => ((state.ratings[trial.trial] ??= {})[name] ??= {});
const letterOf = (name) => LETTERS[order.indexOf(name)];
const titleOf = (name) => SOURCES[name]?.[0] ?? letterOf(name);
const isHeard = (name) => (heardOf()[name] ?? 0) >= Math.min(HEARD_SECONDS, player.duration);

/* A part of the page from its tag, its properties and attributes, and what is in it. */
function make(tag, properties = {}, ...inside) {
  const { data = {}, aria = {}, ...plain } = properties;
  const element = Object.assign(document.createElement(tag), plain);
  Object.assign(element.dataset, data);
  for (const [name, value] of Object.entries(aria)) element.setAttribute(`aria-${name}`, value);
  element.append(...inside);
  return element;
}

function voiceButton(name) {
  const press = () => (player.now === name && player.playing ? player.pause() : choose(name));
  return make("button", { type: "button", className: "voice", textContent: titleOf(name), data: { name }, onclick: async () => { await press(); show(); } });
}

function card(name) {
  const letter = letterOf(name);
  const parts = Object.entries(test.questions).flatMap(([question, statement]) => {
    const id = `${letter}-${question}`;
    const slider = make("input", {
      id, type: "range", min: 0, max: 100, value: ratingsOf(name)[question] ?? 50, data: { name, question },
      aria: { label: `${letter}: ${statement}` },
    });
    // A click on the middle is an answer too, though it moves nothing.
    for (const event of ["input", "pointerup"]) slider.addEventListener(event, () => rate(slider));
    return [
      make("label", { htmlFor: id }, statement, make("output", { htmlFor: id })), slider,
      make("div", { className: "ends", aria: { hidden: "true" } }, make("span", {}, "disagree"), make("span", {}, "agree")),
    ];
  });
  return make("div", { className: "card", role: "group", aria: { label: `Attempt ${letter}` }, data: { name } }, voiceButton(name), ...parts);
}

function rate(slider) {
  ratingsOf(slider.dataset.name)[slider.dataset.question] = Number(slider.value);
  keep();
  show();
}

async function choose(name) {
  player.hear(name);
  await player.play();
  show();
}

async function openPage() {
  const page = state.at < 0 ? "welcome" : state.at < test.trials.length ? "trial" : "end";
  player.pause();
  say("");
  if (page === "trial") {
    trial = trialsInOrder()[state.at];
    order = soundsInOrder(trial);
    $("progress").textContent = document.title = `Trial ${state.at + 1} of ${test.trials.length}`;
    $("sources").replaceChildren(...Object.keys(SOURCES).map(voiceButton));
    $("cards").replaceChildren(...order.map(card));
    $("next").textContent = state.at + 1 < test.trials.length ? "Next" : "Finish";
    await player.load({ ...trial.sources, ...trial.sounds });
    player.hear("rhythm");
    $("position").max = player.duration;
    show();
  } else document.title = "Listening test";
  for (const section of document.querySelectorAll("section")) section.hidden = section.id !== page;
  $(page).querySelector("h1").focus();
  scrollTo(0, 0);
  document.documentElement.dataset.page = page;
  document.documentElement.dataset.ready = state.at;
}

/* Brings the page in line with what is played and answered. */
function show() {
  $("play").textContent = player.playing ? "Pause" : "Play";
  for (const button of document.querySelectorAll(".voice")) {
    const { name } = button.dataset, heard = isHeard(name);
    button.setAttribute("aria-pressed", name === player.now);
    button.setAttribute("aria-label", titleOf(name) + (heard ? ", heard" : ""));
    button.classList.toggle("heard", heard);
  }
  for (const one of document.querySelectorAll(".card")) one.classList.toggle("now", one.dataset.name === player.now);
  for (const slider of document.querySelectorAll("[data-question]")) {
    const value = ratingsOf(slider.dataset.name)[slider.dataset.question];
    slider.classList.toggle("open", value === undefined);
    slider.setAttribute("aria-valuetext", value ?? "not answered yet");
    slider.previousElementSibling.querySelector("output").textContent = value ?? "–";
  }
  $("next").setAttribute("aria-disabled", missing() !== "");
  if (!missing() && $("status").classList.contains("alarm")) say("");
}

/* What has to be done before the next trial, as a sentence. */
function missing() {
  const unheard = [...Object.keys(SOURCES), ...order].filter((name) => !isHeard(name)).map(titleOf);
  const unrated = order.filter((name) => Object.keys(test.questions).some((question) => !(question in ratingsOf(name))));
  const parts = [
    unheard.length ? `listen to ${unheard.join(", ")}` : "",
    unrated.length ? `answer all questions about ${unrated.map(titleOf).join(", ")}` : "",
  ].filter(Boolean);
  return parts.length ? `Before you go on: ${parts.join("; ")}.` : "";
}

function say(text, isAlarm = false) {
  $("status").textContent = text;
  $("status").classList.toggle("alarm", isAlarm);
}

function next() {
  const todo = missing();
  if (todo) return say(todo, true);
  state.at += 1;
  keep();
  openPage();
}

function save() {
  state.comment = $("comment").value.trim();
  keep();
  const answers = {
    listening_test: test.listening_test, listener: state.listener, name: state.name, comment: state.comment,
    saved: new Date().toISOString(),
    trials: trialsInOrder().map((one) => ({ trial: one.trial, order: soundsInOrder(one), ratings: state.ratings[one.trial] })),
  };
  const url = URL.createObjectURL(new Blob([JSON.stringify(answers, null, 2)], { type: "application/json" }));
  make("a", { href: url, download: `answers-${state.listener}.json` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
  $("again").hidden = false;
  say(`Saved as answers-${state.listener}.json, in your downloads folder.`);
}

function again() {
  state = fresh();
  keep();
  $("name").value = $("comment").value = "";
  $("again").hidden = true;
  openPage();
}

function nudge(event, slider) {
  const direction = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
  event.preventDefault();
  slider.focus();
  slider.value = Number(slider.value) + direction * (event.shiftKey ? 1 : 5);
  rate(slider);
}

document.addEventListener("keydown", (event) => {
  const { target, key } = event, page = document.documentElement.dataset.page;
  if (event.ctrlKey || event.altKey || event.metaKey || target.tagName === "TEXTAREA") return;
  if (key === "Enter" && !["BUTTON", "SUMMARY"].includes(target.tagName)) {
    event.preventDefault();
    return void (event.repeat || $(page).querySelector(".main").click());
  }
  if (page !== "trial" || (target.id === "position" && key.startsWith("Arrow"))) return;
  const question = target.dataset.question ?? Object.keys(test.questions)[0];
  const sliderOf = (name) => [...document.querySelectorAll(`[data-question=${question}]`)].find((slider) => slider.dataset.name === name);
  if (key === " " && target.tagName !== "BUTTON") {
    event.preventDefault();
    return $("play").click();
  }
  if (key.startsWith("Arrow") && sliderOf(player.now)) return nudge(event, target.dataset.question ? target : sliderOf(player.now));
  const source = Object.keys(SOURCES).find((name) => SOURCES[name][1] === key.toUpperCase());
  const name = source ?? order[/^[1-9]$/.test(key) ? key - 1 : key.length === 1 ? LETTERS.indexOf(key.toUpperCase()) : -1];
  if (!name) return;
  choose(name);
  (sliderOf(name) ?? document.querySelector(`.voice[data-name="${name}"]`)).focus();
});

$("start").onclick = () => { state.name = $("name").value.trim(); state.at = 0; keep(); openPage(); };
$("play").onclick = async () => { await (player.playing ? player.pause() : player.play()); show(); };
$("position").oninput = () => player.seek(Number($("position").value));
$("next").onclick = next;
$("save").onclick = save;
$("again").onclick = again;
$("name").value = state.name;
$("comment").value = state.comment;
$("comment").oninput = () => { state.comment = $("comment").value; keep(); };
$("length").textContent = `${test.trials.length} ${test.trials.length === 1 ? "trial" : "trials"}, a few minutes each.`;

let last = performance.now();
setInterval(() => {
  const passed = (performance.now() - last) / 1000;
  last = performance.now();
  if (!trial || !player.duration) return;
  const position = player.position, clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
  $("position").value = position;
  $("position").setAttribute("aria-valuetext", `${position.toFixed(0)} seconds`);
  $("time").textContent = `${clock(position)} / ${clock(player.duration)}`;
  if (!player.playing) return;
  const before = isHeard(player.now);
  heardOf()[player.now] = (heardOf()[player.now] ?? 0) + Math.min(passed, 0.5);
  if (isHeard(player.now) && !before) { keep(); show(); }
}, 100);
openPage();
