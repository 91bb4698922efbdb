/** Does two jobs, one of them without end, and leaves when it is asked to stop. */

import { Emitter } from "../../../worker_child/lang/node/child/emitter.mjs";
import { initFrom, watchCommands } from "../../../worker_child/lang/node/child/lifeline.mjs";
import { ready } from "./ready.mjs";

export default async function works({ first, rest }) {
  const init = initFrom(first);
  const emitter = new Emitter(init);
  const stop = new Promise((resolve) => watchCommands(rest, resolve));
  await ready(emitter);
  emitter.emit("job_started", { job_id: "j000000", execution: 1 });
  emitter.emit("job_completed", { job_id: "j000000", execution: 1 });
  emitter.emit("job_started", { job_id: "j000001", execution: 2 });
  console.log("a stray print");
  // Alive until then: the watcher alone does not keep a process.
  const waiting = setInterval(() => {}, 60_000);
  await stop;
  clearInterval(waiting);
}
