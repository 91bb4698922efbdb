/** Ties a child's life to its parent's, and hears its commands; see PROTOCOL.md. */

import { once } from "node:events";
import { Worker } from "node:worker_threads";

import { WireError, decodeCommand, decodeInit } from "./protocol.mjs";

const EXIT_FAILED = 1;
/** What kill(2) takes for it. */
const OWN_GROUP = 0;
export const EXIT_PARENT_GONE = 71;
export const EXIT_BAD_INPUT = 72;

/** The init in the first line on stdin; the process leaves if it is none. */
export function initFrom(first) {
  try {
    const init = decodeInit(first);
    if (init.role !== "worker") {
      throw new WireError(`the init has the role ${init.role}; this child can only be a worker`);
    }
    return init;
  } catch (error) {
    return leave(EXIT_BAD_INPUT, error);
  }
}

/**
 * Watches stdin from a thread, since a job may hold up the event loop: `onStop` is called when the
 * parent asks to stop; told to die, it kills its own process group; at the end of stdin the process
 * leaves. `rest` is what was read with the init.
 * The promise is kept once the thread is up: from then on nothing can outlive the parent.
 */
export function watchCommands(rest, onStop) {
  const thread = new Worker(new URL("./watcher.mjs", import.meta.url), {
    workerData: rest.toString("utf8"),
  });
  thread.on("message", (line) => {
    if (line === null) {
      process.exit(EXIT_PARENT_GONE);
    }
    if (commandIn(line) === "die") {
      process.kill(OWN_GROUP, "SIGKILL");
    } else {
      onStop();
    }
  });
  return once(thread, "online").then(() => thread.unref());
}

function commandIn(line) {
  try {
    return decodeCommand(line).command;
  } catch (error) {
    return leave(EXIT_BAD_INPUT, error);
  }
}

/** Ends the process by a fault that is the instrument's and not the library's: the wire's words. */
export function leaveByOurFault(text) {
  leave(EXIT_FAILED, `crashbench: ${text}`);
}

/** Ends the process with a word to the parent, which quotes stderr. */
export function leave(code, error) {
  console.error(error);
  process.exit(code);
}
