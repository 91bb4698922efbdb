/**
 * The cost of an event: `node event.mjs emitter|floor JOBS` writes the two events of each job to
 * stdout, a pipe that somebody drains, and says on stderr how much CPU time one took, the kernel's
 * share with it. The floor is JSON.stringify and one write of the same line, without clock or check.
 */

import { writeSync } from "node:fs";

import { Execution } from "../child/body.mjs";
import { Emitter } from "../child/emitter.mjs";

const STDOUT = 1;
const NS_PER_US = 1_000;
const RUN_ID = "bench-talkers-none-001";
const PLAN = { job_id: "j000224" };
const WARM_UP_JOBS = 5_000;

function byEmitter() {
  const clock_anchor = { monotonic_ns: 0n, wall_ns: 0n };
  const init = { run_id: RUN_ID, slot: 0, incarnation: 0, event_fd: STDOUT, clock_anchor };
  const emitter = new Emitter(init);
  return (number) => {
    const execution = new Execution(emitter, number, PLAN, "224");
    execution.emit("job_started");
    execution.emit("job_completed");
  };
}

function atTheFloor() {
  const timestamp = "2026-01-01T00:00:00.000000Z";
  const [t_ns] = process.hrtime();
  let n = 0;
  const write = (kind, execution) => {
    n += 1;
    const facts = { job_id: "j000224", execution, inbox_id: "224" };
    const fields = { t_ns, n, slot: 0, incarnation: 0, ...facts };
    writeSync(STDOUT, `${JSON.stringify({ run_id: RUN_ID, timestamp, kind, fields })}\n`);
  };
  return (number) => {
    write("job_started", number);
    write("job_completed", number);
  };
}

const [voice, jobs] = process.argv.slice(2);
const tell = { emitter: byEmitter, floor: atTheFloor }[voice]();
for (let number = 1; number <= WARM_UP_JOBS; number += 1) {
  tell(number);
}
const begun = process.cpuUsage();
for (let number = 1; number <= Number(jobs); number += 1) {
  tell(number);
}
const { user, system } = process.cpuUsage(begun);
console.error(`${((user + system) * NS_PER_US) / (2 * Number(jobs))} cpu-ns/event`);
