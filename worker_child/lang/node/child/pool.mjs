/** Pools of named sessions: one without a name would void the certificate of a kill. */

import pg from "pg";

import { settingsOf } from "./dsn.mjs";

/**
 * A pool to the database of `dsn` whose every session bears `name`; `options` are pg.Pool's own. It
 * opens connections as they are asked for.
 */
export function namedPool(dsn, name, options) {
  const pool = new pg.Pool({ ...settingsOf(dsn), ...options, application_name: name });
  // A connection that breaks while idle is replaced by the pool; unheard, its error would end the
  // process.
  pool.on("error", (error) => console.error("an idle connection broke:", error));
  return pool;
}

/** A pool of exactly `size` connections, all of them open. */
export async function openFullPool(dsn, name, size) {
  const pool = namedPool(dsn, name, { max: size, idleTimeoutMillis: 0 });
  const clients = await Promise.all(Array.from({ length: size }, () => pool.connect()));
  clients.forEach((client) => client.release());
  return pool;
}
