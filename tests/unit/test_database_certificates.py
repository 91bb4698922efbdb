"""Faults of the run's database: what their certificates hold, and what each part is good for."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from analysis.checks.certificates import certificate
from orchestrator.history.fault_parts import FAULT_PARTS
from orchestrator.history.records import FaultEnded, FaultInjected
from orchestrator.history.targets import DatabaseTarget, ServerTarget, Target

Parts = dict[str, Any]
SENT_NS, SEEN_NS = 1_000, 9_000
SESSION = {"pid": 7, "backend_start": "then"}
TARGETS: dict[str, Target] = {}
WHOLE: dict[str, tuple[Parts, Parts]] = {}
"""By a fault's word: the parts of a certificate that lacks nothing."""
SPOILT: list[tuple[str, Parts, Parts, str]] = []
"""Fault, what is changed before it, what after it (None = left out), and what is then missing."""

for _what, _saw, _said in [
    ("read_only", "read_only", "read-only"),
    ("pool_exhaustion", "refused", "refused"),
]:
    TARGETS[_what] = DatabaseTarget("crashbench")
    WHOLE[_what] = (
        {"saw": "read_write", "sessions": [SESSION]},
        {
            "order": "ALTER DATABASE crashbench",
            "terminated": [SESSION],
            "sessions_gone_ns": 2_000,
            "saw": _saw,
            "saw_ns": 3_000,
            "still_ns": 5_000,
            "lifted_ns": 6_000,
            "open_ns": 7_000,
        },
    )
    SPOILT += [
        (_what, {"saw": _saw}, {}, "a new session could not read and write before it"),
        (_what, {"sessions": []}, {}, "no session of a worker was seen before it"),
        (_what, {}, {"terminated": None}, "no session of a worker was told to end"),
        (_what, {}, {"sessions_gone_ns": None}, "the workers' sessions were not seen to go"),
        (_what, {}, {"sessions_left": [SESSION]}, "sessions that were to end are left"),
        (_what, {}, {"saw": None}, f"no new session was seen to be {_said}"),
        (_what, {}, {"saw_ns": None}, f"no new session was seen to be {_said}"),
        (_what, {}, {"still_ns": None}, f"no new session was seen to be {_said}"),
        (_what, {}, {"lifted_ns": None}, "nothing shows that it was taken back"),
        (_what, {}, {"open_ns": None}, "no new session was seen to read and write after it"),
        (_what, {}, {"still_ns": 6_001}, "it was taken back before it was last seen"),
    ]
    SPOILT += [
        (_what, {}, {"saw_ns": 5_001}, "it was taken back before it was last seen"),
        (_what, {}, {"open_ns": 5_999}, "it was over before it was taken back"),
        (
            _what,
            {},
            {"sessions_gone_ns": 6_001},
            "the workers' sessions were there until it was taken back",
        ),
    ]
SPOILT += [
    ("read_only", {}, {"saw": "refused"}, "no new session was seen to be read-only"),
    ("pool_exhaustion", {}, {"saw": "read_only"}, "no new session was seen to be refused"),
]

TARGETS["table_lock"] = DatabaseTarget("crashbench")
WAITER = {"pid": 8, "backend_start": "then", "query": "SELECT", "worker": True}
WHOLE["table_lock"] = (
    {"tables": ["public.jobs"]},
    {
        "holder_pid": 7,
        "waiters": [WAITER],
        "had_ns": 2_000,
        "still_ns": 5_000,
        "unlocked_ns": 6_000,
        "gone_ns": 7_000,
    },
)
SPOILT += [
    ("table_lock", {"tables": []}, {}, "no table of the queue was found"),
    ("table_lock", {}, {"had_ns": None}, "the lock was not seen to be held"),
    ("table_lock", {}, {"still_ns": None}, "the lock was not seen to be held"),
    ("table_lock", {}, {"waiters": None}, "no worker was seen to wait for it"),
    (
        "table_lock",
        {},
        {"waiters": [WAITER | {"worker": False}]},
        "no worker was seen to wait for it",
    ),
    ("table_lock", {}, {"unlocked_ns": None}, "nothing shows that it was let go"),
    ("table_lock", {}, {"gone_ns": None}, "it was not seen to be gone"),
    ("table_lock", {}, {"still_ns": 6_001}, "it was let go before it was last seen"),
    ("table_lock", {}, {"had_ns": 5_001}, "it was let go before it was last seen"),
    ("table_lock", {}, {"gone_ns": 5_999}, "it was gone before it was let go"),
]

TARGETS["database_pause"] = ServerTarget(41)
AS_IT_WAS = {"start_time": "then", "marker_rows": 1}
WHOLE["database_pause"] = (
    AS_IT_WAS,
    {
        "pids": [41, 42],
        "stopped_ns": 2_000,
        "still_stopped_ns": 5_000,
        "continued_ns": 6_000,
        "answered_ns": 7_000,
        "after": AS_IT_WAS,
    },
)
SPOILT += [
    (
        "database_pause",
        {"marker_rows": 0},
        {"after": AS_IT_WAS | {"marker_rows": 0}},
        "no row of the unlogged marker was seen before it",
    ),
    ("database_pause", {}, {"stopped_ns": None}, "its processes were not seen stopped"),
    ("database_pause", {}, {"still_stopped_ns": None}, "its processes were not seen stopped"),
    ("database_pause", {}, {"pids": [42]}, "its first process was not among them"),
    ("database_pause", {}, {"continued_ns": None}, "nothing shows that SIGCONT was sent"),
    (
        "database_pause",
        {},
        {"still_stopped_ns": 6_001},
        "it went on before it was last seen stopped",
    ),
    (
        "database_pause",
        {},
        {"stopped_ns": 5_001},
        "it went on before it was last seen stopped",
    ),
    ("database_pause", {}, {"answered_ns": 5_999}, "it answered before it went on"),
    ("database_pause", {}, {"answered_ns": None}, "the server was not seen to answer again"),
    ("database_pause", {}, {"after": None}, "the server was not seen to answer again"),
    (
        "database_pause",
        {},
        {"after": AS_IT_WAS | {"start_time": "later"}},
        "the server has another start time: it was started anew",
    ),
    (
        "database_pause",
        {},
        {"after": AS_IT_WAS | {"marker_rows": 0}},
        "the unlogged marker is gone: the server had crashed",
    ),
]

STARTED_ANEW, RECOVERED = {"start_time": "later", "marker_rows": 1}, {**AS_IT_WAS, "marker_rows": 0}
TARGETS["database_restart"] = TARGETS["database_crash"] = ServerTarget(41)
WHOLE["database_restart"] = (
    AS_IT_WAS,
    {"down_ns": 3_000, "exit_code": 0, "answered_ns": 7_000, "after": STARTED_ANEW},
)
WHOLE["database_crash"] = (
    AS_IT_WAS,
    {"killed_pid": 42, "answered_ns": 7_000, "after": RECOVERED},
)
NO_ANSWER, DISORDER = (
    "the server was not seen to answer again",
    "the server did not stop in good order",
)
SPOILT += [
    ("database_restart", {}, {"down_ns": None}, "the server's process was not seen to end"),
    ("database_restart", {}, {"exit_code": 1}, DISORDER),
    ("database_restart", {}, {"exit_code": -1}, DISORDER),
    (
        "database_restart",
        {},
        {"after": AS_IT_WAS},
        "the server has the start time that it had before",
    ),
    (
        "database_restart",
        {},
        {"after": {**STARTED_ANEW, "marker_rows": 0}},
        "the unlogged marker is gone: the server had crashed",
    ),
    ("database_crash", {"marker_rows": 0}, {}, "no row of the unlogged marker was seen before it"),
    ("database_crash", {}, {"killed_pid": None}, "no backend was killed"),
    (
        "database_crash",
        {},
        {"after": {**RECOVERED, "start_time": "later"}},
        "the server has another start time: it was started anew",
    ),
    (
        "database_crash",
        {},
        {"after": AS_IT_WAS},
        "the unlogged marker is still there: no crash recovery took place",
    ),
]
for _what in ("database_restart", "database_crash"):
    SPOILT += [(_what, {}, {name: None}, NO_ANSWER) for name in ("answered_ns", "after")]

TARGETS["pinned_snapshot"] = DatabaseTarget("crashbench")
SIZE = {"dead_rows": 3, "bytes": 8192}
WHOLE["pinned_snapshot"] = (
    {"tables": ["public.jobs"], "size": SIZE},
    {
        "pid": 7,
        "xmin": "741",
        "seen_ns": 2_000,
        "still_xmin": "741",
        "still_ns": 5_000,
        "size": SIZE,
        "let_go_ns": 6_000,
        "gone_ns": 7_000,
    },
)
SPOILT += [
    ("pinned_snapshot", {"tables": []}, {}, "no table of the queue was found"),
    ("pinned_snapshot", {}, {"seen_ns": None}, "no snapshot was seen to be held"),
    ("pinned_snapshot", {}, {"still_ns": None}, "it was not seen to be held until its end"),
    ("pinned_snapshot", {}, {"still_xmin": "742"}, "it was not seen to be held until its end"),
    ("pinned_snapshot", {}, {"size": None}, "the dead rows were not counted"),
    ("pinned_snapshot", {}, {"let_go_ns": None}, "nothing shows that it was let go"),
    ("pinned_snapshot", {}, {"gone_ns": None}, "its session was not seen to go"),
    ("pinned_snapshot", {}, {"still_ns": 6_001}, "it was let go before it was last seen"),
    ("pinned_snapshot", {}, {"seen_ns": 5_001}, "it was let go before it was last seen"),
    ("pinned_snapshot", {}, {"gone_ns": 5_999}, "its session was gone before it was let go"),
]


def injected(what: str, before: Parts) -> FaultInjected:
    return FaultInjected(
        t_ns=SENT_NS,
        fault=0,
        what=what,
        target=TARGETS[what],
        ends_process=False,
        trigger="timed",
        biased=False,
        intended_ns=SENT_NS,
        parts=before,
    )


def missing(what: str, before: Parts, after: Parts) -> list[str]:
    ended = FaultEnded(SEEN_NS, 0, what, TARGETS[what], parts=after)
    return certificate(injected(what, before), ended).missing


def changed(parts: Parts, changes: Parts) -> Parts:
    return {name: value for name, value in (parts | changes).items() if value is not None}


@pytest.mark.parametrize("what", WHOLE)
def test_a_certificate_of_a_database_that_was_harmed_lacks_nothing(what: str) -> None:
    assert missing(what, *WHOLE[what]) == []


@pytest.mark.parametrize("what", FAULT_PARTS)
def test_the_parts_of_a_faults_end_may_all_be_left_out(what: str) -> None:
    assert msgspec.convert({}, FAULT_PARTS[what].after) is not None, "a run may be cut off"


@pytest.mark.parametrize("what", WHOLE)
def test_a_fault_of_a_database_without_an_end_says_so(what: str) -> None:
    sent = injected(what, WHOLE[what][0])
    assert certificate(sent, None).missing == ["no fault_ended line"]


@pytest.mark.parametrize(("what", "before", "after", "why"), SPOILT)
def test_each_part_of_it_is_missed(what: str, before: Parts, after: Parts, why: str) -> None:
    first, last = WHOLE[what]
    assert missing(what, changed(first, before), changed(last, after)) == [why]


def test_a_server_whose_exit_code_was_not_seen_may_have_stopped_in_good_order() -> None:
    before, after = WHOLE["database_restart"]
    assert missing("database_restart", before, changed(after, {"exit_code": None})) == []
