/**
 * A Node child's entry: `setpriv --pdeathsig KILL node launch.cjs <main.mjs> [argument]`.
 *
 * A CommonJS file, because it must read the init before libuv starts its threads: their number is
 * fixed at their first use, and loading an ES module is one. CPU jobs burn on those threads.
 */

"use strict";

const fs = require("node:fs");
const { pathToFileURL } = require("node:url");

const STDIN = 0;
const PARENT_PID_VARIABLE = "CRASHBENCH_PARENT_PID";
const EXIT_FAILED = 1;
const EXIT_PARENT_GONE = 71;
const LIBUV_DEFAULT_THREADS = 4;

/** setpriv has asked for SIGKILL at the parent's death; what if that came before it could ask? */
function leaveIfOrphaned() {
  const expected = process.env[PARENT_PID_VARIABLE];
  if (expected !== undefined && process.ppid !== Number(expected)) {
    process.exit(EXIT_PARENT_GONE);
  }
}

/** The first line on stdin, and what came in with it. */
function readFirstLine() {
  const chunk = Buffer.alloc(65536);
  let pending = Buffer.alloc(0);
  for (;;) {
    const end = pending.indexOf("\n");
    if (end >= 0) {
      return { first: pending.toString("utf8", 0, end), rest: pending.subarray(end + 1) };
    }
    const size = fs.readSync(STDIN, chunk);
    if (size === 0) {
      process.exit(EXIT_PARENT_GONE);
    }
    pending = Buffer.concat([pending, chunk.subarray(0, size)]);
  }
}

/** As many threads as jobs may burn at once; one more, so that they cannot hold up a DNS lookup. */
function threadsFor(first) {
  try {
    const { concurrency } = JSON.parse(first);
    return Math.max(LIBUV_DEFAULT_THREADS, Number.isSafeInteger(concurrency) ? concurrency + 1 : 0);
  } catch {
    // What is wrong with the line is said by the one who decodes it, in protocol.mjs.
    return LIBUV_DEFAULT_THREADS;
  }
}

async function main() {
  leaveIfOrphaned();
  const [file, ...words] = process.argv.slice(2);
  const input = words.length === 0 ? readFirstLine() : null;
  if (input !== null) {
    process.env.UV_THREADPOOL_SIZE = String(threadsFor(input.first));
  }
  const { default: program } = await import(pathToFileURL(file).href);
  await program(input, words);
}

main().catch((error) => {
  console.error(error);
  process.exit(EXIT_FAILED);
});
