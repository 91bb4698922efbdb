"""What is compared between cells: a table of figures, and how each is found in a summary.

A figure that a run does not have is left out, so that scenarios to which it does not apply go side
by side with others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Literal, get_args

from analysis.metrics.cache import Cache, CacheLatencies
from analysis.metrics.dedup import Dedup
from analysis.metrics.kill_types import Recovery
from analysis.metrics.latency import Latencies, Latency, Percentiles
from analysis.metrics.queue import DisturbanceRecovery
from analysis.metrics.resources import LoadLevel, MemoryLevel
from analysis.metrics.retries import Retries, Spread
from analysis.summary.types import Summary
from worker_child.protocol import ErrorClass

Better = Literal["less", "more"]


@dataclass(frozen=True, slots=True)
class Value:
    """One figure of one run or of one kill.

    `number` is infinite where the truth is only known to lie above `above` (None = never seen).
    """

    number: float
    above: float | None = None
    limited: bool | None = False
    """The machine stalled meanwhile; None = nobody can say. Either way it is never pooled."""
    at_least: bool = False
    """A count of what is known; there may have been more."""

    @property
    def poolable(self) -> bool:
        """Whether it may go into a median."""
        return self.limited is False


@dataclass(frozen=True)
class RunMeasure:
    """One figure a run. `scale` turns the summary's unit into the one of `title`."""

    title: str
    figure: Callable[[Summary], float | None]
    better: Better | None
    limited: Callable[[Summary], bool | None] = lambda _: False
    """Whether the machine stalled meanwhile; what is no timing cannot be."""
    scale: float = 1.0
    above: Callable[[Summary], float | None] = lambda _: None
    """Where the figure is null: it is greater than this."""
    awaited: Callable[[Summary], bool] = lambda _: False
    """It must come some time: where it has not, it is one that was never seen."""

    def value(self, summary: Summary) -> Value | None:
        """None = the run has no such figure."""
        number, limited = self.figure(summary), self.limited(summary)
        if number is not None:
            return Value(number * self.scale, limited=limited)
        above = self.above(summary)
        if above is not None:
            return Value(inf, above * self.scale, limited)
        return Value(inf, None, limited) if self.awaited(summary) else None


@dataclass(frozen=True)
class KillMeasure:
    """One figure a kill. `expected` says of a kill whether it must come some time: if it must and
    has not come, it is one that was never seen, else it does not apply."""

    title: str
    figure: Callable[[Recovery], float | None]
    better: Better | None
    expected: Callable[[Recovery], bool]
    timing: bool = True
    at_least: Callable[[Recovery], bool] = lambda _: False
    """Whether the figure is a count of what is known, and there may have been more."""

    def value(self, kill: Recovery) -> Value | None:
        """None = it does not apply to this kill."""
        limited = kill.machine_limited if self.timing else False
        number = self.figure(kill)
        if number is not None:
            return Value(float(number), limited=limited, at_least=self.at_least(kill))
        return Value(inf, None, limited) if self.expected(kill) else None


def _load_limited(summary: Summary) -> bool | None:
    return summary.throughput_machine_limited


def _tenants_limited(summary: Summary) -> bool | None:
    return summary.tenants.machine_limited


_PERCENTILES: dict[str, Callable[[Latency], float | None]] = {
    "p50": lambda latency: latency.p50,
    "p95": lambda latency: latency.p95,
    "p99": lambda latency: latency.p99,
    "p99.9": lambda latency: latency.p99_9,
}
_LATENCIES: dict[str, tuple[Callable[[Latencies], Latency], tuple[str, ...]]] = {
    "pickup": (lambda all_: all_.pickup, ("p50", "p95", "p99", "p99.9")),
    "pickup uncorrected": (lambda all_: all_.pickup_uncorrected, ("p50", "p99")),
    "total": (lambda all_: all_.total, ("p50", "p95", "p99")),
}


def _latencies() -> list[RunMeasure]:
    return [
        _latency(f"{name} {percentile}, ms", latency, _PERCENTILES[percentile])
        for name, (latency, percentiles) in _LATENCIES.items()
        for percentile in percentiles
    ]


def _latency(
    title: str,
    latency: Callable[[Latencies], Latency],
    percentile: Callable[[Latency], float | None],
) -> RunMeasure:
    return RunMeasure(
        title,
        lambda summary: percentile(latency(summary.latency_ms)),
        "less",
        lambda summary: latency(summary.latency_ms).machine_limited,
        above=lambda summary: latency(summary.latency_ms).above,
    )


def _answers() -> list[RunMeasure]:
    """How soon callers of a cache are answered."""
    sorts: dict[str, Callable[[CacheLatencies], Percentiles]] = {
        "hit": lambda latency: latency.hit,
        "joined": lambda latency: latency.joined,
        "miss": lambda latency: latency.miss,
    }
    return [
        _answer(f"cache {name} {title}, ms", sort, percentile)
        for name, sort in sorts.items()
        for title, percentile in (("p50", lambda p: p.p50), ("p95", lambda p: p.p95))
    ]


def _answer(
    title: str,
    sort: Callable[[CacheLatencies], Percentiles],
    percentile: Callable[[Percentiles], float | None],
) -> RunMeasure:
    return RunMeasure(
        title,
        lambda s: None if s.cache is None else percentile(sort(s.cache.latency_ms)),
        "less",
        lambda s: False if s.cache is None else s.cache.machine_limited,
        above=lambda s: None if s.cache is None else sort(s.cache.latency_ms).above,
    )


def _error_rates() -> list[RunMeasure]:
    return [
        RunMeasure(f"error rate, {error_class}", partial(_error_rate, error_class), None)
        for error_class in (*get_args(ErrorClass), "unplanned")
    ]


def _error_rate(error_class: str, summary: Summary) -> float | None:
    found = summary.errors.by_class.get(error_class)
    return None if found is None else found.rate


_SPREADS: dict[str, Callable[[Retries], Spread | None]] = {
    "retry spacing": lambda retries: retries.spacing_s,
    "announced retry delay": lambda retries: retries.planned_delay_s,
    "latency added by retries": lambda retries: retries.latency_added_s,
}


def _retries() -> list[RunMeasure]:
    return [
        RunMeasure(f"{title} {name}, s", partial(_of_spread, spread, name), None, _load_limited)
        for title, spread in _SPREADS.items()
        for name in ("p50", "p95")
    ]


def _of_spread(
    spread: Callable[[Retries], Spread | None], name: str, summary: Summary
) -> float | None:
    found = spread(summary.errors.retries)
    if found is None:
        return None
    return found.p50 if name == "p50" else found.p95


def _recoveries() -> list[RunMeasure]:
    return [
        RunMeasure(
            f"backlog back after the {what}, s",
            partial(_recovered_s, what),
            "less",
            _load_limited,
            awaited=partial(_was_disturbed, what),
        )
        for what in ("burst", "errors")
    ]


def _recovery_from(what: str, summary: Summary) -> DisturbanceRecovery | None:
    """The first of its kind."""
    return next((found for found in summary.queue.recovery if found.what == what), None)


def _recovered_s(what: str, summary: Summary) -> float | None:
    found = _recovery_from(what, summary)
    return None if found is None else found.recovered_s


def _was_disturbed(what: str, summary: Summary) -> bool:
    return _recovery_from(what, summary) is not None


def _mean(level: LoadLevel | None) -> float | None:
    return None if level is None else level.mean


def _most(level: MemoryLevel | None) -> float | None:
    return None if level is None else level.max


_MIB = 1 / (1 << 20)

RUN_MEASURES: tuple[RunMeasure, ...] = (
    RunMeasure("throughput, jobs/s", lambda s: s.throughput_per_s, "more", _load_limited),
    *_latencies(),
    *_answers(),
    RunMeasure(
        "tenant latency ratio, pickup",
        lambda s: s.tenants.latency_ratio_pickup,
        None,
        _tenants_limited,
    ),
    RunMeasure(
        "tenant latency ratio, total",
        lambda s: s.tenants.latency_ratio_total,
        None,
        _tenants_limited,
    ),
    RunMeasure(
        "tenant throughput ratio", lambda s: s.tenants.throughput_ratio, None, _tenants_limited
    ),
    RunMeasure("error rate", lambda s: s.errors.rate, None),
    *_error_rates(),
    RunMeasure("executions a job, mean", lambda s: s.errors.attempts.mean, None),
    *_retries(),
    RunMeasure("backlog, mean jobs", lambda s: s.queue.backlog.mean, "less", _load_limited),
    RunMeasure("backlog, most jobs", lambda s: s.queue.backlog.max, "less", _load_limited),
    *_recoveries(),
    RunMeasure("drain after the load, s", lambda s: s.queue.drain_s, "less", _load_limited),
    RunMeasure(
        "jobs at once, share of the most", lambda s: _mean(s.resources.pool_utilisation), None
    ),
    RunMeasure(
        "workers' memory, most MiB",
        lambda s: _most(s.resources.rss_bytes.children),
        "less",
        scale=_MIB,
    ),
    RunMeasure(
        "PostgreSQL's memory, most MiB",
        lambda s: _most(s.resources.rss_bytes.postgres),
        "less",
        scale=_MIB,
    ),
    RunMeasure(
        "queries/s on the queue, mean", lambda s: _mean(s.resources.queue_queries_per_s), "less"
    ),
)
"""One row each, where any of the compared runs has it."""


def _respawned(kill: Recovery) -> bool:
    return kill.respawned_s is not None


def _some_orphan(kill: Recovery) -> bool:
    return kill.orphans > 0


def _some_unfinished_orphan(kill: Recovery) -> bool:
    return kill.orphans > (kill.found.finished_unacknowledged or 0)


def _always(_: Recovery) -> bool:
    return True


def _never(_: Recovery) -> bool:
    return False


KILL_MEASURES: tuple[KillMeasure, ...] = (
    KillMeasure("worker resumes", lambda k: k.time_to_resume_s, "less", _respawned),
    KillMeasure("... from its respawn", lambda k: k.resume_after_respawn_s, "less", _respawned),
    KillMeasure("... from its readiness", lambda k: k.resume_after_ready_s, "less", _respawned),
    KillMeasure("a survivor's next pickup", lambda k: k.survivor_next_pickup_s, "less", _never),
    KillMeasure("first orphan picked up", lambda k: k.first_orphan_pickup_s, "less", _some_orphan),
    KillMeasure(
        "... predicted at the latest", lambda k: k.predicted_bound_s, None, _never, timing=False
    ),
    KillMeasure("last orphan picked up", lambda k: k.last_orphan_pickup_s, "less", _never),
    KillMeasure(
        "last orphan settled", lambda k: k.last_orphan_settled_s, "less", _some_unfinished_orphan
    ),
    KillMeasure("backlog back", lambda k: k.backlog_recovered_s, "less", _always),
    KillMeasure(
        "orphans found, jobs",
        lambda k: k.orphans,
        None,
        _never,
        timing=False,
        at_least=lambda k: k.at_least,
    ),
    KillMeasure("duplicates, jobs", lambda k: k.duplicates, None, _never, timing=False),
    KillMeasure(
        "longest unacknowledged",
        lambda k: max(k.unacknowledged_age_s or (), default=None),
        None,
        _never,
        timing=False,
    ),
    KillMeasure(
        "attempts used up by rescues", lambda k: k.attempts_used_up, None, _never, timing=False
    ),
)
"""Seconds from the kill unless the title says otherwise."""


def _of_keys(count: Callable[[Dedup], int]) -> Callable[[Summary], int | None]:
    """None where a key has one enqueuer only."""
    return lambda summary: None if summary.jobs.dedup is None else count(summary.jobs.dedup)


def _of_cache(count: Callable[[Cache], int]) -> Callable[[Summary], int | None]:
    """None where there is no cache."""
    return lambda summary: None if summary.cache is None else count(summary.cache)


def _live_taken(summary: Summary) -> int | None:
    """None where no fault held a worker up or told it to stop."""
    known = [fault.live_taken for fault in summary.faults if fault.live_taken is not None]
    return sum(known) if known else None


COUNTS: tuple[tuple[str, Callable[[Summary], int | None]], ...] = (
    ("jobs enqueued", lambda s: s.jobs.enqueued),
    ("completed once", lambda s: s.jobs.completed_once),
    ("**duplicated**", lambda s: s.jobs.duplicated),
    ("**lost**", lambda s: s.jobs.lost),
    ("**stranded**", lambda s: s.jobs.stranded),
    ("given up though no failure was planned", lambda s: s.jobs.given_up),
    ("discarded", lambda s: s.jobs.discarded),
    ("pending", lambda s: s.jobs.pending),
    ("ambiguous", lambda s: s.jobs.ambiguous),
    ("late", lambda s: s.jobs.late),
    ("deduplicated", lambda s: s.jobs.deduplicated),
    ("rejected", lambda s: s.jobs.rejected),
    ("not enqueued", lambda s: s.jobs.not_enqueued),
    ("duplicated by crash", lambda s: s.crash.duplicates_by_crash),
    ("duplicated re-enqueued", lambda s: s.crash.duplicates_re_enqueued),
    ("duplicated live", lambda s: s.crash.duplicates_live),
    ("... their worker was told to stop", lambda s: s.crash.duplicates_live_by.drain),
    ("... their worker had lost its leader", lambda s: s.crash.duplicates_live_by.leaderless),
    ("... their worker was held up", lambda s: s.crash.duplicates_live_by.pause),
    ("... the server or the network was", lambda s: s.crash.duplicates_live_by.outage),
    ("... they outlasted the lease", lambda s: s.crash.duplicates_live_by.short_lease),
    ("... taken from a live worker all the same", lambda s: s.crash.duplicates_live_by.rescue),
    ("given up by the crash alone", lambda s: s.crash.given_up),
    ("duplicate executions", lambda s: s.crash.duplicate_executions),
    ("duplicate effects", lambda s: s.crash.duplicate_effects),
    ("re-executions", lambda s: s.crash.re_executions),
    ("keys that were enqueued", _of_keys(lambda dedup: dedup.keys)),
    ("keys taken more than once", _of_keys(lambda dedup: dedup.keys_taken_more_than_once)),
    ("keys executed more than once", _of_keys(lambda dedup: dedup.keys_executed_more_than_once)),
    ("questions to the cache", _of_cache(lambda cache: cache.asks)),
    ("hits of the cache", _of_cache(lambda cache: cache.hits)),
    ("joined a job of their address", _of_cache(lambda cache: cache.joined)),
    ("executions for the cache", _of_cache(lambda cache: cache.executions)),
    ("addresses run again", _of_cache(lambda cache: cache.addresses_run_again)),
    ("**wrong results** of the cache", _of_cache(lambda cache: cache.wrong_results)),
    ("unanswered questions to the cache", _of_cache(lambda cache: cache.unanswered)),
    ("live jobs taken", _live_taken),
    ("jobs in doubt at the kill", lambda s: s.crash.integrity_surface_at_kill),
)
"""The ledger, and what the kills did: title and place in the summary."""
ALWAYS_SHOWN = 5
"""So many of `COUNTS` are shown even where they are 0 in every run."""
