/** graphile-worker's worker: its `run`, as its documentation shows it, one task a kind of job. */

import { EventEmitter } from "node:events";
import { createRequire } from "node:module";

import { run, runMigrations } from "graphile-worker";

import { PlannedError, namedPool, program } from "#child";

import { freeDeadPools } from "./rescue.mjs";
import { settingsFrom } from "./settings.mjs";

const INSTALLER = "crashbench:install";

export default program({ work, install, version });

function version() {
  return createRequire(import.meta.url)("graphile-worker/package.json").version;
}

/** By graphile-worker's own migrations. */
async function install(dsn) {
  const pgPool = namedPool(dsn, INSTALLER, { max: 1 });
  await runMigrations({ pgPool });
  await pgPool.end();
}

/** Runs graphile-worker until the parent asks to stop, or SIGTERM does, which it handles itself. */
async function work(child) {
  const { worker, jobs, application } = settingsFrom(child.init.settings);
  const pgPool = child.libraryPool({ max: worker.maxPoolSize });
  const events = new EventEmitter();
  const handlers = new Handlers(child.body, jobs.max_attempts);
  handlers.listenTo(events);
  const listening = listenerOf(events);
  let rescuer = null;
  const announce = once(async (poolId) => {
    if (application.free_dead_pools_every_ms !== null) {
      rescuer = await freeDeadPools(child, poolId, application.free_dead_pools_every_ms);
    }
    await listening;
    child.ready(poolId, {
      library_connections: worker.maxPoolSize,
      application_connections: rescuer === null ? 0 : 1,
    });
  });
  // Before its first claim, each of the pool's workers waits for this hook.
  const announcer = {
    name: "CrashbenchAnnouncer",
    version: "1.0.0",
    worker: { hooks: { startWorker: (_ctx, { worker }) => announce(worker.workerPool.id) } },
  };
  const runner = await run({
    pgPool,
    events,
    taskList: Object.fromEntries(child.init.kinds.map((kind) => [kind, handlers.task])),
    parsedCronItems: [],
    preset: { plugins: [announcer], worker },
  });
  const told = new Promise((resolve) => process.once("SIGTERM", () => resolve("SIGTERM")));
  if ((await Promise.race([child.stop, told, endedUnasked(runner)])) === "SIGTERM") {
    await runner.promise; // graphile-worker's own handlers end it; ours adds nothing to them
  } else {
    await runner.stop();
  }
  await rescuer?.end();
  await pgPool.end();
}

/** The task of every kind, and a word to the parent about what the library decides of a failure. */
class Handlers {
  #body;
  #maxAttempts;
  #open = new Map();

  constructor(body, maxAttempts) {
    this.#body = body;
    this.#maxAttempts = maxAttempts;
  }

  task = async (payload, helpers) => {
    const { id, attempts } = helpers.job;
    const execution = this.#body.enter(payload, { inboxId: id, libraryAttempt: attempts });
    this.#open.set(id, execution);
    try {
      await this.#body.carryOut(execution, (plans) => this.#enqueue(plans, helpers));
    } catch (error) {
      if (!isPermanent(error)) {
        throw error;
      }
      // Thrown, it would be retried like any other: a task can only give up by returning.
      execution.discarded("executor");
    }
  };

  /** graphile-worker emits these right before the statement that makes them true. */
  listenTo(events) {
    events.on("job:error", ({ job }) => {
      if (job.attempts < job.max_attempts) {
        this.#open.get(job.id)?.retried("hook", Math.exp(Math.min(job.attempts, 10)));
      }
    });
    events.on("job:failed", ({ job }) => this.#open.get(job.id)?.discarded("hook"));
    events.on("job:complete", ({ job }) => this.#open.delete(job.id));
  }

  /** The rows come in no promised order, so each is known by its payload. */
  async #enqueue(plans, { addJobs }) {
    const added = await addJobs(
      plans.map((plan) => ({
        identifier: plan.kind,
        payload: plan,
        maxAttempts: this.#maxAttempts,
      })),
    );
    const ids = new Map(added.map(({ id, payload }) => [payload.job_id, id]));
    return plans.map(({ job_id }) => ids.get(job_id));
  }
}

function isPermanent(error) {
  return error instanceof PlannedError && error.errorClass === "permanent";
}

/**
 * Kept when LISTEN has been answered. graphile-worker tells of its listener before it sends LISTEN;
 * "drain" then says that the connection has nothing left to do.
 */
function listenerOf(events) {
  return new Promise((resolve) => {
    events.once("pool:listen:success", ({ client }) => client.once("drain", resolve));
  });
}

async function endedUnasked(runner) {
  await runner.promise;
  throw new Error("graphile-worker's runner ended although nobody had asked it to");
}

/** A function that does its work at the first call; later ones share its promise. */
function once(act) {
  let acted = null;
  return (...given) => (acted ??= act(...given));
}
