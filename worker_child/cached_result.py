"""The result that a job puts into a queue's cache: from its plan, the same in every language."""

from __future__ import annotations

import hashlib

from worker_child.protocol import CachedResult

BLOCK_BYTES = hashlib.sha256().digest_size


def bytes_of(result: CachedResult) -> bytes:
    """All of them. A part of them, or those of another address, are none of any result's."""
    blocks = range(-(-result.bytes // BLOCK_BYTES))
    digests = (hashlib.sha256(f"{result.key}/{block}".encode()).digest() for block in blocks)
    return b"".join(digests)[: result.bytes]
