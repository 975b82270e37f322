/** What was heard in a source: its tempo, its key, and how well it can play its role. */

import { isWritten } from "./chords.js";
import { el } from "./dom.js";

const MOST = 3;
const ROLES = { input: ["rhythm", "rhythm_warning"], target: ["harmony", "harmony_warning"] };

/** Tempo, key and a meter of the role, from what the server heard. */
export function factsOf(role, music) {
  const [name] = ROLES[role];
  const level = music[name];
  const tempo = music.is_beat_clear ? `${Math.round(music.bpm)} BPM` : "no clear beat";
  const key = music.is_key_clear ? music.key : "no clear key";
  const meter = el("span", { class: `dots ${role}`, role: "img", "aria-label": `${level} of ${MOST}` }, "●".repeat(level) + "○".repeat(MOST - level));
  return [`${tempo} · ${key} · as the ${name} `, meter];
}

/** Why a source can hardly play its role, as a sentence; empty where it can. */
export function warningOf(role, source) {
  const sentence = source?.music?.[ROLES[role][1]] ?? "";
  return sentence && sentence[0].toUpperCase() + sentence.slice(1);
}

/** Whether two sources, of which one is unfit for its role, would both be fit the other way round. */
export function swapHelps(input, target) {
  const isWarned = warningOf("input", input) || warningOf("target", target);
  return Boolean(isWarned && input?.music && target?.music && !isWritten(target) && !warningOf("target", input) && !warningOf("input", target));
}
