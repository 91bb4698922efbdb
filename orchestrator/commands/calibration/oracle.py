"""What must be found of a control: SQL over its audit and the ledger's tables.

It reads the history's JSON lines by itself and shares no code with the analysis, or it would share
its mistakes.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.commands.calibration.controls import SETS, Control, SetName
from orchestrator.scenario.types import Scenario
from orchestrator.scenario.workload import Workload

_TABLES = """
CREATE TABLE run (lease_s REAL);
CREATE TABLE job (job_id TEXT PRIMARY KEY, length_us INTEGER NOT NULL);
CREATE TABLE worker (worker TEXT PRIMARY KEY, identity TEXT NOT NULL);
CREATE TABLE killed (worker TEXT PRIMARY KEY);
CREATE TABLE paused (worker TEXT PRIMARY KEY, t_ns INTEGER);
CREATE TABLE started (
    job_id TEXT, worker TEXT, execution INTEGER, t_ns INTEGER, PRIMARY KEY (worker, execution)
);
CREATE TABLE done (
    job_id TEXT, worker TEXT, execution INTEGER, t_ns INTEGER, PRIMARY KEY (worker, execution)
);
CREATE TABLE audit (sequence INTEGER PRIMARY KEY, identity TEXT, job_id TEXT, action TEXT);
CREATE VIEW left_by_kill AS
    SELECT DISTINCT job_id, worker
    FROM started JOIN killed USING (worker) JOIN worker USING (worker)
    WHERE NOT EXISTS (
        SELECT 1 FROM audit
        WHERE audit.job_id = started.job_id AND audit.identity = worker.identity
          AND audit.action = 'acknowledged'
    );
CREATE VIEW open_at_pause AS
    SELECT DISTINCT started.job_id
    FROM started JOIN paused USING (worker) LEFT JOIN done USING (worker, execution)
    WHERE started.t_ns < paused.t_ns AND (done.t_ns IS NULL OR done.t_ns > paused.t_ns);
"""

Fields = dict[str, Any]
JobSets = dict[SetName, frozenset[str]]


@dataclass(frozen=True)
class Expected:
    """Sets of job ids that the analysis must find in one run."""

    run_id: str
    predicted: JobSets
    """By the oracle: all four sets."""
    fixed: JobSets
    """Known before the run; empty where no job was held."""
    at_least: JobSets
    """Jobs that must be among a set."""

    def write(self, folder: Path) -> Path:
        """Write ``<run_id>.expected.json``, before anything is compared with it."""
        sets = {"predicted": self.predicted, "fixed": self.fixed, "at_least": self.at_least}
        table = {
            source: {name: sorted(ids) for name, ids in by_name.items()}
            for source, by_name in sets.items()
        }
        path = folder / f"{self.run_id}.expected.json"
        path.write_text(json.dumps({"run_id": self.run_id, **table}, indent=2) + "\n")
        return path


def expect(control: Control, scenario: Scenario, history: Path) -> Expected:
    """Work out what must be found. Raises OSError, and ValueError for a line that is no JSON."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(_TABLES)
        run_id = _fill(database, history)
        return Expected(
            run_id=run_id,
            predicted={name: _ids(database, control.predicts.get(name)) for name in SETS},
            fixed=fixed_sets(control, scenario),
            at_least={name: _ids(database, sql) for name, sql in control.at_least.items()},
        )


def fixed_sets(control: Control, scenario: Scenario) -> JobSets:
    """The sets that the scenario's held jobs fix before the run; empty without any."""
    held = [job.plan for job in Workload(scenario).held()]
    if not held:
        return {}
    return {
        name: frozenset(plan.job_id for plan in held if plan.hold in control.fixed.get(name, ()))
        for name in SETS
    }


def _ids(database: sqlite3.Connection, sql: str | None) -> frozenset[str]:
    return frozenset(job_id for (job_id,) in database.execute(sql)) if sql else frozenset()


def _fill(database: sqlite3.Connection, history: Path) -> str:
    run_id = ""
    with history.open(encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            run_id = record["run_id"]
            rows = _ROWS.get(record["kind"])
            if rows is not None:
                for statement, values in rows(record["fields"]):
                    database.execute(statement, values)
    return run_id


Statement = tuple[str, tuple[Any, ...]]


def _worker(fields: Mapping[str, Any]) -> str:
    return f"{fields['slot']}:{fields['incarnation']}"


def _run(fields: Fields) -> Iterator[Statement]:
    rescue = fields["rescue"]
    yield "INSERT INTO run VALUES (?)", (rescue and rescue["lease_s"],)


def _job(fields: Fields) -> Iterator[Statement]:
    yield "INSERT OR IGNORE INTO job VALUES (?, ?)", (fields["job_id"], fields["length_us"])


def _ready(fields: Fields) -> Iterator[Statement]:
    yield "INSERT INTO worker VALUES (?, ?)", (_worker(fields), fields["identity"])


def _fault(fields: Fields) -> Iterator[Statement]:
    target = fields["target"]
    if fields["what"] == "pause":
        yield "INSERT INTO paused VALUES (?, ?)", (_worker(target), fields["t_ns"])
    elif fields["ends_process"]:
        yield "INSERT INTO killed VALUES (?)", (_worker(target),)


def _execution(fields: Fields) -> tuple[Any, ...]:
    return fields["job_id"], _worker(fields), fields["execution"], fields["t_ns"]


def _start(fields: Fields) -> Iterator[Statement]:
    yield "INSERT INTO started VALUES (?, ?, ?, ?)", _execution(fields)


def _completion(fields: Fields) -> Iterator[Statement]:
    yield "INSERT OR IGNORE INTO done VALUES (?, ?, ?, ?)", _execution(fields)


def _effects(fields: Fields) -> Iterator[Statement]:
    for slot, incarnation, execution in fields.get("effects", ()):
        values = fields["job_id"], f"{slot}:{incarnation}", execution
        yield "INSERT OR IGNORE INTO done VALUES (?, ?, ?, NULL)", values


def _audit(fields: Fields) -> Iterator[Statement]:
    if fields["code"] == "audit":
        row = fields["detail"]
        values = row["sequence"], row["identity"], row["job_id"], row["action"]
        yield "INSERT INTO audit VALUES (?, ?, ?, ?)", values


_ROWS: dict[str, Callable[[Fields], Iterator[Statement]]] = {
    "run_start": _run,
    "job_enqueued": _job,
    "child_ready": _ready,
    "fault_injected": _fault,
    "job_started": _start,
    "job_completed": _completion,
    "row_read": _effects,
    "note": _audit,
}
"""By a line's kind: the rows that it adds."""
