/** The lines that the emitters of all languages must write alike, byte for byte. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { Emitter } from "../child/emitter.mjs";
import { Fraction } from "../child/spelling.mjs";
import { INIT, hrtime } from "./init.mjs";

const GOLDEN = new URL("../../golden/lines.json", import.meta.url);

/** Reads JSON and keeps what JSON.parse would lose: fractions that are whole, long numbers. */
function read(text) {
  const marked = text.replace(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g, (token) =>
    token.startsWith('"') ? token : `{"number":"${token}"}`,
  );
  return JSON.parse(marked, (_key, value) => {
    if (typeof value?.number !== "string") {
      return value;
    }
    return /[.eE]/.test(value.number) ? new Fraction(Number(value.number)) : BigInt(value.number);
  });
}

const voices = read(readFileSync(GOLDEN, "utf8"));

test("there are golden lines", () => {
  assert.ok(voices.length > 0 && voices.every(({ events }) => events.length > 0));
});

for (const { events, ...signature } of voices) {
  test(`the golden lines of ${signature.run_id}, slot ${signature.slot}, are written alike`, () => {
    let stamp;
    const written = [];
    const write = (_fd, line) => {
      written.push(line);
      return Buffer.byteLength(line);
    };
    const emitter = new Emitter({ ...INIT, ...signature }, { write, clock: () => hrtime(stamp) });
    for (const { t_ns, kind, fields } of events) {
      stamp = t_ns;
      emitter.emit(kind, fields);
    }
    assert.deepEqual(
      written,
      events.map(({ line }) => line),
    );
  });
}
