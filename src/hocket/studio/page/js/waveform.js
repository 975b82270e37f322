/** The waveform of one source, with its region: wavesurfer.js over peaks that the server counted. */

import { onThemeChange, themed } from "./dom.js";
import RegionsPlugin from "../vendor/regions.esm.js";
import WaveSurfer from "../vendor/wavesurfer.esm.js";

// Part of a style sheet whose hash the server's Content-Security-Policy names: see vendor/README.md.
const HEIGHT = 88;

export class Waveform {
  /** Draws into `container`; `onRegion(start, end)` hears every change, `onPlaying(bool)` play and pause. */
  constructor(container, { role, url, peaks, seconds, minSeconds, onRegion, onPlaying }) {
    this.role = role;
    this.seconds = seconds;
    this.regions = RegionsPlugin.create();
    this.audio = new Audio();
    this.audio.preload = "metadata";
    this.waves = WaveSurfer.create({
      container,
      media: this.audio,
      height: HEIGHT,
      url,
      peaks: [peaks],
      duration: seconds,
      normalize: true,
      cursorWidth: 2,
      dragToSeek: false,
      hideScrollbar: true,
      plugins: [this.regions],
      ...this.colours(),
    });
    this.waves.on("play", () => onPlaying(true));
    this.waves.on("pause", () => onPlaying(false));
    this.waves.on("error", () => onPlaying(false));
    this.waves.on("ready", () => this.addRegion(minSeconds));
    this.wanted = [0, seconds];
    const changed = (region) => {
      this.wanted = [Math.max(0, region.start), Math.min(seconds, region.end)];
      onRegion(...this.wanted);
    };
    this.regions.on("region-update", changed);
    this.regions.on("region-updated", changed);
    // A finger on a handle drags it from the first touch: the browser must not take its moves for scrolling.
    const hold = (event) => event.composedPath()[0].part?.contains("region-handle") && event.preventDefault();
    container.addEventListener("touchstart", hold, { passive: false });
    onThemeChange(() => this.recolour());
  }

  addRegion(minSeconds) {
    this.region?.remove();
    const [start, end] = this.wanted;
    this.region = this.regions.addRegion({
      start,
      end,
      minLength: minSeconds,
      color: themed(`--${this.role}-veil`),
    });
  }

  colours() {
    return {
      waveColor: themed(`--${this.role}-wave`),
      progressColor: themed(`--${this.role}`),
      cursorColor: themed("--ink"),
    };
  }

  recolour() {
    this.waves.setOptions(this.colours());
    this.region?.setOptions({ color: themed(`--${this.role}-veil`) });
  }

  /** Moves the region, as number fields do. */
  setRegion(start, end) {
    this.wanted = [start, end];
    this.region?.setOptions({ start, end });
  }

  /** Plays what the region holds, from the cursor where that lies inside; or pauses. */
  async toggle() {
    if (this.waves.isPlaying()) return this.waves.pause();
    const [start, end] = this.wanted;
    const now = this.waves.getCurrentTime();
    const inside = now >= start && now < end - 0.05;
    await this.waves.play(inside ? now : start, end);
  }

  pause() {
    this.waves.pause();
  }

  destroy() {
    this.waves.destroy();
    this.audio.removeAttribute("src");
    this.audio.load();
  }
}
