"""A kill's certificate lacks what was not seen, says so, and is never made whole by a number."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from analysis.checks.certificates import certificate
from analysis.checks.forms.kill import KillCertificate
from orchestrator.history.records import FaultEnded, FaultInjected
from tests.histories.stories import crash

UNREAD_NS = 1_000_000_000
SENT_NS = 10_000_000_000
COMPLETE = {
    "reaped_ns": SENT_NS + 1_000_000,
    "eof_ns": SENT_NS + 2_000_000,
    "sessions_gone_ns": SENT_NS + 3_000_000,
    "rows_read_ns": SENT_NS + 4_000_000,
}
CLOSED_NS = SENT_NS + 5_000_000
READY_NS = SENT_NS - 5 * UNREAD_NS


def judged(
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    ready_ns: int | None = READY_NS,
    closed_ns: int = CLOSED_NS,
    **sent: Any,
) -> KillCertificate:
    """The certificate of the planted crash's kill, with its instants made simple and changed."""
    story = crash()
    injected = {**story.first("fault_injected"), "t_ns": SENT_NS, "intended_ns": SENT_NS, **sent}
    injected["parts"] = {**injected["parts"], **(before or {})}
    ended = {**story.first("fault_ended"), "t_ns": closed_ns}
    ended["parts"] = {**ended["parts"], **COMPLETE, **(after or {})}
    found = certificate(
        msgspec.convert(injected, FaultInjected), msgspec.convert(ended, FaultEnded), ready_ns
    )
    assert isinstance(found, KillCertificate)
    return found


def test_nothing_is_missing_of_a_kill_that_was_seen_whole() -> None:
    found = judged()

    assert (found.complete, found.missing) == (True, [])
    assert (found.intended_s, found.reaped_s, found.eof_s) == (0.0, 0.001, 0.002)
    assert (found.sessions_gone_s, found.rows_read_s) == (0.003, 0.004)


@pytest.mark.parametrize("name", COMPLETE)
def test_an_instant_may_be_the_signals_own_or_the_closing_line_and_no_further(name: str) -> None:
    contradiction = ["its instants contradict one another"]

    assert judged(after={name: SENT_NS}).missing == []
    assert judged(after={name: SENT_NS - 1}).missing == contradiction
    assert judged(after={name: CLOSED_NS}).missing == []
    assert judged(after={name: CLOSED_NS + 1}).missing == contradiction


def test_a_kill_may_come_after_its_intended_instant_and_not_before() -> None:
    assert judged(intended_ns=SENT_NS - 1).missing == []
    assert judged(intended_ns=SENT_NS + 1).missing == ["its instants contradict one another"]


def test_only_a_timed_kill_has_an_intended_instant() -> None:
    assert judged(intended_ns=None).missing == ["no intended instant"]
    aimed = judged(intended_ns=None, trigger="state")
    assert (aimed.missing, aimed.intended_s) == ([], None)


def test_a_victim_that_was_not_ready_may_have_had_no_session() -> None:
    nobody: dict[str, Any] = {"sessions": []}

    assert judged(nobody).missing == ["no session of the victim was seen before the kill"]
    assert judged(nobody | {"ready": False}, ready_ns=None).missing == []


@pytest.mark.parametrize(
    ("before_ns", "lacks"), [(UNREAD_NS, False), (UNREAD_NS + 1, True), (-UNREAD_NS - 1, False)]
)
def test_a_ready_line_may_lie_unread_for_a_second(before_ns: int, lacks: bool) -> None:
    found = judged({"ready": False}, ready_ns=SENT_NS - before_ns)

    assert bool(found.missing) is lacks
    assert judged({"ready": True}, ready_ns=SENT_NS - before_ns).missing == []


@pytest.mark.parametrize(
    ("after", "lacks"),
    [
        ({"reaped_ns": None}, "the victim was not reaped"),
        ({"signal": 15}, "the wait status is not SIGKILL"),
        ({"signal": 8}, "the wait status is not SIGKILL"),
        ({"signal": None}, "the wait status is not SIGKILL"),
        ({"eof_ns": None}, "its pipe was not read to the end"),
        ({"sessions_gone_ns": None}, "its sessions were not seen to go"),
        ({"rows_read_ns": None}, "the rows were not read"),
    ],
)
def test_what_was_not_seen_is_missing(after: dict[str, Any], lacks: str) -> None:
    found = judged(after=after)

    assert (found.complete, found.missing) == (False, [lacks])
