import assert from "node:assert/strict";
import test from "node:test";

import { WireError, asPlan, decodeCommand, decodeInit } from "../child/protocol.mjs";
import { INIT, line } from "./init.mjs";

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
  ["another version", line({ protocol: 2 }), /speaks wire version 1, not 2/],
  ["a word of the wrong type", line({ slot: "0" }), /has a `slot` that is none: "0"/],
  ["an unknown word", line({ colour: "red" }), /has `colour`, which this child does not know/],
  ["a lacking word", line({ dsn: undefined }), /lacks `dsn`/],
];
for (const [what, text, why] of REFUSED) {
  test(`an init with ${what} is refused`, () => {
    assert.throws(() => decodeInit(text), (error) => error instanceof WireError && why.test(error));
  });
}

test("stop is the only command of a worker", () => {
  assert.deepEqual(decodeCommand('{"command":"stop"}'), { command: "stop" });
  assert.throws(() => decodeCommand('{"command":"enqueue","jobs":[]}'), WireError);
});

test("a payload is a plan, and so are its children", () => {
  const parent = { ...PLAN, fail: ["transient"], hold: null, children: [PLAN] };
  assert.equal(asPlan(parent, "row 1"), parent);
  assert.throws(() => asPlan({ ...PLAN, profile: "gpu" }, "row 1"), /the payload of row 1/);
  assert.throws(() => asPlan({ ...PLAN, children: [{}] }, "row 1"), /a child in row 1 lacks/);
});
