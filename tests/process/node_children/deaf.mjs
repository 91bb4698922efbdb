/** Tied by PR_SET_PDEATHSIG alone: it never looks at stdin again. */

import { Emitter } from "../../../worker_child/lang/node/child/emitter.mjs";
import { initFrom } from "../../../worker_child/lang/node/child/lifeline.mjs";
import { ready } from "./ready.mjs";

export default async function isDeaf({ first }) {
  await ready(new Emitter(initFrom(first)));
  await new Promise(() => setInterval(() => {}, 60_000));
}
