/**
 * Spells JSON as orjson does in the Python twin, so that all languages write the same lines.
 *
 * JSON.stringify differs in two things: it has one kind of number where the wire has whole ones and
 * fractions, and it lets a lone surrogate through as an escape that few decoders take.
 */

/** A number that is a fraction even when it is whole: 1 is spelt 1.0. */
export class Fraction {
  constructor(value) {
    this.value = value;
  }
}

/** The text of any value of JSON; BigInt and `Fraction` included. */
export function spell(value) {
  if (value instanceof Fraction) {
    return spellFraction(value.value);
  }
  if (Array.isArray(value)) {
    return `[${value.map(spell).join(",")}]`;
  }
  switch (typeof value) {
    case "string":
      return JSON.stringify(value.toWellFormed());
    case "bigint":
      return value.toString();
    case "number":
      return Number.isInteger(value) ? String(value) : spellFraction(value);
    case "object":
      return value === null ? "null" : `{${spellEntries(value)}}`;
    default:
      return JSON.stringify(value);
  }
}

/** The inside of an object; an entry that is undefined is left out. */
export function spellEntries(entries) {
  return Object.entries(entries)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${spell(key)}:${spell(value)}`)
    .join(",");
}

/** Plain from 1e-5 up to 1e16, else with an exponent; null for what JSON has no word for. */
function spellFraction(value) {
  if (!Number.isFinite(value)) {
    return "null";
  }
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-5 || size >= 1e16)) {
    return value.toExponential();
  }
  const text = Object.is(value, -0) ? "-0" : String(value);
  return Number.isInteger(value) ? `${text}.0` : text;
}
