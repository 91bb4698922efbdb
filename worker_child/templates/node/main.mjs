/** The child's side: claims jobs, has each job's body run, and says what the library decided. */

import { setTimeout as sleep } from "node:timers/promises";

import { PlannedError, program } from "#child";

import { LeaseQueue } from "./lease_queue.mjs";

export default program({ work });

/** Serves jobs until the parent asks to stop; what is open then is finished. */
async function work(child) {
  const { settings, application_name } = child.init;
  const pool = child.libraryPool({ max: 1 });
  // No other process bears this name: rows can be told apart by it, and by it alone.
  const queue = new LeaseQueue(pool, application_name, settings.lease_s);
  await queue.renew(); // opens the connection
  child.ready(application_name, { library_connections: 1 });
  const served = serve(child, queue, settings);
  await Promise.all([served, renew(queue, settings.lease_s / 3, served)]);
  await pool.end();
}

async function serve(child, queue, settings) {
  let stopping = false;
  child.stop.then(() => (stopping = true));
  const open = new Set();
  while (!stopping) {
    if (open.size === settings.concurrency) {
      await Promise.race([child.stop, ...open]);
      continue;
    }
    const job = await queue.claim();
    if (job === null) {
      await Promise.race([child.stop, sleep(settings.poll_s * 1000)]);
      continue;
    }
    const running = run(child, queue, job).finally(() => open.delete(running));
    open.add(running);
  }
  await Promise.all(open);
}

/** The handler: enter, carry out, and only then acknowledge. */
async function run({ body, init }, queue, job) {
  const execution = body.enter(JSON.parse(job.payload), {
    inboxId: job.id,
    libraryAttempt: job.attempts,
  });
  try {
    await body.carryOut(execution, (plans) => queue.enqueue(plans));
  } catch (error) {
    await fail(queue, job, execution, error, init.settings);
    return;
  }
  await queue.acknowledge(job);
}

/** What the library decides after a failure; your library may tell it by a hook. */
async function fail(queue, job, execution, error, { max_attempts, retry_delay_s }) {
  const permanent = error instanceof PlannedError && error.errorClass === "permanent";
  if (permanent || job.attempts + 1 >= max_attempts) {
    await queue.giveUp(job);
    execution.discarded("executor");
    return;
  }
  const delayS = retry_delay_s * 2 ** job.attempts;
  await queue.retry(job, delayS);
  execution.retried("executor", delayS);
}

/** Renews the leases until everything is served. */
async function renew(queue, everyS, served) {
  const over = served.then(() => true);
  while (!(await Promise.race([over, sleep(everyS * 1000, false)]))) {
    await queue.renew();
  }
}
