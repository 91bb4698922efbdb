import assert from "node:assert/strict";
import test from "node:test";

import { Emitter } from "../child/emitter.mjs";
import { MAX_LINE_BYTES } from "../child/protocol.mjs";
import { INIT, MONOTONIC_NS, RUN_ID, hrtime } from "./init.mjs";

const NS_PER_S = 1_000_000_000n;

/** An emitter whose clock shows `stamps` one after the other; what it writes, how it fails. */
function emitterAt(...stamps) {
  const written = [];
  const failures = [];
  const fail = (text) => failures.push(text);
  const write = (fd, text) => {
    written.push({ fd, text });
    return Buffer.byteLength(text);
  };
  const clock = () => hrtime(stamps.length > 1 ? stamps.shift() : stamps[0]);
  return { emitter: new Emitter(INIT, { write, clock, fail }), written, failures };
}

test("a line is a line of the history, byte for byte", () => {
  const { emitter, written } = emitterAt(MONOTONIC_NS);
  emitter.emit("note", { code: "x" });
  assert.deepEqual(written, [
    {
      fd: INIT.event_fd,
      text:
        `{"run_id":"${RUN_ID}","timestamp":"2026-09-21T14:13:20.123456Z","kind":"note",` +
        '"fields":{"t_ns":5000000000,"n":0,"slot":2,"incarnation":3,"code":"x"}}\n',
    },
  ]);
});

test("each event is one write of one line, counted without a gap", () => {
  const { emitter, written } = emitterAt(MONOTONIC_NS);
  for (let number = 0; number < 3; number += 1) {
    emitter.emit("note", { code: "x", message: "a\nb" });
  }
  assert.deepEqual(
    written.map(({ text }) => text.match(/\n/g).length),
    [1, 1, 1],
  );
  assert.deepEqual(
    written.map(({ text }) => JSON.parse(text).fields.n),
    [0, 1, 2],
  );
});

test("timestamps are right across a second, and when the clock falls back over it", () => {
  const untilSecond = NS_PER_S - 123_456_789n;
  const { emitter, written } = emitterAt(
    MONOTONIC_NS + untilSecond - 1n,
    MONOTONIC_NS + untilSecond,
    MONOTONIC_NS + 60n * NS_PER_S,
    MONOTONIC_NS,
  );
  for (let number = 0; number < 4; number += 1) {
    emitter.emit("note", { code: "x" });
  }
  assert.deepEqual(
    written.map(({ text }) => JSON.parse(text).timestamp),
    [
      "2026-09-21T14:13:20.999999Z",
      "2026-09-21T14:13:21.000000Z",
      "2026-09-21T14:14:20.123456Z",
      "2026-09-21T14:13:20.123456Z",
    ],
  );
});

test("a stamp keeps every digit, on a machine of any age", () => {
  const stamps = [0n, 7n, NS_PER_S, 9_007_199_254_740_993n, 100_000_000_000_000_001n];
  const { emitter, written } = emitterAt(...stamps);
  for (const stamp of stamps) {
    emitter.emit("note", {});
    assert.ok(written.at(-1).text.includes(`{"t_ns":${stamp},"n":`), written.at(-1).text);
  }
});

test("the longest line passes; one byte more is refused and leaves no gap", () => {
  const { emitter, written, failures } = emitterAt(MONOTONIC_NS);
  emitter.emit("note", { code: "" });
  const room = MAX_LINE_BYTES - written[0].text.length;
  emitter.emit("note", { code: "x".repeat(room) });
  assert.equal(written[1].text.length, MAX_LINE_BYTES);
  assert.deepEqual(failures, []);
  emitter.emit("note", { code: "é".repeat(Math.ceil((room + 1) / 2)) });
  assert.match(failures[0], /^a note event of 409[78] bytes arrived; the wire takes at most 4096/);
  emitter.emit("note", { code: "after" });
  assert.equal(JSON.parse(written[2].text).fields.n, 2);
});

test("a line that is not written whole is our own fault", () => {
  const failures = [];
  const fail = (text) => failures.push(text);
  const refuse = () => {
    throw new Error("no");
  };
  new Emitter(INIT, { write: () => 7, fail }).emit("note", { code: "x" });
  new Emitter(INIT, { write: refuse, fail }).emit("note", { code: "x" });
  assert.match(failures[0], /^7 of the \d+ bytes of a note event were taken$/);
  assert.equal(failures[1], "an event could not be written to the pipe: no");
});
