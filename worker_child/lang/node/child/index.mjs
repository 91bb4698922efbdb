/**
 * What every Node worker has around its library: the wire, the lifeline, the emitter, the job body
 * and its pool. The twin of Python's worker_child; PROTOCOL.md binds both.
 *
 * An adapter is a module that `launch.cjs` is started with:
 *
 *     import { program } from "#child";
 *     export default program({ work, install, version });
 *
 *     async function work(child) {
 *       ...                                        // start the library
 *       child.ready(identity, { library_connections: n });
 *       await child.stop;                          // the parent asked to stop
 *       ...                                        // claim nothing more, finish, return
 *     }
 *
 * and each of its handlers is this and nothing else:
 *
 *     const execution = child.body.enter(payload, { inboxId, libraryAttempt });  // job_started
 *     await child.body.carryOut(execution, enqueue);            // to job_completed or job_failed
 */

import { Bench } from "./bench.mjs";
import { Body } from "./body.mjs";
import { Emitter } from "./emitter.mjs";
import { initFrom, watchCommands } from "./lifeline.mjs";
import { namedPool, openFullPool } from "./pool.mjs";
import { calling } from "./provider.mjs";

export { PlannedError } from "./body.mjs";
export { contentOf } from "./cached_result.mjs";
export { namedPool } from "./pool.mjs";
export { settingsOf } from "./dsn.mjs";

/** Holds the DSN for the argument `install`: a password must not stand in argv. */
const INSTALL_DSN_VARIABLE = "CRASHBENCH_DSN";

/** What an adapter's `work` is given. */
class Child {
  /** `stop` is a promise, kept when the parent asks to stop: claim nothing more, finish, return. */
  constructor(init, emitter, body, stop) {
    this.init = init;
    this.emitter = emitter;
    this.body = body;
    this.stop = stop;
  }

  /** A pool for the library itself, its sessions under this child's name; options of pg.Pool. */
  libraryPool(options) {
    return namedPool(this.init.dsn, this.init.application_name, options);
  }

  /**
   * Says that the listener is up and the first claim can happen. `identity` is what the library
   * writes into the rows that it claims; it must be this incarnation's alone.
   */
  ready(identity, effective = {}) {
    const { pool_size } = this.init;
    this.emitter.emit("child_ready", {
      pid: process.pid,
      identity,
      effective: { body_connections: pool_size, ...effective },
    });
  }
}

/**
 * A program for `launch.cjs`. Without an argument it is the worker that its init describes
 * (`work(child)`); with `install` it creates the library's schema (`install(dsn)`), with `version` it
 * prints that of the library (`version()`).
 */
export function program({ work, install, version }) {
  const acts = new Map([
    ["install", () => runInstall(install)],
    ["version", () => console.log(version())],
  ]);
  return async (input, words) => {
    if (input !== null) {
      await serve(input, work);
    } else if (words.length === 1 && acts.has(words[0])) {
      await acts.get(words[0])();
    } else {
      throw new Error(`"${words.join(" ")}" was asked for; there is ${[...acts.keys()].join(", ")}`);
    }
    process.exit(0);
  };
}

async function runInstall(install) {
  const dsn = process.env[INSTALL_DSN_VARIABLE];
  if (dsn === undefined) {
    throw new Error(`install needs the DSN in ${INSTALL_DSN_VARIABLE}`);
  }
  await install(dsn);
}

async function serve({ first, rest }, work) {
  const init = initFrom(first);
  let body = null;
  const stop = new Promise((resolve) => {
    watchCommands(rest, () => (body?.doomed ? process.exit(0) : resolve()));
  });
  const { dsn, application_name, pool_size, concurrency, provider } = init;
  const pool = await openFullPool(dsn, application_name, pool_size);
  const emitter = new Emitter(init);
  const callProvider = provider === null ? null : calling(provider, concurrency);
  body = new Body(init, emitter, new Bench(init, pool), callProvider);
  await work(new Child(init, emitter, body, stop));
  await pool.end();
}
