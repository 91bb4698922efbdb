"""One kill, and what its figures are taken from."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.checks.forms.kill import KillCertificate
from analysis.evidence.deaths import Death
from analysis.evidence.incarnations import Incarnation, Incarnations
from analysis.history.columns import Bools
from analysis.history.history import History
from orchestrator.history.records import FaultInjected
from orchestrator.scenario.faults import Fault


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill, and what every figure of it needs."""

    history: History
    incarnations: Incarnations
    death: Death
    fault: FaultInjected
    planned: Fault | None
    """The scenario's entry that it comes from."""
    certificate: KillCertificate
    duplicates: int

    @property
    def victim(self) -> Incarnation:
        """Who was killed."""
        return self.death.victim

    @property
    def sent_ns(self) -> int:
        """The instant stamped just before the signal."""
        return self.fault.t_ns

    @property
    def raced(self) -> bool:
        """Whether another worker could have claimed the victim's rows before they were read."""
        return self.victim.certificate is not None and self.victim.certificate.raced

    @property
    def successor(self) -> Incarnation | None:
        """The slot's next incarnation; None = it was not filled again."""
        place = self.victim.successor
        return None if place is None else self.incarnations.get(*place)

    def earliest(self, mask: Bools) -> int | None:
        """The first job_started among those that `mask` marks."""
        times = self.history.starts.t_ns[mask]
        return int(times.min()) if times.size else None
