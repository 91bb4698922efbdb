"""Faults of the run's database: what their certificates hold, and what each part is good for."""

from __future__ import annotations

from typing import Any

import pytest

from analysis.checks.certificates import certificate
from orchestrator.history.records import DatabaseTarget, FaultEnded, FaultInjected, Target

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
    ("read_only", {}, {"saw": "refused"}, "no new session was seen to be read-only"),
    ("pool_exhaustion", {}, {"saw": "read_only"}, "no new session was seen to be refused"),
]


def missing(what: str, before: Parts, after: Parts) -> list[str]:
    target = TARGETS[what]
    sent = FaultInjected(
        t_ns=SENT_NS,
        fault=0,
        what=what,
        target=target,
        ends_process=False,
        trigger="timed",
        biased=False,
        intended_ns=SENT_NS,
        parts=before,
    )
    return certificate(sent, FaultEnded(SEEN_NS, 0, what, target, parts=after)).missing


def changed(parts: Parts, changes: Parts) -> Parts:
    return {name: value for name, value in (parts | changes).items() if value is not None}


@pytest.mark.parametrize("what", WHOLE)
def test_a_certificate_of_a_database_that_was_harmed_lacks_nothing(what: str) -> None:
    assert missing(what, *WHOLE[what]) == []


@pytest.mark.parametrize(("what", "before", "after", "why"), SPOILT)
def test_each_part_of_it_is_missed(what: str, before: Parts, after: Parts, why: str) -> None:
    first, last = WHOLE[what]
    assert missing(what, changed(first, before), changed(last, after)) == [why]
