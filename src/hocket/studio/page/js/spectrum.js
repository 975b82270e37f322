/** Spectrograms in the colours of their sources: painted here from two voices, or read as they were painted elsewhere. */

// The same colours and range as in hocket.pictures.arrays, which paints those of training examples.
const BLUE = [0.3, 0.66, 1.0];
const ORANGE = [1.0, 0.58, 0.16];
const GREY = 0.86;
const RANGE_DB = 66;
const SILENT = 0.04;
const TICKS_HZ = [50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000];

/** A picture with its frequencies: rows are spaced by the logarithm between `lowest_hz` and `highest_hz`. */
class Spectrum {
  constructor(pixels, { lowest_hz, highest_hz, range_db = RANGE_DB } = {}) {
    Object.assign(this, { pixels, lowest_hz, highest_hz, range_db });
    this.canvas = Object.assign(document.createElement("canvas"), { width: pixels.width, height: pixels.height });
    this.ink = this.canvas.getContext("2d");
    this.ink.putImageData(pixels, 0, 0);
  }

  /** Frequency at a height, where 0 is the top and 1 the bottom. */
  frequencyAt(height) {
    return this.highest_hz * (this.lowest_hz / this.highest_hz) ** height;
  }

  heightOf(hz) {
    return Math.log(hz / this.highest_hz) / Math.log(this.lowest_hz / this.highest_hz);
  }

  get ticks() {
    return TICKS_HZ.filter((hz) => hz >= this.lowest_hz && hz <= this.highest_hz);
  }

  /** What the place says, with x and y in [0, 1] from the upper left; null where it is silent. */
  at(x, y) {
    const { width, height } = this.pixels;
    return this.read(Math.min(height - 1, Math.floor(y * height)) * width + Math.min(width - 1, Math.floor(x * width)));
  }
}

/** A picture that came painted. */
class Painted extends Spectrum {
  read(place) {
    return meaning(...this.pixels.data.subarray(4 * place, 4 * place + 3));
  }
}

/**
 * What one painted pixel means: `share` is 1 where only the input is heard and -1 where only the target is,
 * `level_db` is under the picture's loudest place; null where it is silent.
 */
export function meaning(red, green, blue) {
  const bright = Math.max(red, blue) / 255;
  if (bright < SILENT) return null;
  // Both ways from grey are straight lines, so the ratio of red to blue tells how far along.
  let share = 0;
  if (blue > red) {
    const ratio = red / blue;
    share = (GREY * (1 - ratio)) / (GREY - BLUE[0] + ratio * (BLUE[2] - GREY));
  } else if (red > blue) {
    const ratio = blue / red;
    share = -(GREY * (1 - ratio)) / (GREY - ORANGE[2] + ratio * (ORANGE[0] - GREY));
  }
  share = Math.min(1, Math.max(-1, share));
  const full = GREY + Math.abs(share) * ((share > 0 ? BLUE[2] : ORANGE[0]) - GREY);
  return { share, level_db: (Math.min(1, bright / full) - 1) * RANGE_DB };
}

/** The levels of two voices, red the rhythm's and green the harmony's, painted as the mix of both. */
class Mixed extends Spectrum {
  constructor(pixels, facts) {
    super(pixels, facts);
    const { data, width, height } = pixels;
    // Both levels of each place as one number, and the numbers that occur.
    this.levels = Uint16Array.from({ length: width * height }, (_, place) => 256 * data[4 * place] + data[4 * place + 1]);
    this.occurring = [...new Set(this.levels)];
    this.paint({ rhythm: 1, harmony: 1 });
  }

  /** The power of each level from 0 to 255, with an amount. */
  powers(amount) {
    const power = (level) => (level ? amount ** 2 * 10 ** (((level / 255 - 1) * this.range_db) / 10) : 0);
    return Float64Array.from({ length: 256 }, (_, level) => power(level));
  }

  /** Paints the mix with these amounts: brightness is its power under the loudest place, colour the share of each. */
  paint({ rhythm, harmony }) {
    this.mixed = [this.powers(rhythm), this.powers(harmony)];
    this.loudest = 0;
    for (const levels of this.occurring) this.loudest = Math.max(this.loudest, this.powerOf(levels));
    const colours = new Uint32Array(2 ** 16);
    for (const levels of this.occurring) colours[levels] = this.colour(this.mean(levels));
    const painted = new Uint32Array(this.pixels.data.buffer);
    this.levels.forEach((levels, place) => (painted[place] = colours[levels]));
    this.ink.putImageData(this.pixels, 0, 0);
  }

  powerOf(levels) {
    return this.mixed[0][levels >> 8] + this.mixed[1][levels & 255];
  }

  /** What two levels mean in the mix: see `meaning`. */
  mean(levels) {
    const power = this.powerOf(levels);
    const level_db = 10 * Math.log10(power / this.loudest);
    if (!(level_db > (SILENT - 1) * this.range_db)) return null;
    return { share: (2 * this.mixed[0][levels >> 8]) / power - 1, level_db };
  }

  /** A colour as one number, as the pixels of a canvas are. */
  colour(meant) {
    const bright = meant ? 255 * (1 + meant.level_db / this.range_db) : 0;
    const full = meant?.share > 0 ? BLUE : ORANGE;
    const [red, green, blue] = full.map((value) => Math.round(bright * (GREY + Math.abs(meant?.share ?? 0) * (value - GREY))));
    return (255 << 24) | (blue << 16) | (green << 8) | red;
  }

  read(place) {
    return this.mean(this.levels[place]);
  }
}

/** Loads a picture; one of `voices` can be painted with other amounts. */
export async function readSpectrum(url, facts, { hasVoices }) {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: image.naturalWidth, height: image.naturalHeight });
  const ink = canvas.getContext("2d", { willReadFrequently: true });
  ink.drawImage(image, 0, 0);
  const pixels = ink.getImageData(0, 0, canvas.width, canvas.height);
  return hasVoices ? new Mixed(pixels, facts) : new Painted(pixels, facts);
}

/** "mostly rhythm (82 %)": a share in words. */
export function shareWords(share) {
  const percent = Math.round(50 + 50 * Math.abs(share));
  if (percent < 60) return "both equally";
  const source = share > 0 ? "rhythm" : "harmony";
  return `${percent > 90 ? "" : "mostly "}${source} (${percent} %)`;
}
