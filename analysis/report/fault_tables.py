"""What became of every fault on a library: the table that `crashbench faults` writes.

``faults-<library>-<preset>.json`` holds one; the figures come from the summaries of its runs alone.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import orjson

from analysis.errors import FaultTableError
from analysis.report.answer import Harm

TABLES = "faults-*.json"


class FaultRow(msgspec.Struct, frozen=True, kw_only=True):
    """One fault on a library. A figure is null where there is no ledger, or it is not known."""

    fault: str
    """The scenario's word for it; with a colon the variant's behind it."""
    scenario: str | None
    """What was run; null = nothing was."""
    run_id: str | None
    """Its history is ``<run_id>.jsonl``."""
    verdict: str
    """Of the run; ``error`` = it could not be carried out; ``not possible here`` = not on a server
    that is given; ``not applicable`` = the library has nothing that it could be done to."""
    finding: str
    """The run's first sentence."""
    harm: Harm
    """How bad that is."""
    reasons: tuple[str, ...]
    """Why it did not pass, or was not tried."""
    injected: int | None = None
    """How often the fault was done."""
    certificates: int | None = None
    """How many of these have a complete certificate."""
    duplicated: int | None = None
    """Jobs that were done twice or more."""
    duplicates_live: int | None = None
    """Those of them that no worker's death explains."""
    lost: int | None = None
    """Jobs that were never done and are gone."""
    stranded: int | None = None
    """Jobs that were left behind."""
    given_up: int | None = None
    """Jobs that were given up though nothing had been planned to fail for good."""
    first_work_s: float | None = None
    """The longest time from a fault's end until a worker that it concerned started a job."""
    alive_and_idle_s: float | None = None
    """How long, from the first fault on, a worker lived and took nothing while jobs waited."""
    rescue_costs_attempt: str | None = None
    """By the library's own count: yes, no or not_told."""


class FaultTable(msgspec.Struct, frozen=True, kw_only=True):
    """Every fault on one library under one preset."""

    library: str
    library_version: str
    preset: str
    rows: tuple[FaultRow, ...]
    """In the order of the table of faults."""
    command: str = ""
    """What makes it again."""

    def as_json(self) -> bytes:
        """The file's content."""
        options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        return orjson.dumps(msgspec.to_builtins(self), option=options)


def read_fault_table(path: Path) -> FaultTable:
    """A table that was written before. Raises OSError, and FaultTableError where it is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=FaultTable)
    except msgspec.DecodeError as error:
        raise FaultTableError(path, error) from error
