"""What notes tell beside their words: the types of their `detail`."""

from __future__ import annotations

from typing import Literal

import msgspec


class CacheAnswered(msgspec.Struct, frozen=True, omit_defaults=True):
    """The `detail` of a note whose `code` is `cache_answered`: what a caller was served.

    Its `t_ns` is when the caller had every byte, or gave up. How the queue took the question stands
    in the job's `job_enqueued` or `enqueue_failed` line, as of any enqueue; a hit never came so far
    and is `deduplicated`, as one that joined is.
    """

    job_id: str
    address: str
    """For what it asked."""
    caller: int
    """Who asked, from 0."""
    asked_ns: int
    """When it asked, CLOCK_MONOTONIC."""
    outcome: Literal["hit", "miss", "joined", "unknown"]
    """``hit`` = the cache had it; ``miss`` = it had not, and the queue was asked for a job;
    ``joined`` = the queue had a job of that address already; ``unknown`` = no answer came."""
    expected_sha256: str
    """Of the address's own result, as the plan makes it."""
    expected_bytes: int
    """How long that is."""
    sha256: str | None = None
    """Of what the caller was served; left out where it was served nothing."""
    bytes: int | None = None
    """How long that was."""
    error: str = ""
    """Why it was served nothing."""


class BystanderAnswered(msgspec.Struct, frozen=True, omit_defaults=True):
    """The `detail` of a note whose `code` is `bystander`: a small transaction of a session that has
    nothing to do with the queue. Its `t_ns` is when it was committed, or had failed."""

    sent_ns: int
    """When it was begun, CLOCK_MONOTONIC."""
    error: str = ""
    """Which error it failed with; left out where it did not."""
