import assert from "node:assert/strict";
import test from "node:test";

import { Fraction, spell, spellEntries } from "../child/spelling.mjs";

const FRACTIONS = [
  [1, "1.0"],
  [0, "0.0"],
  [-0, "-0.0"],
  [2.5, "2.5"],
  [0.1, "0.1"],
  [0.00001, "0.00001"],
  [0.000001, "1e-6"],
  [1.5e-7, "1.5e-7"],
  [1e15, "1000000000000000.0"],
  [1e16, "1e+16"],
  [123456789012345680, "1.2345678901234568e+17"],
  [-1e300, "-1e+300"],
  [NaN, "null"],
  [Infinity, "null"],
];

for (const [value, text] of FRACTIONS) {
  test(`the fraction ${value} is spelt ${text}, as orjson does`, () => {
    assert.equal(spell(new Fraction(value)), text);
  });
}

test("whole numbers have no fraction, however long", () => {
  assert.equal(spell(5), "5");
  assert.equal(spell(1790000000123456789n), "1790000000123456789");
});

test("a number with a fraction needs no word for it", () => {
  assert.equal(spell({ a: [0.5, 1] }), '{"a":[0.5,1]}');
});

test("only what JSON demands is escaped", () => {
  assert.equal(spell('"\\\b\t\n\f\r\u0000\u001f'), '"\\"\\\\\\b\\t\\n\\f\\r\\u0000\\u001f"');
  assert.equal(spell("/<&>\u007f\u2028é😀"), '"/<&>\u007f\u2028é😀"');
});

test("a lone surrogate becomes U+FFFD and breaks no line", () => {
  assert.equal(spell("a\ud800b"), '"a\ufffdb"');
});

test("entries keep their order, and those that are undefined are left out", () => {
  assert.equal(spellEntries({ b: 1, a: undefined, c: null }), '"b":1,"c":null');
  assert.equal(spellEntries({}), "");
});
