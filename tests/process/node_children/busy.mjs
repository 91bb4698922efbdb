/** Holds up its own event loop for ever, as a CPU job on the loop would. */

import { Emitter } from "../../../worker_child/lang/node/child/emitter.mjs";
import { initFrom, watchCommands } from "../../../worker_child/lang/node/child/lifeline.mjs";
import { ready } from "./ready.mjs";

export default async function isBusy({ first, rest }) {
  const emitter = new Emitter(initFrom(first));
  await watchCommands(rest, () => {});
  await ready(emitter);
  for (;;);
}
