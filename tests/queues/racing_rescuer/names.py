"""How a proxy names the queue's statements, as psycopg sends them."""

from __future__ import annotations

from orchestrator.proxy.statements import named
from tests.queues.racing_rescuer import statements


def _as_sent(statement: str, *parameters: str) -> str:
    for number, name in enumerate(parameters, 1):
        statement = statement.replace(f"%({name})s", f"${number}")
    return named(statement)


OVERDUE = _as_sent(statements.OVERDUE)
CLAIM = _as_sent(statements.CLAIM, "worker", "lease_s")
COMPLETE = _as_sent(statements.COMPLETE, "id", "worker")
FREE = {
    "stock": _as_sent(statements.FREE + statements.ASK_AGAIN, "ids"),
    "overwrites": _as_sent(statements.FREE, "ids"),
}
"""By preset."""
