/* The page of the report; `make` and `Curves` come from curves.js, which is put before this. */

/** Seconds in which one sound gives way to another. */
const RAMP_SECONDS = 0.008;
/** Width in pixels of a chart on paper: two side by side on A4. */
const PRINTED_WIDTH = 330;

/** Plays the examples: all sounds of one run on one clock, and only their loudness is switched. */
class Player {
  constructor(box) {
    this.box = box;
    this.examples = [...box.querySelectorAll(".example")];
    this.key = null;
    this.offset = 0;
    this.nodes = null;
    this.build();
    this.open(this.examples[0]);
    this.tick();
  }

  build() {
    this.tabs = group("Example", this.examples.map((example) => button(example.dataset.title, () => this.open(example))));
    this.tabs.hidden = this.examples.length < 2;
    this.voices = group("What to hear", []);
    this.play = button("▶ Play", () => (this.nodes ? this.pause() : this.start()));
    this.play.className = "play";
    this.seek = make("input", { type: "range", className: "seek", min: 0, step: 0.01, value: 0 });
    this.seek.setAttribute("aria-label", "Position in seconds");
    this.seek.addEventListener("input", () => this.goTo(Number(this.seek.value)));
    this.time = make("span", { className: "time" });
    this.box.prepend(this.tabs);
    this.box.append(this.voices, make("div", { className: "transport" }, this.play, this.seek, this.time));
    this.box.classList.add("ready");
    this.box.addEventListener("keydown", (event) => {
      const sound = this.sounds[Number(event.key) - 1];
      if (sound && !event.ctrlKey && !event.metaKey && !event.altKey) this.hear(sound.dataset.key);
    });
  }

  /** Goes to an example; what plays goes on with it from its beginning. */
  open(example) {
    const wasPlaying = this.nodes !== null;
    this.pause();
    this.example = example;
    this.sounds = [...example.querySelectorAll("audio")];
    this.seconds = Number(example.dataset.seconds);
    this.seek.max = this.seconds;
    this.offset = 0;
    this.buffers = null;
    this.examples.forEach((other, index) => {
      other.hidden = other !== example;
      press(this.tabs.children[index], other === example);
    });
    this.voices.replaceChildren(...this.sounds.map(({ dataset }) => {
      const voice = button(dataset.label, () => this.hear(dataset.key));
      voice.dataset.key = dataset.key;
      if (dataset.words) voice.append(make("small", { textContent: ` ${dataset.words}` }));
      return voice;
    }));
    const isHere = this.sounds.some(({ dataset }) => dataset.key === this.key);
    this.hear(isHere ? this.key : this.sounds[2].dataset.key);
    if (wasPlaying) this.start();
  }

  get position() {
    if (!this.nodes) return this.offset;
    return Math.max(0, context.currentTime - this.began + this.offset) % this.seconds;
  }

  /** Switches to the sound of this key, in place. */
  hear(key) {
    this.key = key;
    this.box.dataset.key = key;
    for (const voice of this.voices.children) press(voice, voice.dataset.key === key);
    for (const { sound, gain } of this.nodes ?? []) {
      gain.gain.setTargetAtTime(Number(sound.dataset.key === key), context.currentTime, RAMP_SECONDS / 3);
    }
  }

  async start() {
    const { example } = this;
    try {
      context ??= new AudioContext();
      await context.resume();
      this.buffers ??= await Promise.all(this.sounds.map(decode));
    } catch {
      /* Without Web Audio the plain players do the same one by one. */
      this.box.classList.remove("ready");
      return;
    }
    if (this.nodes || example !== this.example) return;
    this.seconds = Math.min(this.seconds, ...this.buffers.map((buffer) => buffer.duration));
    if (this.offset >= this.seconds - 0.02) this.offset = 0;
    this.began = context.currentTime + 0.02;
    this.nodes = this.sounds.map((sound, index) => {
      const source = new AudioBufferSourceNode(context, { buffer: this.buffers[index], loop: true, loopStart: 0, loopEnd: this.seconds });
      const gain = new GainNode(context, { gain: Number(sound.dataset.key === this.key) });
      source.connect(gain).connect(context.destination);
      source.start(this.began, this.offset);
      return { sound, source, gain };
    });
    this.play.textContent = "❚❚ Pause";
  }

  pause() {
    if (!this.nodes) return;
    this.offset = this.position;
    for (const { source } of this.nodes) source.stop();
    this.nodes = null;
    this.play.textContent = "▶ Play";
  }

  goTo(seconds) {
    const wasPlaying = this.nodes !== null;
    this.pause();
    this.offset = Math.min(Math.max(seconds, 0), this.seconds);
    if (wasPlaying) this.start();
  }

  tick() {
    const { position } = this;
    this.box.dataset.position = position.toFixed(3);
    if (document.activeElement !== this.seek || this.nodes) this.seek.value = position;
    this.time.textContent = `${position.toFixed(1)} / ${this.seconds.toFixed(1)} s`;
    requestAnimationFrame(() => this.tick());
  }
}

let context = null;

const decode = (element) => {
  const text = atob(element.getAttribute("src").split(",")[1]);
  return context.decodeAudioData(Uint8Array.from(text, (sign) => sign.charCodeAt(0)).buffer);
};

const button = (text, press) => {
  const element = make("button", { type: "button", textContent: text });
  element.addEventListener("click", press);
  return element;
};

const press = (element, isPressed) => element.setAttribute("aria-pressed", String(isPressed));

const group = (name, buttons) => {
  const element = make("div", { className: "choice" }, ...buttons);
  element.setAttribute("role", "group");
  element.setAttribute("aria-label", name);
  return element;
};

const [place, rest] = document.querySelectorAll(".curves");
const { groups: [first, ...others], ...shared } = JSON.parse(place.dataset.curves);
const charts = [[place, first ? [first] : [], true], [rest, others, false]].map(([where, groups, isPlain]) => {
  const curves = new Curves(where, { isPlain });
  curves.show({ ...shared, groups });
  return curves;
});
const root = document.documentElement;
addEventListener("beforeprint", () => {
  root.classList.add("print");
  charts.forEach((curves) => curves.fit(PRINTED_WIDTH));
});
addEventListener("afterprint", () => {
  root.classList.remove("print");
  charts.forEach((curves) => curves.fit());
});
/* For tests, or a curious person at the console. */
window.hocketReport = charts;
const box = document.querySelector(".player");
if (box && window.AudioContext) window.hocketPlayer = new Player(box);
