/** Two sounds to try the studio with, made here: a drum loop and chords of a soft synthesiser, eight seconds each. */

const RATE_HZ = 24000;
const BEAT_SECONDS = 0.5;
const NUM_BEATS = 16;
const NUM_SAMPLES = RATE_HZ * BEAT_SECONDS * NUM_BEATS;
const CHORDS = [
  [57, 60, 64, 69],
  [53, 57, 60, 65],
  [48, 55, 60, 64],
  [55, 59, 62, 67],
];

export function exampleFiles() {
  return {
    input: new File([wav(drums())], "example drums.wav", { type: "audio/wav" }),
    target: new File([wav(chords())], "example chords.wav", { type: "audio/wav" }),
  };
}

/** Adds a sound that starts at `seconds`; `sound(time)` gives its samples for `length` seconds. */
function add(samples, seconds, length, sound) {
  const first = Math.round(seconds * RATE_HZ);
  const last = Math.min(samples.length, first + Math.round(length * RATE_HZ));
  for (let place = first; place < last; place += 1) samples[place] += sound((place - first) / RATE_HZ);
}

/** Noise that is the same at every visit. */
function noise(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

function drums() {
  const samples = new Float32Array(NUM_SAMPLES);
  const random = noise(7);
  const kick = (time) => 0.9 * Math.exp(-9 * time) * Math.sin(2 * Math.PI * (48 * time - 6 * Math.exp(-30 * time)));
  const snare = (time) => Math.exp(-16 * time) * (0.5 * random() + 0.25 * Math.sin(2 * Math.PI * 190 * time));
  let before = 0;
  const hat = (time) => {
    const now = random();
    const bright = now - before;
    before = now;
    return 0.16 * Math.exp(-45 * time) * bright;
  };
  for (let bar = 0; bar < NUM_BEATS / 4; bar += 1) {
    const at = (beat) => (bar * 4 + beat) * BEAT_SECONDS;
    for (const beat of [0, 1.5, 2, 3.25]) add(samples, at(beat), 0.4, kick);
    for (const beat of [1, 3]) add(samples, at(beat), 0.3, snare);
    for (let beat = 0; beat < 4; beat += 0.5) add(samples, at(beat), 0.12, hat);
  }
  return samples;
}

function chords() {
  const samples = new Float32Array(NUM_SAMPLES);
  const length = 4 * BEAT_SECONDS;
  CHORDS.forEach((notes, bar) => {
    for (const note of [notes[0] - 12, ...notes]) {
      const hz = 440 * 2 ** ((note - 69) / 12);
      add(samples, bar * length, length, (time) => {
        const envelope = Math.min(1, time / 0.12, (length - time) / 0.12);
        let sum = 0;
        for (let partial = 1; partial <= 6 && partial * hz < RATE_HZ / 2; partial += 1) {
          sum += Math.sin(2 * Math.PI * partial * hz * (1 + 0.0008 * partial) * time) / partial ** 1.6;
        }
        return 0.09 * envelope * sum;
      });
    }
  });
  return samples;
}

/** A mono WAV file of 16 bit: its head in words of four bytes, as every machine that runs browsers stores them. */
function wav(samples) {
  const size = 2 * samples.length;
  const [riff, wave, fmt, data] = [0x46464952, 0x45564157, 0x20746d66, 0x61746164];
  const head = Uint32Array.of(riff, 36 + size, wave, fmt, 16, 0x10001, RATE_HZ, 2 * RATE_HZ, 0x100002, data, size);
  return new Blob([head, Int16Array.from(samples, (sample) => 32767 * Math.min(1, Math.max(-1, sample)))]);
}
