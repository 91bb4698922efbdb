import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";

import { contentOf } from "../child/cached_result.mjs";
import { WireError, asPlan, decodeCommand, decodeInit } from "../child/protocol.mjs";
import { INIT, line } from "./init.mjs";

/** Of the first 100 bytes of a result of the key 0123456789abcdef, as Python makes them. */
const DIGEST = "7d1814ee3a1f973979312bb91fcdef3248fd1135d29e778a70e0123b0889d182";
const PLAN = { job_id: "j000001", kind: "entity_update", profile: "db", length_us: 5000 };

test("an init is read with every digit of its clock anchor", () => {
  assert.deepEqual(decodeInit(line()), INIT);
});

test("long digits within a text are left alone", () => {
  const dsn = 'password=":1234567890123456789,\\"';
  assert.equal(decodeInit(line({ dsn })).dsn, dsn);
});

const REFUSED = [
  ["no JSON", "hello", /is no JSON/],
  ["no object", "[]", /is no JSON object/],
  ["another version", line({ protocol: 3 }), /speaks wire version 2, not 3/],
  ["a word of the wrong type", line({ slot: "0" }), /has a `slot` that is none: "0"/],
  ["an unknown word", line({ colour: "red" }), /has `colour`, which this child does not know/],
  ["a lacking word", line({ dsn: undefined }), /lacks `dsn`/],
];
for (const [what, text, why] of REFUSED) {
  test(`an init with ${what} is refused`, () => {
    assert.throws(() => decodeInit(text), (error) => error instanceof WireError && why.test(error));
  });
}

test("stop and die are the only commands of a worker", () => {
  assert.deepEqual(decodeCommand('{"command":"die"}'), { command: "die" });
  assert.deepEqual(decodeCommand('{"command":"stop"}'), { command: "stop" });
  assert.throws(() => decodeCommand('{"command":"enqueue","jobs":[]}'), WireError);
});

test("a payload is a plan, and so are its children", () => {
  const parent = { ...PLAN, fail: ["transient"], hold: null, children: [PLAN] };
  assert.equal(asPlan(parent, "row 1"), parent);
  assert.throws(() => asPlan({ ...PLAN, profile: "gpu" }, "row 1"), /the payload of row 1/);
  assert.throws(() => asPlan({ ...PLAN, children: [{}] }, "row 1"), /a child in row 1 lacks/);
});

test("a plan may have a result for the queue's cache, whole or refused", () => {
  const result = { address: "a", key: "0123456789abcdef", bytes: 100 };
  assert.deepEqual(asPlan({ ...PLAN, result }, "row 1").result, result);
  assert.equal(asPlan({ ...PLAN, result: null }, "row 1").result, null);
  assert.throws(() => asPlan({ ...PLAN, result: { key: "k" } }, "row 1"), /lacks `address`/);
});

test("a result's bytes are those that Python makes", () => {
  const content = contentOf({ address: "a", key: "0123456789abcdef", bytes: 100 });
  assert.equal(content.length, 100);
  assert.equal(createHash("sha256").update(content).digest("hex"), DIGEST);
});
