/** Writes a thousand events and waits for its end. */

import { Emitter } from "../../../worker_child/lang/node/child/emitter.mjs";
import { initFrom, watchCommands } from "../../../worker_child/lang/node/child/lifeline.mjs";

const EVENTS = 1000;

export default async function shouts({ first, rest }) {
  const emitter = new Emitter(initFrom(first));
  const stop = new Promise((resolve) => watchCommands(rest, resolve));
  for (let event = 0; event < EVENTS; event += 1) {
    emitter.emit("note", { code: "x", message: "é".repeat(event) });
  }
  const waiting = setInterval(() => {}, 60_000);
  await stop;
  clearInterval(waiting);
}
