"""What a held snapshot cost somebody else in the same database, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analysis.faults_named import fault_named
from analysis.metrics.bystanders import PINNED, BystanderFound
from analysis.metrics.latency import Percentiles


def bystander_findings(bystanders: Sequence[BystanderFound]) -> Iterator[str]:
    """A sentence for each."""
    for one in bystanders:
        name = fault_named(PINNED, one.fault)
        if not one.before.n or not one.during.n:
            yield f"There was no bystander's transaction before {name}, or none during it."
            continue
        failed = f"; {one.failed} more failed" if one.failed else ""
        yield (
            f"A bystander's transaction in the same database took {_told(one.before)} before "
            f"{name}, {_told(one.during)} during it{failed}."
        )


def _told(took: Percentiles) -> str:
    return f"{_ms(took.p50)} (median; p99 {_ms(took.p99)}, of {took.n})"


def _ms(value: float | None) -> str:
    return "no known time" if value is None else f"{value:.2f} ms"
