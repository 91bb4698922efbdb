/** Pools of named sessions: one without a name would void the certificate of a kill. */

import pg from "pg";

import { settingsOf } from "./dsn.mjs";

/**
 * A pool to the database of `dsn` whose every session bears `name`; `options` are pg.Pool's own. It
 * opens connections as they are asked for.
 */
export function namedPool(dsn, name, options) {
  const pool = new pg.Pool({ ...settingsOf(dsn), ...options, application_name: name });
  // Whoever uses a connection that breaks is told by the query, and the pool replaces it. Unheard,
  // the same error would end the process.
  const report = (error) => console.error("a connection broke:", error);
  pool.on("error", report);
  pool.on("connect", (client) => client.on("error", report));
  return pool;
}

/** A pool of exactly `size` connections, all of them open. */
export async function openFullPool(dsn, name, size) {
  const pool = namedPool(dsn, name, { max: size, idleTimeoutMillis: 0 });
  const clients = await Promise.all(Array.from({ length: size }, () => pool.connect()));
  clients.forEach((client) => client.release());
  return pool;
}
