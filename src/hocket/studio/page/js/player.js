/**
 * Plays one of several voices of the same length and switches between them at the same position.
 *
 * Up to four minutes the voices are decoded and started together on one clock, and a switch only turns gains: the
 * position is kept to the sample. Longer ones would take too much memory (1 MB a second of three stereo voices), so they
 * are media elements that run together, the silent ones muted and drawn to where the audible one is (within some hundredths of a second).
 */

import { bytesOf } from "./api.js";

const RAMP_SECONDS = 0.012;
const FAR_SECONDS = 0.25;
const NEAR_SECONDS = 0.01;
const ALIGN_MILLISECONDS = 100;

let shared = null;

/** The page's one AudioContext, made at the first sound: browsers allow none before a key or a click. */
function context() {
  shared ||= new AudioContext({ latencyHint: "interactive" });
  return shared;
}

async function decode(urls, sampleRate, signal) {
  // At the file's own rate, so that nothing is resampled before it sounds; odd rates are left to the browser.
  let decoder;
  try {
    decoder = new OfflineAudioContext(1, 1, sampleRate);
  } catch {
    decoder = new OfflineAudioContext(1, 1, 48000);
  }
  const voices = await Promise.all(
    Object.entries(urls).map(async ([name, url]) => [name, await decoder.decodeAudioData(await bytesOf(url, signal))]),
  );
  return Object.fromEntries(voices);
}

/** What turns louder voices down to the quietest, by root mean square; a silent one is left alone. */
function evenGains(buffers) {
  const loudness = Object.entries(buffers).map(([name, buffer]) => {
    const samples = buffer.getChannelData(0);
    let energy = 0;
    for (const sample of samples) energy += sample * sample;
    return [name, Math.sqrt(energy / samples.length)];
  });
  const heard = loudness.filter(([, rms]) => rms > 1e-4);
  const least = Math.min(...heard.map(([, rms]) => rms));
  return Object.fromEntries(heard.map(([name, rms]) => [name, least / rms]));
}

/** Voices as buffers on one clock. */
class Decoded {
  constructor(buffers) {
    this.buffers = buffers;
    this.nodes = {};
    this.gains = {};
    this.offset = 0;
    this.startedAt = null;
    this.attempt = 0;
    this.loop = false;
    this.duration = Math.min(...Object.values(buffers).map((buffer) => buffer.duration));
    this.loudness = {};
  }

  level(name) {
    return name === this.voice ? (this.loudness[name] ?? 1) : 0;
  }

  async start(offset, voice) {
    const audio = context();
    this.halt();
    this.offset = offset;
    this.voice = voice;
    const attempt = this.attempt;
    await audio.resume();
    if (attempt !== this.attempt) return; // Paused or sought meanwhile.
    this.master = audio.createGain();
    this.master.connect(audio.destination);
    this.startedAt = audio.currentTime + 0.01;
    for (const [name, buffer] of Object.entries(this.buffers)) {
      const gain = audio.createGain();
      gain.gain.value = this.level(name);
      gain.connect(this.master);
      const node = audio.createBufferSource();
      Object.assign(node, { buffer, loop: this.loop, loopEnd: this.duration });
      node.connect(gain);
      node.start(this.startedAt, offset);
      this.nodes[name] = node;
      this.gains[name] = gain;
    }
  }

  halt() {
    this.attempt += 1;
    if (this.startedAt === null) return;
    this.offset = this.position();
    this.startedAt = null;
    for (const node of Object.values(this.nodes)) node.stop();
    const { master } = this;
    master.gain.setTargetAtTime(0, context().currentTime, RAMP_SECONDS / 3);
    setTimeout(() => master.disconnect(), 100);
    this.nodes = {};
    this.gains = {};
  }

  position() {
    if (this.startedAt === null) return this.offset;
    const place = this.offset + Math.max(0, context().currentTime - this.startedAt);
    return this.loop ? place % this.duration : Math.min(place, this.duration);
  }

  turn(voice) {
    this.voice = voice;
    const now = context().currentTime;
    for (const [name, { gain }] of Object.entries(this.gains)) {
      gain.cancelScheduledValues(now);
      gain.setValueAtTime(gain.value, now);
      gain.linearRampToValueAtTime(this.level(name), now + RAMP_SECONDS);
    }
  }

  setLoop(loop) {
    // Taken over by the nodes that run; the clock goes on from where it is.
    if (this.startedAt !== null) {
      this.offset = this.position();
      this.startedAt = context().currentTime;
    }
    this.loop = loop;
    for (const node of Object.values(this.nodes)) node.loop = loop;
  }

  levels() {
    return Object.fromEntries(Object.entries(this.gains).map(([name, { gain }]) => [name, gain.value]));
  }

  end() {
    this.halt();
    this.buffers = {};
  }
}

/** Voices as media elements that run together. */
class Streamed {
  constructor(urls, duration) {
    this.duration = duration;
    this.loop = false;
    this.media = {};
    for (const [name, url] of Object.entries(urls)) {
      const media = new Audio(url);
      media.preload = "auto";
      media.muted = true;
      this.media[name] = media;
    }
    this.voice = Object.keys(urls)[0];
    this.loudness = {};
  }

  async start(offset, voice) {
    for (const media of Object.values(this.media)) media.currentTime = offset;
    this.turn(voice);
    clearInterval(this.watch);
    this.watch = setInterval(() => this.align(), ALIGN_MILLISECONDS);
    // A pause that comes before the sound does rejects the promise: nothing is wrong then.
    await Promise.allSettled(Object.values(this.media).map((media) => media.play()));
  }

  /** Brings the silent voices to where the audible one is: a little faster or slower, as a jump would make a gap. */
  align() {
    const place = this.position();
    for (const [name, media] of Object.entries(this.media)) {
      const late = name === this.voice ? 0 : place - media.currentTime;
      const isFar = Math.abs(late) > FAR_SECONDS;
      if (isFar) media.currentTime = place;
      media.playbackRate = isFar || Math.abs(late) < NEAR_SECONDS ? 1 : 1 + 2 * late;
    }
  }

  halt() {
    clearInterval(this.watch);
    for (const media of Object.values(this.media)) media.pause();
  }

  position() {
    return Math.min(this.media[this.voice].currentTime, this.duration);
  }

  turn(voice) {
    this.voice = voice;
    this.media[voice].playbackRate = 1;
    for (const [name, media] of Object.entries(this.media)) {
      media.muted = name !== voice;
      media.volume = this.loudness[name] ?? 1;
    }
  }

  setLoop(loop) {
    this.loop = loop;
  }

  levels() {
    return Object.fromEntries(Object.entries(this.media).map(([name, media]) => [name, media.muted ? 0 : media.volume]));
  }

  end() {
    this.halt();
    for (const media of Object.values(this.media)) {
      media.removeAttribute("src");
      media.load();
    }
  }
}

export class Player {
  static mostDecodedSeconds = 240;

  /** `onState()` hears whenever it starts, stops, seeks or switches; `onPlay()` just before it sounds. */
  constructor({ voice, onState, onPlay }) {
    this.voice = voice;
    this.onState = onState;
    this.onPlay = onPlay;
    this.backend = null;
    this.playing = false;
    this.place = 0;
    this.loop = false;
    this.isEven = true;
    this.gains = {};
  }

  /** Takes other voices (name -> URL) of one length; what plays goes on in them at the same place. */
  async load(urls, { seconds, sampleRate, gains }) {
    this.loading?.abort();
    const loading = (this.loading = new AbortController());
    const backend =
      seconds > Player.mostDecodedSeconds
        ? new Streamed(urls, seconds)
        : new Decoded(await decode(urls, sampleRate, loading.signal));
    if (loading.signal.aborted) return;
    const { playing } = this;
    const place = this.position();
    this.backend?.end();
    this.backend = backend;
    backend.setLoop(this.loop);
    this.gains = gains || evenGains(backend.buffers || {});
    this.balance();
    this.playing = false;
    this.place = place < backend.duration ? place : 0;
    if (playing) await this.play();
    this.onState();
  }

  get duration() {
    return this.backend?.duration ?? 0;
  }

  get ready() {
    return this.backend !== null;
  }

  position() {
    return this.playing ? this.backend.position() : this.place;
  }

  async play() {
    if (!this.ready || this.playing) return;
    this.onPlay();
    if (this.place >= this.duration - 0.02) this.place = 0;
    this.playing = true;
    await this.backend.start(this.place, this.voice);
    this.onState();
    this.follow();
  }

  /** Watches for the end; a frame's delay is too short to hear, and hidden pages are woken by the timer. */
  follow() {
    clearTimeout(this.timer);
    if (!this.playing) return;
    if (this.backend.position() >= this.duration - 0.002) {
      this.pause();
      this.place = 0;
      if (this.loop) this.play();
      this.onState();
      return;
    }
    this.timer = setTimeout(() => this.follow(), 40);
  }

  pause() {
    if (!this.playing) return;
    this.place = this.backend.position();
    this.backend.halt();
    this.playing = false;
    this.onState();
  }

  toggle() {
    return this.playing ? this.pause() : this.play();
  }

  async seek(seconds) {
    this.place = Math.min(Math.max(0, seconds), Math.max(0, this.duration - 0.01));
    if (this.playing) await this.backend.start(this.place, this.voice);
    this.onState();
  }

  /** Lets another voice be heard, at the same position. */
  listen(voice) {
    this.voice = voice;
    if (this.playing) this.backend.turn(voice);
    this.onState();
  }

  setLoop(loop) {
    this.loop = loop;
    this.backend?.setLoop(loop);
    this.onState();
  }

  /** Whether all voices are heard equally loud, or each as loud as it is. */
  setEven(isEven) {
    this.isEven = isEven;
    this.balance();
    this.onState();
  }

  balance() {
    if (!this.backend) return;
    this.backend.loudness = this.isEven ? this.gains : {};
    if (this.playing) this.backend.turn(this.voice);
  }

  /** The voices' samples where they are decoded, else null. */
  get buffers() {
    return this.backend?.buffers ?? null;
  }

  destroy() {
    this.loading?.abort();
    clearTimeout(this.timer);
    this.backend?.end();
    this.backend = null;
    this.playing = false;
  }
}
