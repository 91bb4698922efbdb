/** The result that a job puts into a queue's cache: from its plan, the same in every language. */

import { createHash } from "node:crypto";

const BLOCK_BYTES = 32;

/** All bytes of a plan's `result`: the first of the SHA-256 digests of "{key}/0", "{key}/1", ... */
export function contentOf({ key, bytes }) {
  const blocks = Array.from({ length: Math.ceil(bytes / BLOCK_BYTES) }, (_, block) =>
    createHash("sha256").update(`${key}/${block}`).digest(),
  );
  return Buffer.concat(blocks).subarray(0, bytes);
}
