/** The first event of a fake child, with what it can tell of its process. */

import { pbkdf2 } from "node:crypto";
import { readdirSync } from "node:fs";
import { promisify } from "node:util";

/** Once libuv's threads are there: they start at their first use. */
export async function ready(emitter) {
  await promisify(pbkdf2)("a", "b", 1, 32, "sha256");
  emitter.emit("child_ready", {
    pid: process.pid,
    identity: `me-${process.pid}`,
    effective: { threads: readdirSync("/proc/self/task").length },
  });
}
