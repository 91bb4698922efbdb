/** A libpq connection string as the settings of node-postgres, which only reads URIs. */

import { readFileSync } from "node:fs";

/** The DSN is none, or says what node-postgres cannot do. */
export class DSNError extends Error {
  name = "DSNError";
}

const NAMES = new Map([
  ["host", "host"],
  ["port", "port"],
  ["dbname", "database"],
  ["user", "user"],
  ["password", "password"],
  ["options", "options"],
]);

/** They bear on waiting and naming only. */
const PASSED_OVER = new Set([
  "application_name",
  "client_encoding",
  "connect_timeout",
  "fallback_application_name",
  "keepalives",
  "keepalives_count",
  "keepalives_idle",
  "keepalives_interval",
  "tcp_user_timeout",
]);

const TLS_WORDS = new Set(["sslmode", "sslrootcert", "sslcert", "sslkey"]);

/** libpq's meaning of each sslmode; allow and prefer promise nothing, so nothing is what they get. */
const TLS_MODES = new Map([
  ["disable", () => false],
  ["allow", () => false],
  ["prefer", () => false],
  ["require", (words) => ({ ...filesOf(words), rejectUnauthorized: words.has("sslrootcert") })],
  ["verify-ca", (words) => ({ ...filesOf(words), checkServerIdentity: () => undefined })],
  ["verify-full", (words) => filesOf(words)],
]);

/** Settings for pg.Pool and pg.Client. Throws `DSNError`; nothing is left out in silence. */
export function settingsOf(dsn) {
  const words = wordsOf(dsn);
  const settings = {};
  for (const [word, value] of words) {
    if (NAMES.has(word)) {
      settings[NAMES.get(word)] = word === "port" ? Number(value) : value;
    } else if (!PASSED_OVER.has(word) && !TLS_WORDS.has(word)) {
      throw new DSNError(`the DSN says ${word}, which node-postgres does not know: leave it out`);
    }
  }
  const mode = words.get("sslmode") ?? "prefer";
  if (!TLS_MODES.has(mode)) {
    throw new DSNError(`the DSN has sslmode=${mode}; there are ${[...TLS_MODES.keys()].join(", ")}`);
  }
  return { ...settings, ssl: TLS_MODES.get(mode)(words) };
}

/** `key=value key='a value'`, a backslash before what is meant as it stands. */
function wordsOf(dsn) {
  const word = /\s*(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))(?=\s|$)\s*/gsy;
  const words = new Map();
  while (word.lastIndex < dsn.length) {
    const at = word.lastIndex;
    const found = word.exec(dsn);
    if (found === null) {
      // Not quoted: a password may stand there.
      throw new DSNError(`the DSN cannot be read from character ${at + 1} on: write key=value pairs`);
    }
    words.set(found[1], (found[2] ?? found[3]).replace(/\\(.)/gs, "$1"));
  }
  return words;
}

function filesOf(words) {
  const read = (word) => (words.has(word) ? readFileSync(words.get(word)) : undefined);
  return { ca: read("sslrootcert"), cert: read("sslcert"), key: read("sslkey") };
}
