/**
 * Writes events: one event, one line, one write(2).
 *
 * No buffer stands between the event and the pipe, so a SIGKILL loses nothing that had been written
 * and a line is there whole or not at all.
 */

import { writeSync } from "node:fs";

import { EXIT_PARENT_GONE, leaveByOurFault } from "./lifeline.mjs";
import { MAX_LINE_BYTES } from "./protocol.mjs";
import { spell, spellEntries } from "./spelling.mjs";

const NS_PER_S = 1_000_000_000;
const NS_PER_US = 1_000;

/**
 * The one voice of a child; to be used from the main thread alone. A line that cannot be written
 * whole ends the process: thrown within a job, the error would pass for the job's own.
 */
export class Emitter {
  #write;
  #clock;
  #fail;
  #runId;
  #signature;
  #offsetS;
  #offsetNs;
  #n = 0;
  #second = NaN;
  #head = "";

  /**
   * `clock` is CLOCK_MONOTONIC as [seconds, nanoseconds]: on Linux that is what process.hrtime shows.
   * In one number, nanoseconds would not be exact from a machine's 105th day on.
   */
  constructor(init, { write = writeSync, clock = process.hrtime, fail = leaveByOurFault } = {}) {
    const { run_id, slot, incarnation, event_fd, clock_anchor } = init;
    this.#write = (line) => write(event_fd, line);
    this.#clock = () => clock();
    this.#fail = fail;
    this.#runId = spell(run_id);
    this.#signature = `"slot":${slot},"incarnation":${incarnation}`;
    const offset = clock_anchor.wall_ns - clock_anchor.monotonic_ns;
    const second = BigInt(NS_PER_S);
    const remainder = ((offset % second) + second) % second;
    this.#offsetNs = Number(remainder);
    this.#offsetS = Number((offset - remainder) / second);
  }

  /**
   * Writes one event; `fields` are those of its kind without t_ns, n, slot and incarnation. Leaves
   * the process when nobody reads any more.
   */
  emit(kind, fields) {
    const body = spellEntries(fields);
    const [seconds, nanoseconds] = this.#clock();
    const line =
      `${this.#beginning(seconds, nanoseconds)}Z","kind":"${kind}","fields":{"t_ns":` +
      `${stamp(seconds, nanoseconds)},"n":${this.#n},${this.#signature}${body && ","}${body}}}\n`;
    const size = Buffer.byteLength(line);
    if (size > MAX_LINE_BYTES) {
      return this.#fail(
        `a ${kind} event of ${size} bytes arrived; the wire takes at most ` +
          `${MAX_LINE_BYTES}, the size of an atomic write: shorten its texts`,
      );
    }
    const written = this.#written(line);
    if (written !== size) {
      return this.#fail(`${written} of the ${size} bytes of a ${kind} event were taken`);
    }
    this.#n += 1;
  }

  #written(line) {
    try {
      return this.#write(line);
    } catch (error) {
      if (error.code === "EPIPE") {
        process.exit(EXIT_PARENT_GONE);
      }
      return this.#fail(`an event could not be written to the pipe: ${error.message}`);
    }
  }

  /** The line up to the timestamp's last digit; most of it stays the same for a second. */
  #beginning(seconds, nanoseconds) {
    let wallS = seconds + this.#offsetS;
    let wallNs = nanoseconds + this.#offsetNs;
    if (wallNs >= NS_PER_S) {
      wallS += 1;
      wallNs -= NS_PER_S;
    }
    if (wallS !== this.#second) {
      const text = new Date(wallS * 1000).toISOString().slice(0, "2026-11-21T12:00:00".length);
      this.#second = wallS;
      this.#head = `{"run_id":${this.#runId},"timestamp":"${text}.`;
    }
    return this.#head + String(Math.floor(wallNs / NS_PER_US)).padStart(6, "0");
  }
}

/** t_ns: both parts in one, digit by digit. */
function stamp(seconds, nanoseconds) {
  return seconds === 0 ? String(nanoseconds) : seconds + String(nanoseconds).padStart(9, "0");
}
