"""Wrong on purpose: a caller is served what is there, whether it is the whole or not."""

from __future__ import annotations

from pathlib import Path

from worker_child.adapters.contract import Enqueuer, OutgoingJob, Preset
from worker_child.adapters.program import python_argv
from worker_child.controls.cache_caller import CacheCaller
from worker_child.controls.inbox import CacheAdapter


class _Caller(CacheCaller):
    def _serve(self, job: OutgoingJob) -> bytes | None:
        whole = super()._serve(job)
        return whole and whole[: len(whole) // 2]


class ServesHalfAResult(CacheAdapter):
    """The control but for one thing."""

    name = "serves_half_a_result"

    def child_argv(self) -> list[str]:
        return python_argv(folder=Path(__file__).resolve().parent)

    def enqueuer(self, dsn: str, preset: Preset, *, keyed: bool) -> Enqueuer:
        return _Caller(dsn, one_at_a_time=True)
