
/* The page of the report; `make` and `Curves` come from curves.js, which is put before this. */

/* Players: all sounds of a pair run on one clock, and only their loudness is switched. */
const RAMP_SECONDS = 0.008;
const players = [];
let context = null;

const decode = (element) => {
  const text = atob(element.getAttribute("src").split(",")[1]);
  const bytes = Uint8Array.from(text, (sign) => sign.charCodeAt(0));
  return context.decodeAudioData(bytes.buffer);
};

class Player {
  constructor(box) {
    this.box = box;
    this.sounds = [...box.querySelectorAll("audio")];
    this.seconds = Number(box.dataset.seconds);
    this.outputs = this.sounds.filter((sound) => sound.dataset.role === "output");
    this.output = this.outputs.find((sound) => sound.dataset.shown) ?? this.outputs.at(-1);
    this.role = "output";
    this.offset = 0;
    this.nodes = null;
    this.buffers = null;
    this.lanes = box.parentElement.querySelector(".lanes");
    this.build();
    this.tick();
  }

  build() {
    this.play = make("button", { type: "button", className: "play", textContent: "▶ Play" });
    this.play.addEventListener("click", () => (this.nodes ? this.pause() : this.start()));
    const roles = make("div", { className: "roles" });
    roles.setAttribute("role", "group");
    roles.setAttribute("aria-label", "What to hear");
    this.buttons = ["input", "output", "target"].map((role) => {
      const button = make("button", { type: "button", textContent: role[0].toUpperCase() + role.slice(1) });
      button.dataset.role = role;
      button.addEventListener("click", () => this.hear(role));
      roles.append(button);
      return button;
    });
    this.seek = make("input", { type: "range", className: "seek", min: 0, max: this.seconds, step: 0.01, value: 0 });
    this.seek.setAttribute("aria-label", "Position in seconds");
    this.seek.addEventListener("input", () => this.goTo(Number(this.seek.value)));
    this.time = make("span", { className: "time" });
    this.repeat = make("input", { type: "checkbox", checked: true });
    this.repeat.addEventListener("change", () => this.goTo(this.position));
    const row = make("div", { className: "transport" }, this.play, roles, this.seek, this.time,
      make("label", {}, this.repeat, "repeat"));
    if (this.outputs.length > 1) {
      this.choice = make("select");
      this.choice.setAttribute("aria-label", "Which output");
      this.outputs.forEach((sound, index) => this.choice.append(make("option", {
        value: index, textContent: sound.dataset.label, selected: sound === this.output })));
      this.choice.addEventListener("change", () => {
        this.output = this.outputs[Number(this.choice.value)];
        this.hear("output");
      });
      row.append(this.choice);
    }
    this.box.append(row);
    this.box.classList.add("ready");
    this.box.addEventListener("keydown", (event) => {
      const role = { 1: "input", 2: "output", 3: "target" }[event.key];
      if (role && event.target !== this.choice) this.hear(role);
    });
    if (this.lanes) {
      this.cursor = make("div", { className: "cursor", hidden: true });
      this.lanes.append(this.cursor);
      this.lanes.addEventListener("click", (event) => {
        const lane = event.target.closest("svg.lane");
        if (!lane) return;
        const frame = lane.getBoundingClientRect();
        this.goTo(Math.min(1, Math.max(0, (event.clientX - frame.left) / frame.width)) * this.seconds);
      });
    }
    this.hear("output");
  }

  get position() {
    if (!this.nodes) return this.offset;
    const at = Math.max(0, context.currentTime - this.began + this.offset);
    return this.repeat.checked ? at % this.seconds : Math.min(at, this.seconds);
  }

  isHeard(sound) {
    return sound.dataset.role === this.role && (this.role !== "output" || sound === this.output);
  }

  hear(role) {
    this.role = role;
    this.box.dataset.role = role;
    for (const button of this.buttons) button.setAttribute("aria-pressed", String(button.dataset.role === role));
    for (const { sound, gain } of this.nodes ?? []) {
      gain.gain.setTargetAtTime(this.isHeard(sound) ? 1 : 0, context.currentTime, RAMP_SECONDS / 3);
    }
  }

  async start() {
    for (const other of players) if (other !== this) other.pause();
    try {
      context ??= new AudioContext();
      await context.resume();
      this.buffers ??= await Promise.all(this.sounds.map(decode));
    } catch {
      /* Without Web Audio the plain players below do the same one by one. */
      this.box.classList.remove("ready");
      this.box.querySelector(".transport").hidden = true;
      return;
    }
    if (this.nodes) return;
    this.seconds = Math.min(this.seconds, ...this.buffers.map((buffer) => buffer.duration));
    if (this.offset >= this.seconds - 0.02) this.offset = 0;
    this.began = context.currentTime + 0.02;
    this.nodes = this.sounds.map((sound, index) => {
      const source = new AudioBufferSourceNode(context, {
        buffer: this.buffers[index], loop: this.repeat.checked, loopStart: 0, loopEnd: this.seconds });
      const gain = new GainNode(context, { gain: this.isHeard(sound) ? 1 : 0 });
      source.connect(gain).connect(context.destination);
      source.start(this.began, this.offset);
      return { sound, source, gain };
    });
    if (!this.repeat.checked) {
      const [first] = this.nodes;
      first.source.addEventListener("ended", () => {
        if (this.nodes?.[0] === first) { this.pause(); this.offset = 0; }
      });
    }
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
    const position = this.position;
    this.box.dataset.position = position.toFixed(3);
    if (document.activeElement !== this.seek || this.nodes) this.seek.value = position;
    this.time.textContent = `${position.toFixed(1)} / ${this.seconds.toFixed(1)} s`;
    if (this.cursor) {
      const lane = this.lanes.querySelector("svg.lane");
      const frame = lane.getBoundingClientRect();
      const left = frame.left - this.lanes.getBoundingClientRect().left + (frame.width * position) / this.seconds;
      this.cursor.style.left = `${left}px`;
      this.cursor.hidden = !this.nodes && position === 0;
    }
    requestAnimationFrame(() => this.tick());
  }
}

const place = document.querySelector(".curves");
const curves = new Curves(place);
curves.show(JSON.parse(place.dataset.curves));
/* For tests, or a curious person at the console. */
window.hocketReport = curves;
if (window.AudioContext) document.querySelectorAll(".player").forEach((box) => players.push(new Player(box)));
