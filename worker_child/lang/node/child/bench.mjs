/** What jobs do with the tables of worker_child/bench.sql, on connections of their own. */

const QUERY = {
  name: "query",
  text: "SELECT (SELECT sum(amount) FROM bench_item WHERE tenant = $1), pg_sleep($2)",
};
const EFFECT = { name: "effect", text: "INSERT INTO bench_effect VALUES ($1, $2, $3, $4, $5)" };
const FAILURE = {
  name: "failure",
  text: "INSERT INTO bench_failure VALUES ($1, $2, $3, $4, $5, $6)",
};
const FAILURES = {
  name: "failures",
  text: "SELECT count(*)::int AS failures FROM bench_failure WHERE run_id = $1 AND job_id = $2",
};

/** The bench tables as the jobs of one incarnation see them. */
export class Bench {
  #init;
  #pool;

  constructor(init, pool) {
    this.#init = init;
    this.#pool = pool;
  }

  /** Spends `lengthS` seconds in `queries` queries of equal length, on one connection. */
  async query(tenant, queries, lengthS) {
    const client = await this.#pool.connect();
    try {
      for (let query = 0; query < queries; query += 1) {
        await client.query({ ...QUERY, values: [tenant ?? null, lengthS / queries] });
      }
    } finally {
      client.release();
    }
  }

  /** How often the job has failed so far. */
  async failures(jobId) {
    const { rows } = await this.#pool.query({ ...FAILURES, values: [this.#init.run_id, jobId] });
    return rows[0].failures;
  }

  async commitFailure(execution, errorClass) {
    await this.#pool.query({ ...FAILURE, values: [...this.#key(execution), errorClass] });
  }

  async commitEffect(execution) {
    await this.#pool.query({ ...EFFECT, values: this.#key(execution) });
  }

  #key(execution) {
    const { run_id, slot, incarnation } = this.#init;
    return [run_id, execution.plan.job_id, slot, incarnation, execution.number];
  }
}
