"""The real command line with one fault more: `nudge`, which looks at a worker and changes nothing.

``python -m tests.acceptance.with_planted_fault --scenario tests/scenarios/tiny_nudge.toml ...``. It
shows what a new fault touches: its type, its row, and its part of the certificate.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import msgspec

from orchestrator.scenario import faults, triggered, types


class Nudge(triggered.Triggered, frozen=True, kw_only=True, tag_field="what", tag="nudge"):
    """A look at a worker, from which it must not change."""

    slot: int = 0
    """At whose worker."""
    seen: bool = True
    """Whether the look is taken at all; without it the certificate lacks its part."""

    @property
    def slots(self) -> tuple[int, ...]:
        """The one that is looked at."""
        return (self.slot,)


# A scenario's types are read when the first scenario is: from here on a nudge is one of them.
types.Fault = faults.Kill | Nudge  # type: ignore[assignment, attr-defined]

from analysis.checks import certificates  # noqa: E402
from analysis.checks.forms import form  # noqa: E402
from orchestrator.commands.cli import main  # noqa: E402
from orchestrator.faults import table, targets  # noqa: E402
from orchestrator.faults.certificate import Closed  # noqa: E402
from orchestrator.faults.targets import Reach, Victim, Worker  # noqa: E402
from orchestrator.history import fault_parts  # noqa: E402
from orchestrator.run import subprocess_run  # noqa: E402
from orchestrator.run.request import Request  # noqa: E402
from worker_child.paths import OUR_PYTHON  # noqa: E402


class Before(msgspec.Struct, frozen=True):
    """The worker before the nudge."""

    open_executions: int


class After(msgspec.Struct, frozen=True, omit_defaults=True):
    """The worker after it."""

    alive_ns: int | None = None


class NudgeCertificate:
    """That the worker lives on."""

    def __init__(self, reach: Reach, victim: Victim) -> None:
        assert isinstance(victim, Worker)
        self._reach, self._worker = reach, victim
        self._alive_ns: int | None = None

    def before(self) -> Before:
        """How many executions are open."""
        return Before(len(self._reach.tracker.open[self._worker.place]))

    def missing(self, *, overdue: bool) -> str | None:
        """A look at the worker."""
        if self._worker.child.exit is None and self._worker.place in SEEN:
            self._alive_ns = time.monotonic_ns()
        return None if self._alive_ns or overdue else "a look at the worker"

    def close(self, fault: int) -> Closed:
        """When it was seen to live."""
        return Closed(After(self._alive_ns))


SCENARIO = Path(__file__).parent.parent / "scenarios" / "tiny_nudge.toml"
"""Its short scenario."""
SEEN: set[tuple[int, int]] = set()


def nudge(reach: Reach, victim: Worker, fault: int) -> int:
    """Nothing but the stamp."""
    return time.monotonic_ns()


def at_whom(reach: Reach, entry: Nudge) -> Worker | None:
    """The worker; the look is noted here, as the row's functions know the entry."""
    found = targets.worker(reach, entry)
    if found is not None and entry.seen:
        SEEN.add(found.place)
    return found


def plant() -> None:
    """The row, and the two halves of its part of the certificate."""
    table.TABLE[Nudge] = table.Row(
        target=at_whom,
        inject=nudge,
        heal=None,
        certificate=NudgeCertificate,
        ends_process=False,
        describe=lambda entry: f"a nudge of slot {entry.slot}",
        scenario=str(SCENARIO),
    )
    fault_parts.FAULT_PARTS["nudge"] = fault_parts.PartsOfAFault(Before, After)
    certificates.FORMS["nudge"] = form.Form(
        {"the worker was not seen to live on": lambda nudge: nudge.after.alive_ns is None},
        form.complete_or_not,
    )
    as_shipped = subprocess_run.run_argv

    def with_the_plant(request: Request) -> list[str]:
        """A run in a process of its own has it planted, too."""
        words = as_shipped(request)[len(OUR_PYTHON) + 2 :]
        return [sys.executable, "-m", "tests.acceptance.with_planted_fault", *words]

    subprocess_run.run_argv = with_the_plant


if __name__ == "__main__":
    plant()
    main()
