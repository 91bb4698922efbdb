import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import test from "node:test";

import { ProviderAnswerError, calling } from "../child/provider.mjs";

const PLAN = { job_id: "j000001/2", length_us: 1000 };

/** A provider that answers all alike; `asked` is what it was asked. */
async function providerOf(context, status, headers = {}) {
  const asked = [];
  const server = createServer((question, answer) => {
    asked.push(`${question.method} ${question.url}`);
    answer.writeHead(status, headers).end("a word");
  });
  let connections = 0;
  server.on("connection", () => (connections += 1));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const call = calling(`http://127.0.0.1:${server.address().port}`, 2);
  return { asked, call, connections: () => connections };
}

test("a job is one POST that tells how often it has failed", async (context) => {
  const { asked, call } = await providerOf(context, 200);
  assert.equal(await call(PLAN, 3), null);
  assert.deepEqual(asked, ["POST /jobs/j000001/2?failures=3"]);
});

test("one connection serves many jobs", async (context) => {
  const { call, connections } = await providerOf(context, 200);
  for (let job = 0; job < 5; job += 1) {
    await call(PLAN, 0);
  }
  assert.equal(connections(), 1);
});

test("a 429 is a rate limit, with the seconds to wait", async (context) => {
  const { call } = await providerOf(context, 429, { "Retry-After": "4" });
  assert.deepEqual(await call(PLAN, 0), { errorClass: "rate_limit", retryAfterS: 4 });
});

for (const [status, errorClass] of [
  [503, "transient"],
  [422, "permanent"],
]) {
  test(`${status} is ${errorClass}`, async (context) => {
    const { call } = await providerOf(context, status);
    assert.deepEqual(await call(PLAN, 0), { errorClass });
  });
}

test("what no plan foresees is an error", async (context) => {
  const { call } = await providerOf(context, 404);
  await assert.rejects(call(PLAN, 0), ProviderAnswerError);
});

test("a provider that is not there is an error", async () => {
  await assert.rejects(calling("http://127.0.0.1:1", 1)(PLAN, 0), { code: "ECONNREFUSED" });
});
