"""What workers did that came back under their predecessor's name, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analysis.faults_named import fault_named
from analysis.metrics.namesakes import NamesakeFound

_WHAT = "same_identity"


def namesake_findings(namesakes: Sequence[NamesakeFound]) -> Iterator[str]:
    """A sentence or two for each."""
    for one in namesakes:
        name = fault_named(_WHAT, one.fault).capitalize()
        if one.successor is None:
            yield f"{name}: no worker came back to slot {one.slot} under the name of its last one."
            continue
        yield (
            f"{name}: of {one.held} jobs in the hands of slot {one.slot}'s worker the next one, of "
            f"the same name, took {one.taken_back} back{_when(one)}; others took "
            f"{one.taken_by_others}, and {one.not_taken} were not started again. Of jobs that a "
            f"third worker was at, it took {one.taken_from_others}."
        )


def _when(one: NamesakeFound) -> str:
    """How soon, and whether by the name."""
    if one.first_taken_back_s is None:
        return ""
    first = f", the first {one.first_taken_back_s:.1f} s after it was ready"
    if one.taken_back_early is None:
        return first
    return f"{first}, {one.taken_back_early} before the queue frees their rows for anybody"
