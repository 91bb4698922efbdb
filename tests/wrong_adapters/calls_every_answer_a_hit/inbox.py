"""Wrong on purpose: whoever waited for another's job is said to have found the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from worker_child.adapters.contract import CacheAnswer, Enqueuer, OutgoingJob, Preset
from worker_child.adapters.program import python_argv
from worker_child.controls.cache_caller import CacheCaller
from worker_child.controls.inbox import CacheAdapter


class _Caller(CacheCaller):
    def ask(
        self, job: OutgoingJob, *, give_up_s: float, stopped: Callable[[], bool]
    ) -> CacheAnswer:
        answer = super().ask(job, give_up_s=give_up_s, stopped=stopped)
        joined = answer.outcome == "joined"
        return replace(answer, outcome="hit", enqueued=None, enqueued_ns=None) if joined else answer


class CallsEveryAnswerAHit(CacheAdapter):
    """The control but for one thing."""

    name = "calls_every_answer_a_hit"

    def child_argv(self) -> list[str]:
        return python_argv(folder=Path(__file__).resolve().parent)

    def enqueuer(self, dsn: str, preset: Preset, *, keyed: bool) -> Enqueuer:
        return _Caller(dsn, one_at_a_time=True)
