"""Every round trip of a queue, killed before and after: the controls show what they were built for.

Only by `make test-crash-points`, save one that is cut short and goes on.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from analysis.compare.crash_points import judge_point
from orchestrator.commands.crash_points.kept import REPEATED, summary_of
from orchestrator.processes import linux
from tests.acceptance.command_line import Desk, wait_for
from tests.acceptance.command_line import desk as desk_at

pytestmark = [pytest.mark.database, pytest.mark.slow, pytest.mark.timeout(900)]

LIMIT_S = 800.0
Key = tuple[str | None, str]
"""Phase and what the statement does."""

IDLE: dict[Key, tuple[str, str]] = {(None, "claim"): ("clean", "clean")}
IN_TRANSACTION: dict[Key, tuple[str, str]] = {
    (None, "begin"): ("clean", "clean"),
    (None, "commit"): ("clean", "clean"),
}
RUN_AGAIN: dict[Key, tuple[str, str]] = {
    ("waiting", "claim"): ("clean", "clean"),
    ("started", "effect"): ("re-executed", "duplicated"),
}

ONE_JOB: dict[str, dict[Key, tuple[str, str]]] = {
    # Claim, work and acknowledgement are one transaction; the effect is in another one.
    "control_holding": {
        **IDLE,
        **IN_TRANSACTION,
        **RUN_AGAIN,
        ("completed", "acknowledge"): ("duplicated", "duplicated"),
        ("completed", "commit"): ("duplicated", "clean"),
    },
    # The claim takes the row out: whoever dies then takes the job along, unless it was done.
    "control_delete_first": {
        **IDLE,
        ("waiting", "claim"): ("clean", "lost"),
        ("started", "effect"): ("lost", "clean"),
    },
    # Nobody looks at a claim again; a job that was done is not stranded, its row is left.
    "control_never_rescues": {
        **IDLE,
        ("waiting", "claim"): ("clean", "stranded"),
        ("started", "effect"): ("stranded", "clean"),
        ("completed", "acknowledge"): ("clean", "clean"),
    },
    "control_late_ack": {
        **IDLE,
        (None, "acknowledge"): ("clean", "clean"),
        **RUN_AGAIN,
        ("completed", "acknowledge"): ("duplicated", "clean"),
    },
    "control_short_lease": {
        **IDLE,
        **RUN_AGAIN,
        ("completed", "acknowledge"): ("duplicated", "clean"),
    },
}
"""By control: what a kill before and after each round trip does to one job at a time. Nothing else
may be found, and nothing of it may be missing."""

UNTOLD: dict[str, dict[Key, tuple[str, str]]] = {
    # It acknowledges once a second, with or without rows: how often without, before a job is done,
    # differs from run to run on a busy machine, and then nothing is tried before it.
    "control_late_ack": {("completed", "acknowledge"): ("not tried", "clean")},
}
"""By control: what may be shown in the place of that."""

BATCH: dict[str, frozenset[str]] = {
    "control_holding": frozenset({"clean", "re-executed", "duplicated"}),
    "control_delete_first": frozenset({"clean", "lost"}),
    "control_never_rescues": frozenset({"clean", "stranded"}),
    "control_late_ack": frozenset({"clean", "re-executed", "duplicated"}),
    "control_short_lease": frozenset({"clean", "re-executed", "duplicated"}),
}
"""By control: what it can come to with three jobs at once, where the others' state is a race."""


def what(statement: str) -> str:
    """What a control's statement does."""
    if statement.startswith("INSERT INTO bench_effect"):
        return "effect"
    if "DELETE FROM control_job WHERE id = ANY" in statement:
        return "acknowledge"
    return "claim" if statement.startswith("WITH touched") else statement.partition(" ")[0].lower()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_at(tmp_path) as made:
        yield made


def enumerated(desk: Desk, library: str, *options: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the table."""
    with desk.started("crash-points", library, "--actions=kill", *options) as process:
        out, error = process.communicate(timeout=LIMIT_S)
    written = list(desk.results.glob("crash-points-*.json"))
    assert written, out + error
    table = json.loads(written[0].read_text())
    assert table["complete"], out + error
    assert [p for p in table["points"] if p["verdict"] == "invalid"] == [], out + error
    assert what_is_left(desk) == []
    return process.returncode, table


def histories(desk: Desk) -> list[Path]:
    """Those of the enumeration's runs, each at one point."""
    return list(desk.results.rglob("point_*.jsonl"))


def carried_out(desk: Desk) -> list[Path]:
    """Without those that are to be repeated: a busy worker may not come to its point."""
    return [
        history
        for history in histories(desk)
        if judge_point(summary_of(history)).verdict not in REPEATED
    ]


def what_is_left(desk: Desk) -> list[object]:
    """Processes of the enumeration, and files of its servers."""
    mark = f"TMPDIR={desk.temporary}".encode()
    processes = [process.pid for process in linux.living() if _has(process.pid, mark)]
    return [*processes, *desk.temporary.iterdir()]


def _has(pid: int, mark: bytes) -> bool:
    try:
        return mark in Path(f"/proc/{pid}/environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False


def by_side(points: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each point's outcome before, with that after."""
    after = {point["id"]: point for point in points if point["side"] == "after"}
    for point in points:
        if point["side"] == "before" and point["id"] in after:
            yield point, after[point["id"]]


FEW = 5
"""So many points of an enumeration may be told apart by their ordinal on a quiet machine alone."""


def reached(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without those whose worker came to fewer equal requests than without harm, as one of several
    jobs at once may on a busy machine: they are called so, and the exit code is no success."""
    found = [point for point in points if point["verdict"] != "not_reached"]
    assert len(points) - len(found) <= FEW
    return found


def found_of(points: list[dict[str, Any]]) -> dict[Key, tuple[str, str]]:
    """What came of each point before and after it."""
    before = {point["id"]: point["verdict"] for point in points if point["side"] == "before"}
    return {
        (point["phase"], what(point["statement"])): (
            before.get(point["id"], "not tried"),
            point["verdict"],
        )
        for point in points
        if point["side"] == "after"
    }


@pytest.mark.every_point
@pytest.mark.parametrize("library", ONE_JOB)
def test_a_control_shows_exactly_the_points_at_which_it_was_built_to_fail(
    library: str, desk: Desk
) -> None:
    code, table = enumerated(desk, library)
    single = [point for point in table["points"] if point["workload"] == "single"]
    assert found_of(single) in (ONE_JOB[library], ONE_JOB[library] | UNTOLD.get(library, {}))
    batch = [point for point in table["points"] if point["workload"] == "batch"]
    assert {point["verdict"] for point in reached(batch)} <= BATCH[library]
    starting = [point for point in batch if point["phase"] == "starting up"]
    assert starting and {point["verdict"] for point in starting} == {"clean"}
    fails = {"lost", "stranded"} & {point["verdict"] for point in table["points"]}
    missed = len(reached(batch)) < len(batch)
    assert code == (1 if fails else 4 if missed else 0)


@pytest.mark.every_point
def test_pgqueuer_loses_nothing_at_any_point_and_repeats_what_it_had_not_written_down(
    desk: Desk,
) -> None:
    code, table = enumerated(desk, "pgqueuer", "--preset", "tuned")
    points = reached(table["points"])
    assert code == (0 if len(points) == len(table["points"]) else 4)
    assert {p["verdict"] for p in points} <= {"clean", "re-executed", "duplicated"}
    written = [
        (before["workload"], before["verdict"], after["verdict"])
        for before, after in by_side(points)
        if before["statement"].startswith("WITH job_status")
        and (before["workload"] == "batch" or before["phase"] == "completed")
    ]
    one_by_one = [verdicts for workload, *verdicts in written if workload == "single"]
    assert len(one_by_one) >= 3 and set(map(tuple, one_by_one)) == {("duplicated", "clean")}
    # Of three at once a busy machine may have the last one written down in a flush of its own.
    at_once = [verdicts for workload, *verdicts in written if workload == "batch"]
    assert at_once and {before for before, _ in at_once} == {"duplicated"}
    assert {after for _, after in at_once} <= {"clean", "duplicated"}


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGKILL, -9),
        pytest.param(signal.SIGINT, 130, marks=pytest.mark.every_point),
    ],
)
def test_an_enumeration_that_is_cut_short_goes_on_and_leaves_nothing_behind(
    number: signal.Signals, code: int, desk: Desk
) -> None:
    words = ("crash-points", "control_delete_first", "--lanes", "2", "--sides=after")
    with desk.started(*words, "--actions=kill") as process:
        assert process.stdout is not None
        seen = iter(process.stdout.readline, "")
        assert any("waiting: WITH touched" in line for line in seen)
        process.send_signal(number)
        out, error = process.communicate(timeout=LIMIT_S)
    assert process.returncode == code, out + error
    wait_for(lambda: not what_is_left(desk), 60.0, "the end of all that was started")
    left = {path.name: path.stat().st_mtime_ns for path in carried_out(desk)}
    assert left
    found, table = enumerated(desk, *words[1:])
    assert found == 1
    kept = {path.name: path.stat().st_mtime_ns for path in histories(desk)}
    assert kept.items() >= left.items(), "what was done is not done again"
    assert table["runs"] < len(kept)
