/** The init of a child under test. */

export const RUN_ID = "run";
export const MONOTONIC_NS = 5_000_000_000n;
export const WALL_NS = 1_790_000_000_123_456_789n;

export const INIT = Object.freeze({
  protocol: 2,
  run_id: RUN_ID,
  role: "worker",
  slot: 2,
  incarnation: 3,
  library: "fake",
  settings: {},
  dsn: "host=/nowhere",
  application_name: "cb:0123456789:2:3",
  concurrency: 20,
  pool_size: 10,
  max_attempts: 5,
  kinds: ["entity_update"],
  effects: true,
  event_fd: 9,
  clock_anchor: { monotonic_ns: MONOTONIC_NS, wall_ns: WALL_NS },
  provider: null,
});

/** An instant in nanoseconds (BigInt) as process.hrtime shows it. */
export function hrtime(ns) {
  return [Number(ns / 1_000_000_000n), Number(ns % 1_000_000_000n)];
}

/** The first line that a parent writes. */
export function line(changes = {}) {
  const { monotonic_ns, wall_ns } = INIT.clock_anchor;
  const anchor = `{"monotonic_ns":${monotonic_ns},"wall_ns":${wall_ns}}`;
  return JSON.stringify({ ...INIT, ...changes, clock_anchor: "?" }).replace('"?"', anchor);
}

/** What an emitter would have written: lines, parsed. */
export class Ear {
  lines = [];
  options = {
    write: (_fd, line) => {
      this.lines.push(JSON.parse(line));
      return Buffer.byteLength(line);
    },
  };

  /** The kinds of the events so far, in their order. */
  get kinds() {
    return this.lines.map(({ kind }) => kind);
  }

  /** The fields of the only event of a kind. */
  only(kind) {
    const found = this.lines.filter((heard) => heard.kind === kind);
    if (found.length !== 1) {
      throw new Error(`${found.length} ${kind} were heard`);
    }
    return found[0].fields;
  }
}
