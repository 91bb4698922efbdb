/**
 * The queue under test: replace this module by your library.
 *
 * A claim with SKIP LOCKED, a lease that the worker renews, and nothing else. Whoever dies renews no
 * more, and its jobs are anybody's when the lease is over.
 */

const ENQUEUE = `
  INSERT INTO my_queue_job (kind, payload)
  SELECT kind, payload
  FROM unnest($1::text[], $2::bytea[]) WITH ORDINALITY AS job (kind, payload, place)
  ORDER BY place
  RETURNING id
`;

const CLAIM = `
  UPDATE my_queue_job
  SET claimed_by = $1, claimable_at = clock_timestamp() + $2::float * interval '1 second'
  WHERE id = (
    SELECT id FROM my_queue_job
    WHERE NOT given_up AND claimable_at <= clock_timestamp()
    ORDER BY claimable_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
  )
  RETURNING id, payload, attempts
`;

const RENEW = `
  UPDATE my_queue_job SET claimable_at = clock_timestamp() + $2::float * interval '1 second'
  WHERE claimed_by = $1
`;

const ACKNOWLEDGE = "DELETE FROM my_queue_job WHERE id = $1 AND claimed_by = $2";

const RETRY = `
  UPDATE my_queue_job
  SET claimed_by = NULL, attempts = attempts + 1,
      claimable_at = clock_timestamp() + $3::float * interval '1 second'
  WHERE id = $1 AND claimed_by = $2
`;

const GIVE_UP = `
  UPDATE my_queue_job SET claimed_by = NULL, attempts = attempts + 1, given_up = true
  WHERE id = $1 AND claimed_by = $2
`;

/** One worker's hold on the queue. Each statement commits by itself. */
export class LeaseQueue {
  #pool;
  #worker;
  #leaseS;

  constructor(pool, worker, leaseS) {
    this.#pool = pool;
    this.#worker = worker;
    this.#leaseS = leaseS;
  }

  /** Puts jobs in; promises their ids, in order. */
  async enqueue(plans) {
    const kinds = plans.map(({ kind }) => kind);
    const payloads = plans.map((plan) => Buffer.from(JSON.stringify(plan)));
    const { rows } = await this.#pool.query(ENQUEUE, [kinds, payloads]);
    return rows.map(({ id }) => id);
  }

  /** Takes the next job, `{ id, payload, attempts }`; null = there is none to be had now. */
  async claim() {
    const { rows } = await this.#pool.query(CLAIM, [this.#worker, this.#leaseS]);
    return rows[0] ?? null;
  }

  /** Holds every job of this worker for another lease. */
  async renew() {
    await this.#pool.query(RENEW, [this.#worker, this.#leaseS]);
  }

  /** The job is done: takes it out. */
  async acknowledge({ id }) {
    await this.#pool.query(ACKNOWLEDGE, [id, this.#worker]);
  }

  /** The job has failed: lets it be claimed again in `delayS` seconds. */
  async retry({ id }, delayS) {
    await this.#pool.query(RETRY, [id, this.#worker, delayS]);
  }

  /** The job has failed for good: keeps its row, and never claims it again. */
  async giveUp({ id }) {
    await this.#pool.query(GIVE_UP, [id, this.#worker]);
  }
}
