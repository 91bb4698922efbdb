/**
 * The application's part in a rescue, for graphile-worker leaves it to the application: it unlocks
 * the jobs of the pools "that you know are dead" (force_unlock_workers), but does not know itself.
 *
 * Here a pool lives as long as the session that holds an advisory lock on its id: PostgreSQL lets go
 * of the lock when the process is gone. The lock is taken before the pool's first claim, so a row
 * whose pool's lock nobody holds is an orphan, whoever looks, and whenever.
 */

import pg from "pg";

import { settingsOf } from "#child";

const LIVE = "SELECT pg_advisory_lock(hashtextextended($1, 0))";

// The rows are those of the statement's snapshot, the locks those of a later instant: a pool that
// claims while this runs has had its lock since before.
const FREE = `
  SELECT graphile_worker.force_unlock_workers(array_agg(pool))
  FROM (
    SELECT DISTINCT locked_by AS pool
    FROM graphile_worker._private_jobs
    WHERE locked_by IS NOT NULL
  ) AS claiming
  WHERE NOT EXISTS (
    SELECT FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND objsubid = 1
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND (classid::bigint << 32 | objid::bigint) = hashtextextended(pool, 0)
  )
  HAVING count(*) > 0
`;

/**
 * Holds the lock of this process's pool and frees dead pools, at once and every `everyMs` after the
 * last time. Call before the pool's first claim. The session is one of its own: without it the pool
 * would pass for dead, so its loss ends the process.
 */
export async function freeDeadPools(child, poolId, everyMs) {
  const { dsn, application_name } = child.init;
  const session = new pg.Client({ ...settingsOf(dsn), application_name });
  let ending = false;
  session.on("error", (error) => console.error("the session that keeps the pool alive:", error));
  session.on("end", () => {
    if (!ending) {
      console.error("the session that keeps the pool alive has ended, so its jobs may be freed");
      process.exit(1);
    }
  });
  await session.connect();
  await session.query(LIVE, [poolId]);
  await session.query(FREE);
  let looking = null;
  const look = async () => {
    await session.query({ name: "free", text: FREE });
    timer = setTimeout(again, everyMs);
  };
  const again = () => (looking = look());
  let timer = setTimeout(again, everyMs);
  return {
    /** After the pool's last job. */
    async end() {
      ending = true;
      await looking;
      clearTimeout(timer);
      await session.end();
    },
  };
}
