"""A lane: one process that carries out run after run, as its parent orders them on stdin.

One JSON line is one order, one JSON line on stdout answers it. The process ends with its stdin, and
dies with its parent.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from analysis.summary.summary import write_summary
from orchestrator.errors import CrashbenchError, Interrupted
from orchestrator.run.request import DSN_VARIABLE, Request, make_request
from orchestrator.run.run import carry_out
from orchestrator.scenario.load import scenario_from_resolved


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One run."""

    scenario: dict[str, Any]
    """Resolved."""
    library: str
    preset: str
    settings: tuple[str, ...]
    ordinal: int
    results: str


class Answer(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What came of it: the run is complete and its summary written, or `error` says why not."""

    error: str | None = None
    exit_code: int = 0
    """Of the error."""


def order_of(request: Request) -> Order:
    """The order for a request of no file; its server is the lane's."""
    return Order(
        scenario=dict(request.resolved.table),
        library=request.library_given,
        preset=request.base_preset,
        settings=request.setting_words,
        ordinal=request.ordinal,
        results=str(request.results),
    )


def main() -> None:
    """Carry out what stdin orders, until its end."""
    dsn = os.environ[DSN_VARIABLE]
    # Whatever a library prints must not come between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin.buffer:
        answer = _carry_out(msgspec.json.decode(line, type=Order), dsn)
        answers.write(msgspec.json.encode(answer) + b"\n")


def _carry_out(order: Order, dsn: str) -> Answer:
    try:
        request = make_request(
            scenario_from_resolved(order.scenario),
            library=order.library,
            preset=order.preset,
            ordinal=order.ordinal,
            dsn=dsn,
            results=Path(order.results),
            overwrite=True,
            settings=order.settings,
        )
        write_summary(carry_out(request, lambda status: None).history)
    except Interrupted:
        sys.exit(0)
    except CrashbenchError as error:
        return Answer(str(error), error.exit_code)
    return Answer()


if __name__ == "__main__":
    main()
