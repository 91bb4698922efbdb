import assert from "node:assert/strict";
import test from "node:test";

import { Body, PlannedError, burn } from "../child/body.mjs";
import { Emitter } from "../child/emitter.mjs";
import { Ear, INIT } from "./init.mjs";

const PLAN = { job_id: "j000001", kind: "entity_update", profile: "external_api", length_us: 0 };
const ROW = { inboxId: "7", libraryAttempt: 1 };

/** The bench tables in memory: every call joins `acts`, which the ear's events join as well. */
class FakeBench {
  constructor(acts, failures = 0) {
    this.acts = acts;
    this.failed = failures;
  }
  async query(tenant, queries, lengthS) {
    this.acts.push(`${queries} queries of ${tenant} in ${lengthS} s`);
  }
  async failures() {
    return this.failed;
  }
  async commitFailure(execution, errorClass) {
    this.acts.push(`failure ${errorClass} of ${execution.number}`);
  }
  async commitEffect(execution) {
    this.acts.push(`effect of ${execution.number}`);
  }
}

function makeBody({ changes = {}, failures = 0, callProvider = null } = {}) {
  const ear = new Ear();
  const acts = [];
  const write = (fd, line) => {
    const written = ear.options.write(fd, line);
    acts.push(ear.kinds.at(-1));
    return written;
  };
  const init = { ...INIT, ...changes };
  const emitter = new Emitter(init, { write });
  return { ear, acts, body: new Body(init, emitter, new FakeBench(acts, failures), callProvider) };
}

async function carryOut(body, plan, enqueue) {
  await body.carryOut(body.enter(plan, ROW), enqueue);
}

test("a job is started, has its effect, is completed: in this order", async () => {
  const { body, acts, ear } = makeBody();
  await carryOut(body, PLAN);
  assert.deepEqual(acts, ["job_started", "effect of 1", "job_completed"]);
  const { t_ns, ...started } = ear.only("job_started");
  assert.equal(typeof t_ns, "number");
  assert.deepEqual(started, {
    n: 0,
    slot: 2,
    incarnation: 3,
    job_id: "j000001",
    execution: 1,
    inbox_id: "7",
    library_attempt: 1,
  });
});

test("executions are numbered from 1 and never reused", async () => {
  const { body, ear } = makeBody();
  await carryOut(body, PLAN);
  await carryOut(body, PLAN);
  assert.deepEqual(
    ear.lines.map(({ fields }) => fields.execution),
    [1, 1, 2, 2],
  );
});

test("a job that kills its worker says so after its work, and never ends", async () => {
  const { body, acts } = makeBody();
  const plan = { ...PLAN, profile: "db", queries: 2, die: true };
  const over = carryOut(body, plan).then(() => "over");
  const later = new Promise((resolve) => setImmediate(() => setImmediate(() => resolve("later"))));
  assert.equal(await Promise.race([over, later]), "later");
  assert.deepEqual(acts, ["job_started", "2 queries of undefined in 0 s", "job_dying"]);
  assert.equal(body.doomed, true);
});

test("where effects are off there is none", async () => {
  const { body, acts } = makeBody({ changes: { effects: false } });
  await carryOut(body, PLAN);
  assert.deepEqual(acts, ["job_started", "job_completed"]);
});

test("a db job queries, a cpu job burns", async () => {
  const { body, acts } = makeBody();
  await carryOut(body, { ...PLAN, profile: "db", queries: 2, length_us: 100_000, tenant: "t1" });
  await carryOut(body, { ...PLAN, profile: "cpu", cpu_iterations: 10 });
  assert.equal(acts[1], "2 queries of t1 in 0.1 s");
  assert.equal(acts.at(-1), "job_completed");
});

test("burning leaves the event loop free", async () => {
  let ticks = 0;
  const ticking = setInterval(() => (ticks += 1), 1);
  await burn(400_000); // a tenth of a second
  clearInterval(ticking);
  assert.ok(ticks > 2, `${ticks} ticks of 1 ms`);
});

test("a planned failure is committed before it is told, and thrown", async () => {
  const { body, acts, ear } = makeBody({ failures: 1 });
  const plan = { ...PLAN, fail: ["rate_limit", "permanent"] };
  await assert.rejects(carryOut(body, plan), (error) => {
    return error instanceof PlannedError && error.errorClass === "permanent";
  });
  assert.deepEqual(acts, ["job_started", "failure permanent of 1", "job_failed"]);
  assert.equal(ear.only("job_failed").message, "PlannedError: planned failure: permanent");
});

test("after its last planned failure a job succeeds", async () => {
  const { body, acts } = makeBody({ failures: 2 });
  await carryOut(body, { ...PLAN, fail: ["transient", "transient"] });
  assert.equal(acts.at(-1), "job_completed");
});

test("whatever else is thrown is unplanned, its text cut at 500 characters", async () => {
  const callProvider = () => Promise.reject(new TypeError("😀".repeat(600)));
  const { body, ear } = makeBody({ callProvider });
  await assert.rejects(carryOut(body, PLAN), TypeError);
  const { error_class, message } = ear.only("job_failed");
  assert.equal(error_class, "unplanned");
  assert.equal([...message].length, 500);
});

test("a provider's refusal is the planned failure", async () => {
  const callProvider = async () => ({ errorClass: "rate_limit", retryAfterS: 4 });
  const { body, ear } = makeBody({ callProvider });
  await assert.rejects(carryOut(body, PLAN), PlannedError);
  assert.equal(ear.only("job_failed").retry_after_s, 4);
});

for (const [point, last] of [
  ["started", "job_started"],
  ["effect", "effect of 1"],
  ["completed", "job_completed"],
  ["return", "job_completed"],
]) {
  test(`a job held at ${point} stops there, in incarnation 0 alone`, async () => {
    const first = makeBody({ changes: { incarnation: 0 } });
    const held = carryOut(first.body, { ...PLAN, hold: point }).then(() => "went on");
    const waited = new Promise((resolve) => setTimeout(resolve, 20, "held"));
    assert.equal(await Promise.race([held, waited]), "held");
    assert.equal(first.acts.at(-1), last);
    await carryOut(makeBody({ changes: { incarnation: 1 } }).body, { ...PLAN, hold: point });
  });
}

test("a coordinator enqueues its jobs through the library, before its effect", async () => {
  const { body, acts, ear } = makeBody();
  const child = { ...PLAN, job_id: "j000001/0", class: "short", tenant: "t1" };
  const enqueue = async (plans) => plans.map(({ job_id }) => `row of ${job_id}`);
  await carryOut(body, { ...PLAN, children: [child] }, enqueue);
  assert.deepEqual(acts, ["job_started", "job_enqueued", "effect of 1", "job_completed"]);
  const { outcome, inbox_id, execution, tenant } = ear.only("job_enqueued");
  assert.deepEqual(
    { outcome, inbox_id, execution, tenant },
    { outcome: "accepted", inbox_id: "row of j000001/0", execution: 1, tenant: "t1" },
  );
});

test("a fan-out that the adapter does not offer is an unplanned failure", async () => {
  const { body, ear } = makeBody();
  await assert.rejects(carryOut(body, { ...PLAN, children: [PLAN] }), /does not offer fan_out/);
  assert.equal(ear.only("job_failed").error_class, "unplanned");
});

test("what the library decides after a failure is told with its delay", () => {
  const { body, ear } = makeBody();
  const execution = body.enter(PLAN, ROW);
  execution.retried("hook", 20);
  execution.discarded("hook");
  assert.equal(ear.only("job_retried").delay_s, 20);
  assert.equal(ear.only("job_discarded").observed_by, "hook");
});
