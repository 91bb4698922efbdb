"""The part of the printed summary that tells of each fault, of whatever sort, in one row."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.faults_named import fault_named
from analysis.metrics.bystanders import PINNED, BystanderFound
from analysis.metrics.faults import FaultFound
from analysis.metrics.latency import Percentiles
from analysis.report.grid import Grid
from analysis.report.number_format import percentile, plain, seconds, words

FAULTS_TITLE = "Faults, seconds"
BYSTANDERS_TITLE = "A bystander's transactions in the same database, milliseconds"


def _median_s(pickup: Percentiles) -> str:
    return seconds(None if pickup.p50 is None else pickup.p50 / 1000)


def faults_table(faults: Sequence[FaultFound]) -> Grid:
    """What each was and did; empty where there is none."""
    kills = all(fault.what == "kill" for fault in faults)
    grid = Grid(
        (
            "",
            "slot",
            "worker absent" if kills else "lasted",
            "median pickup before",
            "after",
            "first work after it",
            "alive and idle",
            "live jobs taken",
            "a rescue costs an attempt",
        ),
        text=(0, 1, 8),
    )
    for fault in faults:
        grid.add_row(
            fault_named(fault.what, fault.fault),
            ", ".join(map(str, fault.slots)),
            seconds(fault.lasted_s),
            *(_median_s(pickup) for pickup in (fault.pickup_before, fault.pickup_after)),
            seconds(fault.first_work_s),
            seconds(fault.alive_and_idle_s),
            plain(fault.live_taken),
            words(fault.rescue_costs_attempt),
        )
    return grid


def bystanders_table(bystanders: Sequence[BystanderFound]) -> Grid:
    """How long they took before each held snapshot, and during it; empty where there is none."""
    shares = ("p50", "p90", "p95", "p99", "p99_9", "max")
    grid = Grid(("", "n", *(name.replace("_", ".") for name in shares)))
    for one in bystanders:
        name = fault_named(PINNED, one.fault)
        for when, took in (("before", one.before), ("during", one.during)):
            cells = (percentile(took, share) for share in shares)
            grid.add_row(f"{when} {name}", plain(took.n), *cells)
    return grid
