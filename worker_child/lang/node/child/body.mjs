/**
 * Runs one job as its plan says; every library's handler is this and nothing else.
 *
 * started -> sleep, queries or CPU -> (death) -> fan-out -> effect -> completed -> back to the library. The
 * order is the wire's promise: job_completed is written after the effect is durably committed and
 * before the handler returns, so an event proves its effect, and a missing event proves nothing.
 */

import { pbkdf2 } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

import { asPlan } from "./protocol.mjs";
import { Fraction } from "./spelling.mjs";

const MESSAGE_LIMIT = 500;
const US_PER_MS = 1_000;
const US_PER_S = 1_000_000;
const KEY_BYTES = 32;

const deriveKey = promisify(pbkdf2);

/** The failure that a job's plan asks for; the adapter throws it as its library expects. */
export class PlannedError extends Error {
  name = "PlannedError";

  /** `refusal` = { errorClass, retryAfterS } */
  constructor({ errorClass, retryAfterS }) {
    super(`planned failure: ${errorClass}`);
    this.errorClass = errorClass;
    this.retryAfterS = retryAfterS;
  }
}

/** One entry into a job's handler. */
export class Execution {
  #emitter;

  constructor(emitter, number, plan, inboxId) {
    this.#emitter = emitter;
    this.number = number;
    this.plan = plan;
    this.inboxId = inboxId;
  }

  /** The library has taken the failed job back, for another attempt `delayS` s after it failed. */
  retried(observedBy, delayS) {
    this.emit("job_retried", { observed_by: observedBy, delay_s: new Fraction(delayS) });
  }

  /** The library has given the job up. */
  discarded(observedBy) {
    this.emit("job_discarded", { observed_by: observedBy });
  }

  /** Writes an event of this execution. */
  emit(kind, fields = {}) {
    const { job_id } = this.plan;
    this.#emitter.emit(kind, {
      job_id,
      execution: this.number,
      inbox_id: this.inboxId,
      ...fields,
    });
  }
}

/** Interprets plans. One per child; executions are numbered from 1 and never reused. */
export class Body {
  #init;
  #emitter;
  #bench;
  #callProvider;
  #executions = 0;
  #doomed = false;

  /** `callProvider(plan, failures)` returns a promise of a refusal or null; null = jobs sleep. */
  constructor(init, emitter, bench, callProvider = null) {
    this.#init = init;
    this.#emitter = emitter;
    this.#bench = bench;
    this.#callProvider = callProvider;
  }

  /**
   * Enters the handler of the job with this payload (parsed): the pickup. `inboxId` is a string;
   * `libraryAttempt` the library's own count, undefined where it has none.
   */
  enter(payload, { inboxId, libraryAttempt }) {
    this.#executions += 1;
    const plan = asPlan(payload, `row ${inboxId}`);
    const execution = new Execution(this.#emitter, this.#executions, plan, inboxId);
    execution.emit("job_started", { library_attempt: libraryAttempt });
    return execution;
  }

  /**
   * Does the job, from started to completed. Throws `PlannedError` where the plan says so; whatever
   * else is thrown is unplanned. Either way a job_failed has been written.
   *
   * `enqueue` is the library's own, of an adapter that offers fan_out: it takes plans, puts them into
   * the queue in one go, and promises their inbox ids in the same order.
   */
  async carryOut(execution, enqueue = null) {
    try {
      await this.#untilDone(execution, enqueue);
    } catch (error) {
      emitFailed(execution, error);
      throw error;
    }
    execution.emit("job_completed");
    await this.#hold(execution, "completed");
    await this.#hold(execution, "return");
  }

  async #untilDone(execution, enqueue) {
    const { plan } = execution;
    await this.#hold(execution, "started");
    const failures = plan.fail?.length ? await this.#bench.failures(plan.job_id) : 0;
    const refusal = await this.#work(plan, failures);
    if (refusal !== null) {
      await this.#bench.commitFailure(execution, refusal.errorClass);
      throw new PlannedError(refusal);
    }
    await this.#die(execution);
    await this.#fanOut(execution, enqueue);
    if (this.#init.effects) {
      await this.#bench.commitEffect(execution);
    }
    await this.#hold(execution, "effect");
  }

  /** Stops for good: only the death of the process ends it. */
  async #hold({ plan }, point) {
    if (plan.hold === point && this.#init.incarnation === 0) {
      await new Promise(() => {});
    }
  }

  /** Whether a job waits to kill this process: it will never finish. */
  get doomed() {
    return this.#doomed;
  }

  /** Says that this job kills its process, and waits for the word to do it. */
  async #die(execution) {
    if (execution.plan.die) {
      this.#doomed = true;
      execution.emit("job_dying");
      await new Promise(() => {});
    }
  }

  /** Does the planned work; says how the job is to fail this time, null if not at all. */
  async #work(plan, failures) {
    if (plan.profile === "external_api" && this.#callProvider !== null) {
      return this.#callProvider(plan, failures);
    }
    await this.#spend(plan);
    const errorClass = plan.fail?.[failures];
    return errorClass === undefined ? null : { errorClass };
  }

  async #spend(plan) {
    if (plan.profile === "db") {
      await this.#bench.query(plan.tenant, plan.queries ?? 0, plan.length_us / US_PER_S);
    } else if (plan.profile === "cpu") {
      await burn(plan.cpu_iterations ?? 0);
    } else if (plan.length_us > 0) {
      await sleep(Math.ceil(plan.length_us / US_PER_MS));
    }
  }

  async #fanOut(execution, enqueue) {
    const plans = execution.plan.children ?? [];
    if (plans.length === 0) {
      return;
    }
    if (enqueue === null) {
      throw new Error("the plan has children, but this adapter does not offer fan_out");
    }
    const sentNs = process.hrtime.bigint();
    const inboxIds = await enqueue(plans);
    const acknowledgedNs = process.hrtime.bigint();
    if (inboxIds.length !== plans.length) {
      throw new Error(`${plans.length} jobs were fanned out, ${inboxIds.length} ids came back`);
    }
    plans.forEach((plan, at) => {
      this.#emitter.emit("job_enqueued", {
        job_id: plan.job_id,
        outcome: "accepted",
        kind: plan.kind,
        class: plan.class ?? "",
        length_us: plan.length_us,
        intended_ns: sentNs,
        sent_ns: sentNs,
        acknowledged_ns: acknowledgedNs,
        inbox_id: inboxIds[at],
        execution: execution.number,
        tenant: plan.tenant ?? undefined,
      });
    });
  }
}

/**
 * Burns CPU on libuv's threads: rounds of PBKDF2-HMAC-SHA256 (RFC 8018), the same in every language.
 */
export async function burn(iterations) {
  await deriveKey("crashbench", "burn", iterations, KEY_BYTES, "sha256");
}

function emitFailed(execution, error) {
  const planned = error instanceof PlannedError ? error : null;
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  execution.emit("job_failed", {
    error_class: planned?.errorClass ?? "unplanned",
    message: [...text].slice(0, MESSAGE_LIMIT).join(""),
    retry_after_s:
      planned?.retryAfterS === undefined ? undefined : new Fraction(planned.retryAfterS),
  });
}
