/**
 * Plays one of several voices of the same length and switches between them at the same position.
 *
 * Every voice is a track, and the output may be the sum of several: all are cut into pieces that are scheduled on the
 * AudioContext's clock to the sample, a few seconds ahead. A switch, a fader or a mute only turns gains.
 */

import { openTrack, PIECE } from "./tracks.js";

const RAMP_SECONDS = 0.012;
const SLOW_SECONDS = 0.6;
// From planning a sound to its first sample: more than a sound card's buffer, in which the clock advances.
const LEAD_SECONDS = 0.04;
const AHEAD_SECONDS = 4;
const WATCH_MILLISECONDS = 40;
const SHORT_SECONDS = 30;
const LEAST_LOOP_SECONDS = 0.1;
/** What is more than 30 dB under the loudest voice counts as silent where voices are made equally loud. */
const SILENT = 1e-3;

/** What sounds go through: a gain and a meter for each track, and the sum of all. */
class Graph {
  constructor(sampleRate) {
    try {
      this.audio = new AudioContext({ latencyHint: "interactive", sampleRate });
    } catch {
      this.audio = new AudioContext({ latencyHint: "interactive" }); // An odd rate: the browser resamples.
    }
    this.tracks = {};
    this.master = this.audio.createGain();
    this.meter = this.metered(this.master);
    this.master.connect(this.audio.destination);
  }

  track(name) {
    if (!this.tracks[name]) {
      const gain = this.audio.createGain();
      gain.gain.value = 0;
      gain.connect(this.master);
      this.tracks[name] = { gain, meter: this.metered(gain) };
    }
    return this.tracks[name];
  }

  /** Gives the highest magnitude of the last moment that went through a node. */
  metered(node) {
    const analyser = this.audio.createAnalyser();
    const samples = new Float32Array((analyser.fftSize = 2048));
    node.connect(analyser);
    return () => {
      analyser.getFloatTimeDomainData(samples);
      return samples.reduce((highest, sample) => Math.max(highest, Math.abs(sample)), 0);
    };
  }

  /** The next sample of the clock, at a rate, in `seconds` from now. */
  frameIn(seconds, rate) {
    return Math.ceil((this.audio.currentTime + seconds) * rate);
  }
}

export class Player {
  /** `onState()` hears whenever it starts, stops, seeks or switches; `onPlay()` just before it sounds. */
  constructor({ voice, onState, onPlay, onError }) {
    Object.assign(this, { voice, onState, onPlay, onError, tracks: null, graph: null, run: null, segments: [], attempt: 0 });
    Object.assign(this, { playing: false, place: 0, loop: false, section: null, isEven: true });
    Object.assign(this, { mix: { output: 1 }, energies: {}, gains: {}, peak: 0 });
  }

  /**
   * Takes other voices (name -> URL) of one length; what plays goes on in them at the same place. `mix` says which
   * tracks the output is the sum of, for the rest see `setMix`. Gives whether they were taken: not where others were
   * asked for meanwhile.
   */
  async load(urls, { sampleRate, mix = { output: 1 }, energies, peak = 0 }) {
    this.loading?.abort();
    const { signal } = (this.loading = new AbortController());
    const tracks = await opened(urls, sampleRate, signal);
    if (tracks) await Promise.all(Object.keys(mix).map((name) => tracks[name].read(0, 1)));
    if (signal.aborted) return false;
    const { playing } = this;
    const place = this.position();
    this.halt();
    this.tracks = tracks;
    Object.assign(this, { mix, peak, energies: energies ?? energiesOf(this.buffers ?? {}) });
    const { sampleRate: rate } = tracks[Object.keys(mix)[0]];
    if (rate !== this.rate) {
      this.graph?.audio.close();
      this.graph = null;
    }
    this.rate = rate;
    this.length = Math.min(...Object.values(tracks).map((track) => track.length));
    if (!this.isLoopChosen) this.loop = this.duration < SHORT_SECONDS;
    if (this.section && this.section[1] > this.duration) this.section = null;
    this.place = place < this.duration ? place : 0;
    this.balance();
    if (playing) await this.play();
    this.onState();
    return true;
  }

  /** Takes more voices of what is loaded; what plays goes on. */
  async add(urls) {
    const { signal } = this.loading;
    const tracks = await opened(urls, this.rate, signal);
    if (!tracks) return;
    Object.assign(this.tracks, tracks);
    this.turn();
    for (const segment of this.run ? this.segments : []) {
      for (const [name, track] of Object.entries(tracks)) this.sound(name, track.read(segment.from, segment.count), segment);
    }
    this.onState();
  }

  get duration() {
    return this.ready ? this.length / this.rate : 0;
  }

  get ready() {
    return this.tracks !== null;
  }

  /** Whether a voice can be heard by now. */
  has(voice) {
    return this.ready && this.tracksOf(voice).every((name) => name in this.tracks);
  }

  tracksOf(voice) {
    return voice === "output" ? Object.keys(this.mix) : [voice];
  }

  position() {
    return this.playing ? this.placeAt(this.graph?.audio.currentTime) : this.place;
  }

  /** Where it is at a time of the clock. */
  placeAt(time) {
    const segment = this.segments.findLast(({ at }) => at <= time);
    return segment ? segment.from / this.rate + Math.min(time - segment.at, segment.count / this.rate) : this.place;
  }

  async play() {
    if (!this.ready || this.playing) return;
    this.onPlay();
    if (this.place >= this.duration - 0.02) this.place = 0;
    this.playing = true;
    this.onState();
    await this.start(this.place);
    this.onState();
  }

  /** Lets it sound from a place, or else from where it is; what sounded before fades into it. */
  async start(place = null) {
    const attempt = (this.attempt += 1);
    this.graph ||= new Graph(this.rate);
    const { graph, rate } = this;
    await graph.audio.resume();
    const first = Math.floor((place ?? this.position()) * rate);
    try {
      await Promise.all(this.tracksOf(this.voice).map((name) => this.tracks[name]?.read(first, 1)));
    } catch (error) {
      return this.fail(error);
    }
    if (attempt !== this.attempt) return; // Paused or sought meanwhile.
    const frame = graph.frameIn(LEAD_SECONDS, rate);
    const at = frame / rate;
    const cursor = Math.round((place ?? this.placeAt(at)) * rate);
    this.fade(at);
    this.segments = this.segments.filter((segment) => segment.at < at);
    this.run = { at, frame, cursor, isSoft: cursor > 0, fades: {}, nodes: new Set() };
    this.turn(0);
    await this.fill(this.run);
  }

  /** Schedules what comes next, some seconds ahead; a timer comes back for more, also in hidden pages. */
  async fill(run) {
    clearTimeout(this.timer);
    const { audio } = this.graph;
    let next = this.next(run.cursor);
    while (next && run.frame / this.rate < audio.currentTime + AHEAD_SECONDS) {
      const { from, count } = next;
      try {
        await Promise.all(this.tracksOf(this.voice).map((name) => this.tracks[name]?.read(from, count)));
      } catch (error) {
        return this.fail(error);
      }
      if (run !== this.run) return;
      // Where the network is slower than the music, the music waits.
      run.frame = Math.max(run.frame, this.graph.frameIn(LEAD_SECONDS / 2, this.rate));
      const segment = { at: run.frame / this.rate, from, count };
      this.segments.push(segment);
      for (const [name, track] of Object.entries(this.tracks)) this.sound(name, track.read(from, count), segment);
      run.frame += count;
      run.cursor = from + count;
      next = this.next(run.cursor);
    }
    if (!next && audio.currentTime >= run.frame / this.rate) {
      this.halt();
      this.place = 0;
      return this.onState();
    }
    const now = this.segments.findLastIndex(({ at }) => at <= audio.currentTime);
    this.segments.splice(0, Math.max(0, now));
    this.timer = setTimeout(() => this.fill(run), WATCH_MILLISECONDS);
  }

  /** The samples that come after those before `cursor`, within one piece; null at the end. */
  next(cursor) {
    const [start, end] = this.section?.map((seconds) => Math.round(seconds * this.rate)) ?? [0, this.length];
    let from = cursor;
    if (this.loop && (cursor === end || cursor >= this.length)) from = start;
    const last = this.loop && from < end ? Math.min(end, this.length) : this.length;
    return from < last ? { from, count: Math.min(last, (Math.floor(from / PIECE) + 1) * PIECE) - from } : null;
  }

  /** Lets a track's samples sound at a segment's time; those that come late begin in their middle. */
  async sound(name, reading, { at }) {
    const { run, graph } = this;
    const buffer = await reading.catch(() => null);
    if (!buffer || !run || run !== this.run) return;
    // A voice that was heard already is scheduled in time, one that was silent may come after its turn.
    const late = graph.audio.currentTime < at ? 0 : graph.frameIn(LEAD_SECONDS, this.rate) / this.rate - at;
    if (late >= buffer.duration) return;
    if (!run.fades[name]) {
      const fade = (run.fades[name] = graph.audio.createGain());
      if (run.isSoft) fade.gain.setValueAtTime(0, run.at);
      if (run.isSoft) fade.gain.linearRampToValueAtTime(1, run.at + RAMP_SECONDS);
      fade.connect(graph.track(name).gain);
    }
    const node = graph.audio.createBufferSource();
    node.buffer = buffer;
    node.connect(run.fades[name]);
    node.start(at + late, late);
    if (graph.audio.currentTime >= at + late) return this.start(); // Too late after all: it would not be aligned.
    node.onended = () => run.nodes.delete(node);
    run.nodes.add(node);
  }

  /** Fades out what sounds, from a time of the clock. */
  fade(at) {
    const { run } = this;
    if (!run) return;
    this.run = null;
    clearTimeout(this.timer);
    for (const { gain } of Object.values(run.fades)) {
      gain.cancelScheduledValues(at);
      gain.setValueAtTime(1, at);
      gain.linearRampToValueAtTime(0, at + RAMP_SECONDS);
    }
    for (const node of run.nodes) node.stop(at + RAMP_SECONDS);
    setTimeout(() => Object.values(run.fades).forEach((fade) => fade.disconnect()), 300);
  }

  halt() {
    this.attempt += 1;
    if (!this.playing) return;
    this.place = this.position();
    this.playing = false;
    if (this.graph) this.fade(this.graph.audio.currentTime);
    this.segments = [];
  }

  fail(error) {
    if (!this.playing) return;
    this.pause();
    this.onError(error);
  }

  pause() {
    if (!this.playing) return;
    this.halt();
    this.onState();
  }

  toggle() {
    return this.playing ? this.pause() : this.play();
  }

  async seek(seconds) {
    this.place = Math.min(Math.max(0, seconds), Math.max(0, this.duration - 0.01));
    this.segments = [];
    this.onState();
    if (this.playing) await this.start(this.place);
  }

  /** Lets another voice be heard, at the same position. */
  listen(voice) {
    if (!this.has(voice)) return;
    this.voice = voice;
    this.turn();
    this.onState();
  }

  setLoop(loop) {
    this.isLoopChosen = true;
    this.loop = loop;
    if (this.playing) this.start();
    this.onState();
  }

  /** Repeats a part, `[start, end]` in seconds; null repeats all again. */
  setSection(section) {
    if (!this.ready || !(section || this.section)) return;
    if (!this.section) this.loopBefore = this.loop;
    const start = section && Math.max(0, Math.min(section[0], this.duration - LEAST_LOOP_SECONDS));
    this.section = section && [start, Math.min(this.duration, Math.max(section[1], start + LEAST_LOOP_SECONDS))];
    this.loop = section ? true : this.loopBefore;
    const place = this.position();
    if (section && (place < this.section[0] || place >= this.section[1])) return this.seek(this.section[0]);
    if (this.playing) this.start();
    return this.onState();
  }

  /** Whether all voices are heard equally loud, or each as loud as it is. */
  setEven(isEven) {
    this.isEven = isEven;
    this.balance();
    this.onState();
  }

  /** Takes the mean squares of the voices, to make them equally loud; the sound goes there slowly. */
  setEnergies(energies) {
    Object.assign(this.energies, energies);
    this.balance(SLOW_SECONDS);
  }

  /** Takes the factors of the tracks that are the output, its mean square and its highest magnitude. */
  setMix(mix, { energy, peak }) {
    this.mix = mix;
    this.energies.output = energy;
    this.peak = peak;
    this.balance();
  }

  /** Turns louder voices down to the quietest; a silent one is left alone, and the output stays under full scale. */
  balance(seconds = RAMP_SECONDS) {
    const loudest = Math.max(...Object.values(this.energies));
    const heard = Object.entries(this.energies).filter(([, energy]) => energy > SILENT * loudest);
    const least = Math.min(...heard.map(([, energy]) => energy));
    this.gains = Object.fromEntries(heard.map(([name, energy]) => [name, this.isEven ? Math.sqrt(least / energy) : 1]));
    const over = Math.max(1, (this.gains.output ?? 1) * this.peak);
    for (const name of Object.keys(this.gains)) if (this.isEven || name === "output") this.gains[name] /= over;
    this.turn(seconds);
  }

  /** How loud a track is to sound. */
  levelOf(name) {
    if (name in this.mix) return this.voice === "output" ? this.mix[name] * (this.gains.output ?? 1) : 0;
    return name === this.voice ? (this.gains[name] ?? 1) : 0;
  }

  turn(seconds = RAMP_SECONDS) {
    if (!this.graph) return;
    const now = this.graph.audio.currentTime;
    for (const name of Object.keys(this.tracks)) {
      const { gain } = this.graph.track(name).gain;
      gain.cancelScheduledValues(now);
      gain.setValueAtTime(seconds ? gain.value : this.levelOf(name), now);
      if (seconds) gain.linearRampToValueAtTime(this.levelOf(name), now + seconds);
    }
  }

  /** The gain of each track by now. */
  levels() {
    return Object.fromEntries(Object.entries(this.graph?.tracks ?? {}).map(([name, { gain }]) => [name, gain.gain.value]));
  }

  /** The highest magnitude of each track and of all together in the last moment. */
  meters() {
    if (!this.playing || !this.graph) return {};
    const tracks = Object.entries(this.graph.tracks).map(([name, { meter }]) => [name, meter()]);
    return { ...Object.fromEntries(tracks), all: this.graph.meter() };
  }

  /** The samples of each voice where all are decoded as a whole, else null. */
  get buffers() {
    const tracks = Object.entries(this.tracks ?? {});
    return tracks.every(([, track]) => track.buffer) ? Object.fromEntries(tracks.map(([name, track]) => [name, track.buffer])) : null;
  }
}

/** The tracks at some addresses; null where others were asked for meanwhile. */
async function opened(urls, sampleRate, signal) {
  const open = async ([name, url]) => [name, await openTrack(url, sampleRate, signal)];
  try {
    const tracks = await Promise.all(Object.entries(urls).map(open));
    return signal.aborted ? null : Object.fromEntries(tracks);
  } catch (error) {
    if (signal.aborted) return null;
    throw error;
  }
}

/** The mean square of each voice. */
function energiesOf(buffers) {
  const energy = (samples) => samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  return Object.fromEntries(Object.entries(buffers).map(([voice, buffer]) => [voice, energy(buffer.getChannelData(0))]));
}
