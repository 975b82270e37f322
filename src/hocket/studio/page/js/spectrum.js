/** The output's spectrogram in the colours of its sources: what a place in the picture says. */

// The same colours and range as in hocket.pictures.masks, which painted it.
const BLUE = [0.3, 0.66, 1.0];
const ORANGE = [1.0, 0.58, 0.16];
const GREY = 0.86;
const RANGE_DB = 66;
const SILENT = 0.04;
const TICKS_HZ = [50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000];

/**
 * What one pixel means: `share` is 1 where only the input is heard and -1 where only the target is,
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

/** The picture with its frequencies: rows are spaced by the logarithm between `lowest_hz` and `highest_hz`. */
export class Spectrum {
  static async read(image, { lowest_hz, highest_hz }) {
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    const ink = canvas.getContext("2d", { willReadFrequently: true });
    ink.drawImage(image, 0, 0);
    return new Spectrum(ink.getImageData(0, 0, canvas.width, canvas.height), lowest_hz, highest_hz);
  }

  constructor(pixels, lowest_hz, highest_hz) {
    Object.assign(this, { pixels, lowest_hz, highest_hz });
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

  /** What the place says, with x and y in [0, 1] from the upper left. */
  at(x, y) {
    const { width, height, data } = this.pixels;
    const column = Math.min(width - 1, Math.floor(x * width));
    const row = Math.min(height - 1, Math.floor(y * height));
    const place = 4 * (row * width + column);
    return meaning(data[place], data[place + 1], data[place + 2]);
  }
}

/** "mostly the input (82 %)": a share in words. */
export function shareWords(share) {
  const percent = Math.round(50 + 50 * Math.abs(share));
  if (percent < 60) return "both alike";
  const source = share > 0 ? "input" : "target";
  return `${percent > 90 ? "the" : "mostly the"} ${source} (${percent} %)`;
}
