"""Stories of a queue with a cache: every question is a line of its own."""

from __future__ import annotations

from typing import Any

from tests.histories.builder import Story, Worker

BYTES = 1000
CALLERS = 2


def own(address: str) -> str:
    """A digest of the address's own result."""
    return address * 32


class CacheStory(Story):
    """A story whose jobs are questions; addresses are two letters."""

    def __init__(self, **expectations: Any) -> None:
        nothing = {"wrong_results": 0, "unanswered": 0, "addresses_run_again": 0}
        super().__init__(
            workload={"cache": {"unique_addresses": 2, "concurrent_hits": CALLERS}},
            expectations={**nothing, **expectations},
        )
        self.questions = 0

    def ask(
        self,
        address: str,
        outcome: str,
        *,
        by: Worker | None = None,
        sha256: str | None = "",
        size: int = BYTES,
        ms: int = 1,
    ) -> str:
        """One question; of a miss the job is run by `by`. `sha256` None = nothing was served."""
        job_id = f"j{self.questions:06d}"
        self.questions += 1
        asked_ns = self.now_ns + 1000
        if outcome == "miss":
            self.enqueue(job_id)
            if by is not None:
                by.run(job_id)
        else:
            self.planned.add(job_id)
            told = {"intended_ns": self.now_ns, "sent_ns": asked_ns, "outcome": "deduplicated"}
            self.record("enqueue_failed", job_id=job_id, **told)
        detail = {
            "job_id": job_id,
            "address": address,
            "caller": (self.questions - 1) % CALLERS,
            "asked_ns": asked_ns,
            "outcome": outcome,
            "expected_sha256": own(address),
            "expected_bytes": BYTES,
        }
        if sha256 is not None:
            detail |= {"sha256": sha256 or own(address), "bytes": size}
        self.record("note", code="cache_answered", detail=detail)["t_ns"] = max(
            asked_ns + ms * 1_000_000, self.now_ns
        )
        self.now_ns = max(self.now_ns, asked_ns + ms * 1_000_000)
        return job_id

    def close(self, worker: Worker) -> None:
        """The worker stops and every row is done."""
        self.exit(worker)
        taken = {fields["job_id"] for kind, fields in self.records if kind == "job_enqueued"}
        self.end(dict.fromkeys(self.planned - taken, "none"))


def cached() -> CacheStory:
    """One question of each sort, all served what they asked for."""
    story = CacheStory()
    worker = story.worker()
    story.ask("aa", "miss", by=worker, ms=200)
    story.ask("aa", "joined", ms=190)
    story.ask("aa", "hit", ms=3)
    story.close(worker)
    return story
