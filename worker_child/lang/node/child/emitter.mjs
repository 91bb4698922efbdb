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

const NS_PER_S = 1_000_000_000n;
const NS_PER_US = 1_000n;

/**
 * The one voice of a child; to be used from the main thread alone. A line that cannot be written
 * whole ends the process: thrown within a job, the error would pass for the job's own.
 */
export class Emitter {
  #write;
  #fail;
  #clockNs;
  #runId;
  #signature;
  #wallOffsetNs;
  #n = 0;
  #secondNs = 0n;
  #head = "";

  /** `clockNs` is CLOCK_MONOTONIC: on Linux that is what process.hrtime shows (uv_hrtime(3)). */
  constructor(init, { write = writeSync, clockNs, fail = leaveByOurFault } = {}) {
    const { run_id, slot, incarnation, event_fd, clock_anchor } = init;
    this.#write = (line) => write(event_fd, line);
    this.#fail = fail;
    this.#clockNs = clockNs ?? process.hrtime.bigint;
    this.#runId = spell(run_id);
    this.#signature = `"slot":${slot},"incarnation":${incarnation}`;
    this.#wallOffsetNs = clock_anchor.wall_ns - clock_anchor.monotonic_ns;
    this.#beginSecond(clock_anchor.monotonic_ns);
  }

  /**
   * Writes one event; `fields` are those of its kind without t_ns, n, slot and incarnation. Leaves
   * the process when nobody reads any more.
   */
  emit(kind, fields) {
    const body = spellEntries(fields);
    const tNs = this.#clockNs();
    let sinceNs = tNs - this.#secondNs;
    if (sinceNs < 0n || sinceNs >= NS_PER_S) {
      this.#beginSecond(tNs);
      sinceNs = tNs - this.#secondNs;
    }
    const micros = String(sinceNs / NS_PER_US).padStart(6, "0");
    const line = Buffer.from(
      `${this.#head}${micros}Z","kind":"${kind}","fields":{"t_ns":${tNs},"n":${this.#n},` +
        `${this.#signature}${body && ","}${body}}}\n`,
    );
    if (line.length > MAX_LINE_BYTES) {
      return this.#fail(
        `a ${kind} event of ${line.length} bytes arrived; the wire takes at most ` +
          `${MAX_LINE_BYTES}, the size of an atomic write: shorten its texts`,
      );
    }
    const written = this.#written(line);
    if (written !== line.length) {
      return this.#fail(`${written} of the ${line.length} bytes of a ${kind} event were taken`);
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

  /** Makes the part of the line that stays the same for a second of the wall clock. */
  #beginSecond(tNs) {
    const second = (tNs + this.#wallOffsetNs) / NS_PER_S;
    this.#secondNs = second * NS_PER_S - this.#wallOffsetNs;
    const text = new Date(Number(second) * 1000).toISOString().slice(0, "2026-11-21T12:00:00".length);
    this.#head = `{"run_id":${this.#runId},"timestamp":"${text}.`;
  }
}
