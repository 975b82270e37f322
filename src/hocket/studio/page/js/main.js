/** Starts the page: asks what this studio is, then wires both tabs. */

import * as api from "./api.js";
import { byId, say } from "./dom.js";
import { FuseTab } from "./fuse.js";
import { tabs } from "./tabs.js";
import { TrainingTab } from "./training.js";
import { current, listenToKeys, pauseAll } from "./transport.js";

async function start() {
  let about;
  try {
    about = await api.about();
  } catch (error) {
    say(byId("page-error"), error.message);
    return;
  }
  byId("version").textContent = `Hocket ${about.version}, weights: ${about.weights}.`;
  const fuse = new FuseTab(about);
  const training = new TrainingTab(byId("panel-training"), about);
  tabs(document.querySelector("[role=tablist]"), (panel) => {
    pauseAll();
    fuse.cards.forEach((card) => card.pause());
    training.show(panel === "panel-training");
  });
  listenToKeys();
  // What a test, or a curious person at the console, looks at.
  window.hocketStudio = { get player() { return current()?.player; }, fuse, training };
  document.documentElement.dataset.ready = "true";
  performance.mark("hocket-ready");
  await fuse.restore();
}

start();
