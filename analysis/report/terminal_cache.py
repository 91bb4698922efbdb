"""The part of the printed summary that tells of a cache: what its callers were served, how soon."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.metrics.cache import Cache
from analysis.metrics.latency import Percentiles
from analysis.report.grid import Grid
from analysis.report.number_format import LIMITED_MARK, named_values, percentile, plain, share

NO_COMPARISON = "no comparison: only this library offers a cache"
"""Stands wherever figures of a cache do."""
CACHE_TITLE = f"Cache ({NO_COMPARISON})"
CACHE_LATENCY_TITLE = "Cache, milliseconds from the question to the last byte of the answer"
PERCENTILES = ("p50", "p95", "p99", "max")


def cache_table(cache: Cache | None) -> Grid:
    """Questions, answers and the work that they cost; empty where there is no cache."""
    return named_values(() if cache is None else _rows(cache))


def _rows(cache: Cache) -> Iterator[tuple[str, str, str]]:
    asked = f"for {plain(cache.addresses)} addresses, {plain(cache.callers)} callers at once"
    yield "questions", plain(cache.asks), asked
    yield "hits", plain(cache.hits), f"{share(cache.hit_rate)} of the questions"
    yield "joined", plain(cache.joined), "waited for a job that the queue had already"
    yield "misses", plain(cache.misses), "sent a job of their own to the queue"
    yield "unanswered", plain(cache.unanswered), ""
    most = f"{plain(cache.max_executions_per_address)} at most of one address"
    yield "executions", plain(cache.executions), f"{most}; work saved: {share(cache.work_saved)}"
    yield "addresses run again", plain(cache.addresses_run_again), "by another job of theirs"
    torn, foreign = plain(cache.torn_results), plain(cache.foreign_results)
    yield "wrong results", plain(cache.wrong_results), f"{torn} torn, {foreign} another address's"
    yield "stuck addresses", plain(cache.stuck_addresses), "nobody was served them in the end"


def cache_latency_table(cache: Cache | None) -> Grid:
    """How soon each sort of question was answered; empty where there is no cache."""
    grid = Grid(("", "n", *PERCENTILES))
    if cache is None:
        return grid
    found: dict[str, Percentiles] = {
        "hit": cache.latency_ms.hit,
        "joined": cache.latency_ms.joined,
        "miss": cache.latency_ms.miss,
    }
    mark = LIMITED_MARK if cache.machine_limited else ""
    for name, figures in found.items():
        if figures.n:
            cells = [percentile(figures, wanted) for wanted in PERCENTILES]
            grid.add_row(f"{name}{mark}", plain(figures.n), *cells)
    return grid
