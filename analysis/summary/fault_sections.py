"""The sections that some sorts of faults have of their own, and what is told of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from analysis.checks.forms.form import Certificate
from analysis.ledger.case import Case
from analysis.metrics.bystanders import BystanderFound, bystanders
from analysis.metrics.departures import DepartureFound, departures
from analysis.metrics.namesakes import NamesakeFound, namesakes
from analysis.metrics.pauses import PauseFound, pauses
from analysis.metrics.poison import PoisonFound, poison_found
from analysis.metrics.stalls import StallFound, stalls
from analysis.metrics.survivors import SurvivorsFound, survivors
from analysis.summary.bystander_findings import bystander_findings
from analysis.summary.departure_findings import departure_findings
from analysis.summary.namesake_findings import namesake_findings
from analysis.summary.poison_findings import poison_findings
from analysis.summary.survivor_findings import survivor_findings


@dataclass(frozen=True, slots=True)
class FaultSections:
    """Each by its name in `analysis.summary.types.Summary`, whose docstrings say what it is."""

    stalls: tuple[StallFound, ...]
    pauses: tuple[PauseFound, ...]
    departures: tuple[DepartureFound, ...]
    poison: PoisonFound | None
    survivors: tuple[SurvivorsFound, ...]
    namesakes: tuple[NamesakeFound, ...]
    bystanders: tuple[BystanderFound, ...]

    def findings(self) -> Iterator[str]:
        """A sentence or two for each but stalls, which crash points tell of, and pauses."""
        yield from departure_findings(self.departures)
        yield from poison_findings(self.poison)
        yield from survivor_findings(self.survivors)
        yield from namesake_findings(self.namesakes)
        yield from bystander_findings(self.bystanders)


def fault_sections(case: Case, certificates: Mapping[int, Certificate]) -> FaultSections:
    """All of them; `certificates` are those of the case, by the fault's number."""
    history = case.history
    return FaultSections(
        stalls=stalls(history, certificates),
        pauses=pauses(history, certificates),
        departures=departures(history, certificates),
        poison=poison_found(case),
        survivors=survivors(history, certificates),
        namesakes=namesakes(case, certificates),
        bystanders=bystanders(case),
    )
