"""A lane: one process that carries out runs of scenarios of no file, as it is ordered to.

On stdin one JSON line is one order, one JSON line on stdout answers it; the process ends with its
stdin, and dies with its parent. Workers of its runs are forked from a process that has imported the
library once, and their databases are copies of one that has its schema. Where a file is named, its
one order is carried out as any run, and the exit code is 0, or that of the error, which is on
stderr.
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
from orchestrator.run.standing import Standing
from orchestrator.scenario.load import scenario_from_resolved

MODULE = "orchestrator.commands.engine.lane"


class LaneOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
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


def lane_order_of(request: Request) -> LaneOrder:
    """The order for a request of no file; its server is the lane's."""
    return LaneOrder(
        scenario=dict(request.resolved.table),
        library=request.library_given,
        preset=request.base_preset,
        settings=request.setting_words,
        ordinal=request.ordinal,
        results=str(request.results),
    )


def main() -> None:
    """Carry out the order in the file that is named, or what stdin orders until its end."""
    dsn = os.environ.get(DSN_VARIABLE)
    if len(sys.argv) > 1:
        order = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=LaneOrder)
        answer = _carry_out(order, dsn)
        if answer.error is not None:
            sys.stderr.write(f"{answer.error}\n")
        sys.exit(answer.exit_code)
    # Whatever a library prints must not come between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with Standing() as standing:
        for line in sys.stdin.buffer:
            answer = _carry_out(msgspec.json.decode(line, type=LaneOrder), dsn, standing)
            answers.write(msgspec.json.encode(answer) + b"\n")


def _carry_out(order: LaneOrder, dsn: str | None, standing: Standing | None = None) -> Answer:
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
        write_summary(carry_out(request, lambda status: None, standing).history)
    except Interrupted:
        sys.exit(0)
    except CrashbenchError as error:
        return Answer(str(error), error.exit_code)
    return Answer()


if __name__ == "__main__":
    main()
