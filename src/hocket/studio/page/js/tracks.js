/** Recordings of the server as pieces of samples: of a WAV only what is played is fetched, however long it is. */

import { bytesOf, someBytesOf } from "./api.js";

/** Samples in a piece: about three seconds at 44.1 kHz. */
export const PIECE = 2 ** 17;
const HEAD_BYTES = 4096;

/** The pieces that were used last, within a budget. */
export class Pieces {
  static mostBytes = 128 * 2 ** 20;
  static kept = new Map();
  static numBytes = 0;

  /** The promise of a piece, made by `fetch` where it is not here. */
  static get(key, numBytes, fetch) {
    let piece = this.kept.get(key);
    if (piece) this.kept.delete(key);
    else {
      const promise = fetch();
      piece = { promise, numBytes };
      this.numBytes += numBytes;
      promise.catch(() => this.drop(key));
    }
    this.kept.set(key, piece); // The last of a Map is the newest.
    for (const oldest of this.kept.keys()) if (this.numBytes > this.mostBytes && oldest !== key) this.drop(oldest);
    return piece.promise;
  }

  static drop(key) {
    this.numBytes -= this.kept.get(key)?.numBytes ?? 0;
    this.kept.delete(key);
  }
}

/** A WAV file of 16-bit integers or 32-bit floats, fetched piece by piece. */
class StreamedTrack {
  constructor(url, format) {
    Object.assign(this, format, { url });
    this.frameBytes = format.numChannels * (format.isFloat ? 4 : 2);
    this.length = Math.floor(format.numBytes / this.frameBytes);
  }

  /** `count` samples from `first`, which must lie within one piece, as an AudioBuffer; null past the end. */
  async read(first, count) {
    const number = Math.floor(first / PIECE);
    const whole = Math.min(PIECE, this.length - number * PIECE);
    if (first >= this.length) return null;
    const bytes = 4 * this.numChannels * whole;
    const piece = await Pieces.get(`${this.url} ${number}`, bytes, () => this.fetch(number * PIECE, whole));
    return part(piece, first - number * PIECE, count);
  }

  async fetch(first, count) {
    const from = this.start + first * this.frameBytes;
    const { bytes } = await someBytesOf(this.url, from, from + count * this.frameBytes - 1);
    const buffer = new AudioBuffer({ length: count, numberOfChannels: this.numChannels, sampleRate: this.sampleRate });
    const values = this.isFloat ? new Float32Array(bytes) : new Int16Array(bytes);
    const scale = this.isFloat ? 1 : 1 / 32768;
    for (let channel = 0; channel < this.numChannels; channel += 1) {
      const samples = buffer.getChannelData(channel);
      for (let place = 0; place < count; place += 1) samples[place] = values[place * this.numChannels + channel] * scale;
    }
    return buffer;
  }
}

/** A file of any other format, decoded as a whole. */
class DecodedTrack {
  constructor(buffer) {
    this.buffer = buffer;
    this.length = buffer.length;
    this.sampleRate = buffer.sampleRate;
  }

  async read(first, count) {
    return first >= this.length ? null : part(this.buffer, first, count);
  }
}

/** Opens a recording; what is not a WAV that can be read in pieces is decoded, at `sampleRate` where it is possible. */
export async function openTrack(url, sampleRate, signal) {
  const { bytes, total } = await someBytesOf(url, 0, HEAD_BYTES - 1, signal);
  const format = wavFormat(new DataView(bytes), total);
  if (format) return new StreamedTrack(url, format);
  let decoder;
  try {
    decoder = new OfflineAudioContext(1, 1, sampleRate);
  } catch {
    decoder = new OfflineAudioContext(1, 1, 48000); // An odd rate is left to the browser.
  }
  return new DecodedTrack(await decoder.decodeAudioData(await bytesOf(url, signal)));
}

/** What the head of a WAV says of its samples; null for anything else. */
function wavFormat(head, total) {
  const letters = (place) => String.fromCharCode(...[0, 1, 2, 3].map((next) => head.getUint8(place + next)));
  if (head.byteLength < 12 || letters(0) !== "RIFF" || letters(8) !== "WAVE") return null;
  let format = null;
  for (let place = 12; place + 8 <= head.byteLength; ) {
    const size = head.getUint32(place + 4, true);
    const start = place + 8;
    if (letters(place) === "fmt ") {
      const tag = head.getUint16(start, true);
      format = {
        kind: tag === 0xfffe ? head.getUint16(start + 24, true) : tag,
        numChannels: head.getUint16(start + 2, true),
        sampleRate: head.getUint32(start + 4, true),
        numBits: head.getUint16(start + 14, true),
      };
    }
    if (letters(place) === "data") {
      const isFloat = format?.kind === 3 && format.numBits === 32;
      if (!isFloat && !(format?.kind === 1 && format.numBits === 16)) return null;
      return { ...format, isFloat, start, numBytes: Math.min(size, total - start) };
    }
    place = start + size + (size % 2);
  }
  return null;
}

function part(buffer, first, count) {
  const length = Math.min(count, buffer.length - first);
  if (first === 0 && length === buffer.length) return buffer;
  const { numberOfChannels, sampleRate } = buffer;
  const cut = new AudioBuffer({ length, numberOfChannels, sampleRate });
  for (let channel = 0; channel < numberOfChannels; channel += 1) {
    cut.copyToChannel(buffer.getChannelData(channel).subarray(first, first + length), channel);
  }
  return cut;
}
