/**
 * The external API as a job sees it: one POST over HTTP, answered by the provider of the run.
 *
 * By node:http, not fetch: that gives up when no answer has begun within 300 s, and a long job's
 * answer takes as long.
 */

import { Agent, request } from "node:http";

const GRACE_MS = 30_000;
const IDLE_MS = 15_000;
const US_PER_MS = 1_000;
const OK = 200;

/** The statuses by which a provider makes a job fail as planned. */
const ERROR_CLASSES = new Map([
  [429, "rate_limit"],
  [503, "transient"],
  [422, "permanent"],
]);

/** The provider said what no plan foresees. */
export class ProviderAnswerError extends Error {
  name = "ProviderAnswerError";
}

/**
 * A function that has the provider at `url` do a job's work: it takes the plan and how often the job
 * has failed so far, and promises null or a refusal. At most `concurrency` connections.
 */
export function calling(url, concurrency) {
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency, timeout: IDLE_MS });
  return async (plan, failures) => {
    const question = new URL(`${url}/jobs/${plan.job_id}?failures=${failures}`);
    const signal = AbortSignal.timeout(Math.ceil(plan.length_us / US_PER_MS) + GRACE_MS);
    const { status, retryAfter } = await post(question, { agent, signal });
    return refusalOf(status, retryAfter, plan);
  };
}

function post(url, options) {
  return new Promise((resolve, reject) => {
    const call = request(url, { ...options, method: "POST" }, (response) => {
      response.on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode, retryAfter: response.headers["retry-after"] }),
      );
      // Read to its end, or the connection could not serve the next job.
      response.resume();
    });
    call.on("error", reject);
    call.end();
  });
}

function refusalOf(status, retryAfter, plan) {
  if (status === OK) {
    return null;
  }
  const errorClass = ERROR_CLASSES.get(status);
  if (errorClass === undefined) {
    throw new ProviderAnswerError(`the provider answered ${plan.job_id} with status ${status}`);
  }
  if (retryAfter === undefined) {
    return { errorClass };
  }
  const retryAfterS = Number(retryAfter);
  if (!Number.isFinite(retryAfterS)) {
    throw new ProviderAnswerError(`the provider's Retry-After is no number of seconds: ${retryAfter}`);
  }
  return { errorClass, retryAfterS };
}
