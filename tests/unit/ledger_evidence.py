"""Evidence of single jobs, as the tests of the ledger's boundaries have it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from analysis.evidence.executions import Enqueue, Evidence, Execution, Found, Phase, Row
from analysis.evidence.incarnations import Incarnation
from analysis.ledger.flags import FLAGS, flags
from analysis.ledger.ledger import Judgement, Rules
from orchestrator.history.records import FaultInjected
from orchestrator.history.rescuer import Rescuer

DIED_NS = 1_000_000_000
BOUND_S, MARGIN_S, LENGTH_US = 2.0, 0.5, 100
DEADLINE_NS = DIED_NS + 2_500_000_000 + LENGTH_US * 1000
ONCE, DISCARDED = Judgement("completed_once"), Judgement("discarded")


def rules(**changed: Any) -> Rules:
    plain: dict[str, Any] = {
        "effects": True,
        "rescues": True,
        "final_read": True,
        "effects_readable": True,
        "voids": {},
        "margin_s": MARGIN_S,
        "max_attempts": 3,
        "planned_errors": {"transient", "rate_limit", "permanent"},
    }
    return Rules(**(plain | changed))


def worker(slot: int = 0, number: int = 0, **changed: Any) -> Incarnation:
    """One that lives on."""
    plain: dict[str, Any] = dict.fromkeys(Incarnation.__dataclass_fields__)
    return Incarnation(**(plain | {"slot": slot, "number": number} | changed))


def victim(slot: int = 0, number: int = 0, **changed: Any) -> Incarnation:
    """One that a fault killed, with a survivor who had time to rescue."""
    fault = cast(FaultInjected, SimpleNamespace(t_ns=DIED_NS))
    dead: dict[str, Any] = {"fault": fault, "bound_s": BOUND_S, "rescuer": Rescuer(0, True)}
    return worker(slot, number, **(dead | changed))


def ran(number: int, started_ns: int | None, done_ns: int | None = None, **more: Any) -> Execution:
    plain: dict[str, Any] = {"slot": 0, "incarnation": 0, "effect": done_ns is not None}
    return Execution(number=number, started_ns=started_ns, completed_ns=done_ns, **(plain | more))


def job(*executions: Execution, row: Row | str | None = "done", **more: Any) -> Evidence:
    """A job that was enqueued once, with its executions and one row."""
    rows = [Row(cast(Any, row), 10**12, None, None)] if isinstance(row, str) else [row]
    plain: dict[str, Any] = {
        "enqueues": [Enqueue(0, LENGTH_US, 0)],
        "rows": [one for one in rows if one is not None],
    }
    return Evidence("j", executions=list(executions), **(plain | more))


def found(phase: Phase = "started", **changed: Any) -> Found:
    return Found(victim(**changed), phase)


def flag(name: str, evidence: Evidence, judgement: Judgement = ONCE, **changed: Any) -> bool:
    holds = FLAGS[name](evidence, judgement, rules(**changed))
    assert (name in flags(evidence, judgement, rules(**changed))) is holds
    return holds


def by(slot: int, number: int, started_ns: int | None, done_ns: int | None) -> Execution:
    more = {"slot": slot, "incarnation": number, "effect": True}
    return ran(0, started_ns, done_ns, **more)
