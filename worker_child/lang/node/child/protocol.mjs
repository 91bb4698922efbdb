/** What goes in by stdin, decoded as strictly as worker_child/protocol.py does; PROTOCOL.md binds. */

export const PROTOCOL_VERSION = 2;

/** PIPE_BUF on Linux: a write of at most so many bytes to a pipe is atomic (pipe(7)). */
export const MAX_LINE_BYTES = 4096;

/** What came by stdin, or a job's payload, is not what the wire says. */
export class WireError extends Error {
  name = "WireError";
}

const isText = (value) => typeof value === "string";
const isWhole = (value) => Number.isSafeInteger(value);
const isFlag = (value) => typeof value === "boolean";
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const listOf = (check) => (value) => Array.isArray(value) && value.every(check);
const oneOf =
  (...values) =>
  (value) =>
    values.includes(value);
const orNull = (check) => (value) => value === null || check(value);

const INIT = {
  protocol: isWhole,
  run_id: isText,
  role: oneOf("worker", "enqueuer"),
  slot: isWhole,
  incarnation: isWhole,
  library: isText,
  settings: isObject,
  dsn: isText,
  application_name: isText,
  concurrency: isWhole,
  pool_size: isWhole,
  max_attempts: isWhole,
  kinds: listOf(isText),
  effects: isFlag,
  event_fd: isWhole,
  clock_anchor: isObject,
};
const INIT_OPTIONAL = { provider: orNull(isText) };
const CLOCK_ANCHOR = { monotonic_ns: (ns) => isNs(ns), wall_ns: (ns) => isNs(ns) };
const COMMAND = { command: oneOf("stop", "die") };
const PLAN = {
  job_id: isText,
  kind: isText,
  profile: oneOf("cpu", "db", "external_api"),
  length_us: isWhole,
};
const PLAN_OPTIONAL = {
  tenant: orNull(isText),
  queries: isWhole,
  cpu_iterations: isWhole,
  fail: listOf(oneOf("rate_limit", "transient", "permanent")),
  hold: orNull(oneOf("started", "effect", "completed", "return")),
  die: isFlag,
  class: isText,
  children: listOf(isObject),
  result: orNull(isObject),
  pad: isText,
};

const RESULT = { address: isText, key: isText, bytes: isWhole };

/** The init of a child. Its clock anchor is in BigInt: today's wall clock needs 61 bits. */
export function decodeInit(line) {
  const init = parse(quoteLongNumbers(line), "the first line on stdin");
  check(init, "the first line on stdin", INIT, INIT_OPTIONAL);
  check(init.clock_anchor, "its clock_anchor", CLOCK_ANCHOR);
  if (init.protocol !== PROTOCOL_VERSION) {
    throw new WireError(
      `this child speaks wire version ${PROTOCOL_VERSION}, not ${init.protocol}: build it anew`,
    );
  }
  const { monotonic_ns, wall_ns } = init.clock_anchor;
  const clock_anchor = { monotonic_ns: BigInt(monotonic_ns), wall_ns: BigInt(wall_ns) };
  return { provider: null, ...init, clock_anchor };
}

/** A line after the init. */
export function decodeCommand(line) {
  const command = parse(line, "a line on stdin");
  check(command, "a line on stdin", COMMAND);
  return command;
}

/** A job's payload, already parsed; `of` says whose it is. */
export function asPlan(payload, of) {
  check(payload, `the payload of ${of}`, PLAN, PLAN_OPTIONAL);
  if (payload.result) {
    check(payload.result, `the result in the payload of ${of}`, RESULT);
  }
  payload.children?.forEach((child) => asPlan(child, `a child in ${of}`));
  return payload;
}

function parse(text, what) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new WireError(`${what} is no JSON: ${error.message}`);
  }
}

/** JSON.parse would round them; strings are skipped over as they stand. */
function quoteLongNumbers(text) {
  return text.replace(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g, (token) =>
    /^-?\d{16,}$/.test(token) ? `"${token}"` : token,
  );
}

function isNs(value) {
  return isWhole(value) || (isText(value) && /^-?\d+$/.test(value));
}

function check(value, what, required, optional = {}) {
  if (!isObject(value)) {
    throw new WireError(`${what} is no JSON object`);
  }
  for (const key of Object.keys(required)) {
    if (!Object.hasOwn(value, key)) {
      throw new WireError(`${what} lacks \`${key}\``);
    }
  }
  const checks = { ...required, ...optional };
  for (const [key, entry] of Object.entries(value)) {
    if (!Object.hasOwn(checks, key)) {
      throw new WireError(`${what} has \`${key}\`, which this child does not know`);
    }
    if (!checks[key](entry)) {
      throw new WireError(`${what} has a \`${key}\` that is none: ${JSON.stringify(entry)}`);
    }
  }
}
