import assert from "node:assert/strict";
import test from "node:test";

import { DSNError, settingsOf } from "../child/dsn.mjs";

test("a libpq string becomes the settings of node-postgres", () => {
  assert.deepEqual(settingsOf("host=/tmp/a port=5433  dbname = b user=c application_name=d"), {
    host: "/tmp/a",
    port: 5433,
    database: "b",
    user: "c",
    ssl: false,
  });
});

test("quotes and backslashes mean what they mean to libpq", () => {
  const { user, password } = settingsOf("password='it\\'s = \\\\ here' user=a\\ b");
  assert.deepEqual({ user, password }, { user: "a b", password: "it's = \\ here" });
});

test("an empty string asks for the defaults", () => {
  assert.deepEqual(settingsOf(""), { ssl: false });
});

test("a word that could change where it connects is refused", () => {
  assert.throws(() => settingsOf("service=prod"), /says service, which node-postgres does not know/);
});

test("each sslmode has libpq's meaning", () => {
  assert.equal(settingsOf("sslmode=require").ssl.rejectUnauthorized, false);
  assert.notEqual(settingsOf("sslmode=verify-full").ssl.rejectUnauthorized, false);
  assert.throws(() => settingsOf("sslmode=perhaps"), /sslmode=perhaps; there are disable/);
});

for (const text of ["postgresql://a:secret@b/c", "password='secret", "user=a secret"]) {
  test(`what is no libpq string is refused without a word of it: ${text}`, () => {
    assert.throws(
      () => settingsOf(text),
      (error) => error instanceof DSNError && !error.message.includes("secret"),
    );
  });
}
