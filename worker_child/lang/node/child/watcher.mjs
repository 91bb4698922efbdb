/**
 * The thread that reads stdin: each line goes to the main thread, and null at the end.
 *
 * It polls stdin and never blocks in a read: nothing can interrupt that, and process.exit() waits
 * for every thread. A thread cannot end its process with an exit code either, so if the main thread
 * does not leave within the grace, its event loop is held up and the process gets SIGKILL.
 */

import { Socket } from "node:net";
import { parentPort, workerData } from "node:worker_threads";

const STDIN = 0;
const GRACE_MS = 250;

let pending = workerData;

function passOnLines() {
  const lines = pending.split("\n");
  pending = lines.pop();
  for (const line of lines) {
    parentPort.postMessage(line);
  }
}

passOnLines();
const stdin = new Socket({ fd: STDIN, readable: true, writable: false });
stdin.setEncoding("utf8");
stdin.on("data", (text) => {
  pending += text;
  passOnLines();
});
stdin.on("end", () => {
  parentPort.postMessage(null);
  setTimeout(() => process.kill(process.pid, "SIGKILL"), GRACE_MS);
});
