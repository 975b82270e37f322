/**
 * What the page asks of the server. Every failure is an ApiError whose message is a sentence for the reader.
 *
 * Addresses are relative to the page, which a proxy may serve under a path of its own.
 */

export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

const LOST = "The studio does not answer: is `hocket studio` still running in its terminal?";

async function request(path, { method = "GET", body, signal, range } = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      signal,
      headers: { ...(body !== undefined && { "Content-Type": "application/json" }), ...(range && { Range: `bytes=${range[0]}-${range[1]}` }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(LOST, 0);
  }
  if (!answer.ok) throw new ApiError(sentence(await answer.text(), answer.status), answer.status);
  return answer;
}

/** The server's sentence, or one that names the status where it sent none. */
function sentence(text, status) {
  try {
    const { error } = JSON.parse(text);
    if (typeof error === "string" && error) return error;
  } catch {
    // Not JSON: the next line says so.
  }
  return `The studio refused this (${status}).`;
}

const json = async (path, options) => (await request(path, options)).json();

export const about = () => json("api/about");
export const job = (id) => json(`api/jobs/${id}`);
export const music = (source) => json(`api/sources/${source}/music`);
export const checkChords = (typed) => json("api/chords", { method: "POST", body: typed });
export const startJob = (wanted) => json("api/jobs", { method: "POST", body: wanted });
export const cancelJob = (id) => request(`api/jobs/${id}`, { method: "DELETE" });
export const result = (id) => json(`api/results/${id}`);
export const forgetResult = (id) => request(`api/results/${id}`, { method: "DELETE" });
export const forgetSource = (id) => request(`api/sources/${id}`, { method: "DELETE" });
export const runs = () => json("api/runs");
export const run = (id) => json(`api/runs/${id}`);
export const curves = (id) => json(`api/runs/${id}/curves`);
export const bytesOf = async (path, signal) => (await request(path, { signal })).arrayBuffer();
export const example = async (name) => new File([await bytesOf(`static/examples/${name}`)], name, { type: "audio/mpeg" });

/** The bytes of a file from `first` to `last`, both included, and the length of the whole file. */
export async function someBytesOf(path, first, last, signal) {
  const answer = await request(path, { signal, range: [first, last] });
  const bytes = await answer.arrayBuffer();
  return { bytes, total: Number(answer.headers.get("Content-Range")?.split("/")[1] ?? bytes.byteLength) };
}

export const sourceAudio = (id) => `api/sources/${id}/audio`;
export const resultAudio = (id, role) => `api/results/${id}/audio/${role}`;
export const resultPicture = (id) => `api/results/${id}/voices.png`;

/** Where to download a result's mix, both voices as `stems`, or `markers`; without amounts it is the mix that was judged. */
export function download(id, format, amounts) {
  if (format === "markers") return `api/results/${id}/markers`;
  const wanted = new URLSearchParams(amounts ? { input: amounts.rhythm, target: amounts.harmony } : {});
  if (format !== "stems") wanted.set("format", format);
  const query = String(wanted);
  return `api/results/${id}/${format === "stems" ? "stems" : "download"}${query && `?${query}`}`;
}

export const exampleAudio = (run, pair, which) =>
  `api/runs/${run}/examples/${encodeURIComponent(pair)}/${encodeURIComponent(which)}`;
export const examplePicture = (run, pair, step) => `${exampleAudio(run, pair, step)}/sources.png`;

/** Whether a source is still held by the server. */
export async function holdsSource(id) {
  try {
    return (await fetch(sourceAudio(id), { headers: { Range: "bytes=0-0" } })).ok;
  } catch {
    return false;
  }
}

/** Sends a file for a role; `onProgress` hears 0..1. The answer has `promise` and `abort`. */
export function upload(file, role, onProgress) {
  const sending = new XMLHttpRequest();
  const promise = new Promise((resolve, reject) => {
    sending.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    });
    sending.addEventListener("load", () => {
      if (sending.status >= 200 && sending.status < 300) resolve(JSON.parse(sending.responseText));
      else reject(new ApiError(sentence(sending.responseText, sending.status), sending.status));
    });
    sending.addEventListener("error", () => reject(new ApiError(`${file.name} could not be sent. ${LOST}`, 0)));
    sending.addEventListener("abort", () => reject(new ApiError("", -1)));
    sending.open("POST", `api/sources?role=${role}&name=${encodeURIComponent(file.name)}`);
    sending.setRequestHeader("Content-Type", "application/octet-stream");
    sending.send(file);
  });
  return { promise, abort: () => sending.abort() };
}
