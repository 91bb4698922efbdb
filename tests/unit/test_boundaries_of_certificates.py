"""A certificate where one nanosecond, one byte or one session more or less makes it incomplete."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from analysis.checks.certificates import certificate
from analysis.checks.forms.form import UNSEEN, Certificate
from analysis.checks.forms.kill import KillCertificate
from orchestrator.history.records import FaultEnded, FaultInjected
from tests.histories.builder import Story
from tests.unit import test_killed_producers, test_pauses, test_poison_judged
from tests.unit.certified import Parts, S, certified, seen, sent_ns
from tests.unit.test_database_certificates import SESSION, TARGETS, WHOLE
from tests.unit.test_leaders import lives_on
from tests.unit.test_networks import black_hole, reset

# How long before its end a fault was last seen

LASTING = {
    "read_only": ("still_ns", "lifted_ns", "open_ns"),
    "table_lock": ("still_ns", "unlocked_ns", "gone_ns"),
    "pinned_snapshot": ("still_ns", "let_go_ns", "gone_ns"),
    "database_pause": ("still_stopped_ns", "continued_ns", "answered_ns"),
}
"""By a fault's word: when it was last seen, when it was ended, and when that was seen."""
SENT_NS = 500 * S


@pytest.mark.parametrize("what", LASTING)
@pytest.mark.parametrize(
    ("lasted_ns", "unseen_ns"),
    [(3 * S // 2, S), (2 * S + 2, S + 1), (4 * S, 2 * S), (9 * S, 9 * S // 2), (20 * S, 5 * S)],
    ids=["a second at the least", "half of it", "half of 4 s", "half of 9 s", "5 s at the most"],
)
def test_a_fault_may_go_unseen_before_its_end_for_half_of_its_time_and_not_a_nanosecond_longer(
    what: str, lasted_ns: int, unseen_ns: int
) -> None:
    def missing(gap_ns: int) -> list[str]:
        still, ended, over = LASTING[what]
        before, after = WHOLE[what]
        early = {name: SENT_NS for name in after if name.endswith("_ns")}
        ended_ns = SENT_NS + lasted_ns
        late = {still: ended_ns - gap_ns, ended: ended_ns, over: ended_ns}
        sent = FaultInjected(
            SENT_NS, 0, what, TARGETS[what], False, "timed", False, SENT_NS, before
        )
        end = FaultEnded(ended_ns, 0, what, TARGETS[what], {**after, **early, **late})
        return certificate(sent, end).missing

    assert missing(unseen_ns) == []
    assert missing(unseen_ns + 1) == [UNSEEN]


# A network that is out


@pytest.mark.parametrize(
    ("unlooked_ns", "missing"),
    [
        (S, []),
        (S + 1, ["nothing shows what passed until it flowed again"]),
        (0, []),
        (-1, ["it flowed again before it was looked at"]),
    ],
)
def test_a_black_hole_is_looked_at_within_the_second_before_everything_flows_again(
    unlooked_ns: int, missing: list[str]
) -> None:
    story = black_hole()
    looked_ns = seen(story)["released_ns"] - unlooked_ns
    assert certified(story, after={"looked_ns": looked_ns}).missing == missing


def test_a_black_hole_that_was_not_seen_to_end_lacks_that_alone() -> None:
    says = "it was not seen to flow again"
    assert certified(black_hole(), after={"released_ns": None}).missing == [says]
    says = "nothing shows what passed until it flowed again"
    assert certified(black_hole(), after={"looked_ns": None}).missing == [says]


@pytest.mark.parametrize(
    ("worker", "server", "lacks"), [(1, 0, False), (0, 1, False), (1, 1, False), (0, 0, True)]
)
def test_a_black_hole_has_swallowed_something_of_either_side(
    worker: int, server: int, lacks: bool
) -> None:
    held = [{}, {"from_worker_bytes": worker, "from_server_bytes": server}]
    found = certified(black_hole(), after={"connections": held})
    says = "nothing was sent meanwhile that could have been swallowed"
    assert found.missing == [says] * lacks


@pytest.mark.parametrize(("passed", "lacks"), [(0, False), (1, True)])
def test_a_single_byte_that_passes_is_no_black_hole(passed: int, lacks: bool) -> None:
    says = "bytes passed while nothing was to"
    assert certified(black_hole(), after={"passed_bytes": passed}).missing == [says] * lacks


@pytest.mark.parametrize(
    ("pids", "missing"),
    [
        ([7, 8], []),
        ([8], []),
        ([], []),
        ([9], ["sessions were reset that did not go through the proxy"]),
        ([7, 8, 9], ["sessions were reset that did not go through the proxy"]),
    ],
)
def test_a_reset_may_end_all_sessions_of_its_proxy_and_no_other(
    pids: list[int], missing: list[str]
) -> None:
    assert certified(reset(), after={"reset_pids": pids}).missing == missing


@pytest.mark.parametrize(
    "unseen", [{"resets": 0}, {"reset_ns": None}, {"resets": 0, "reset_ns": None}]
)
def test_a_reset_that_met_no_connection_is_none(unseen: Parts) -> None:
    assert certified(reset(), after=unseen).missing == ["no connection was reset"]
    assert certified(reset(), after={"resets": 1}).missing == []


@pytest.mark.parametrize("plant", [black_hole, reset])
@pytest.mark.parametrize(("pids", "lacks"), [([7], False), ([6, 7], False), ([6], True)])
def test_all_sessions_of_a_worker_go_through_its_proxy_and_others_may(
    plant: Callable[[], Story], pids: list[int], lacks: bool
) -> None:
    found = certified(plant(), after={"backend_pids": pids, "reset_pids": []})
    says = "a session of the worker did not go through the proxy"
    assert found.missing == [says] * lacks


# A worker that leaves

OTHERWISE = "it was killed, and its wait status is another"
UNASKED = "it was killed by somebody else"
ONCE = "it was sent no second SIGTERM"


def leaves(what: str, **after: Any) -> KillCertificate:
    """It is told to leave 3 s after the line says so, and is gone 4 s after that."""
    sent = {
        "t_ns": SENT_NS,
        "fault": 0,
        "what": what,
        "target": {"kind": "worker", "slot": 0, "incarnation": 0, "pid": 1},
        "ends_process": False,
        "trigger": "timed",
        "biased": False,
        "intended_ns": SENT_NS,
        "parts": {"sessions": [SESSION]},
    }
    gone_ns = SENT_NS + 7 * S
    gone = dict.fromkeys(("reaped_ns", "eof_ns", "sessions_gone_ns", "rows_read_ns"), gone_ns)
    parts = {**gone, "told_ns": SENT_NS + 3 * S, **after}
    ended = FaultEnded(gone_ns, 0, what, msgspec.convert(sent, FaultInjected).target, parts)
    found = certificate(msgspec.convert(sent, FaultInjected), ended)
    assert isinstance(found, KillCertificate)
    return found


KILLED_NS, AGAIN_NS = SENT_NS + 6 * S, SENT_NS + 5 * S


@pytest.mark.parametrize("what", ["deploy", "terminate"])
@pytest.mark.parametrize(
    ("after", "missing"),
    [
        ({"exit_code": 0}, []),
        ({"signal": signal.SIGTERM}, []),
        ({"signal": signal.SIGKILL}, [UNASKED]),
        ({"again_ns": AGAIN_NS, "signal": signal.SIGTERM}, []),
        ({"again_ns": AGAIN_NS, "killed_ns": KILLED_NS, "signal": signal.SIGKILL}, []),
        ({"again_ns": AGAIN_NS, "killed_ns": KILLED_NS, "exit_code": 0}, []),
        ({"again_ns": AGAIN_NS, "killed_ns": KILLED_NS, "signal": signal.SIGTERM}, [OTHERWISE]),
        ({"again_ns": AGAIN_NS, "killed_ns": KILLED_NS, "signal": signal.SIGBUS}, [OTHERWISE]),
        ({"killed_ns": KILLED_NS, "signal": signal.SIGKILL}, [ONCE]),
    ],
)
def test_a_worker_that_leaves_is_killed_by_the_fault_alone_and_only_when_it_was_told_twice(
    what: str, after: Parts, missing: list[str]
) -> None:
    missing = [one for one in missing if what == "terminate" or one != ONCE]
    assert leaves(what, **after).missing == missing


@pytest.mark.parametrize(
    ("after", "seconds"),
    [
        ({"exit_code": 0}, 4.0),
        ({"killed_ns": KILLED_NS, "signal": signal.SIGKILL}, 1.0),
        ({"told_ns": None}, 7.0),
    ],
)
def test_the_seconds_of_a_departure_count_from_its_kill_and_else_from_when_it_was_told(
    after: Parts, seconds: float
) -> None:
    found = leaves("deploy", **after)
    assert found.reaped_s == found.eof_s == found.sessions_gone_s == found.rows_read_s == seconds
    assert found.closed_s == seconds


# What was seen first


def paused(gap_ns: int) -> Certificate:
    story = test_pauses.story()
    return certified(story, after={"still_stopped_ns": seen(story)["continued_ns"] - gap_ns})


def test_a_pause_may_go_on_in_the_instant_in_which_it_was_last_seen() -> None:
    assert paused(1).missing == paused(0).missing == []
    assert paused(-1).missing == ["it went on before it was seen stopped"]


@pytest.mark.parametrize(
    ("unseen", "says"),
    [
        ("continued_ns", "nothing shows that SIGCONT was sent"),
        ("still_stopped_ns", "its processes were not seen stopped"),
        ("stopped_ns", "its processes were not seen stopped"),
        ("members", "its processes were not seen stopped"),
        ("running_ns", "it was not seen to go on"),
        ("sessions_held", "its sessions were not seen to be held meanwhile"),
    ],
)
def test_what_was_not_seen_of_a_pause_is_missed_once(unseen: str, says: str) -> None:
    assert certified(test_pauses.story(), after={unseen: None}).missing == [says]


@pytest.mark.parametrize(("after_ns", "lacks"), [(-1, False), (0, False), (1, True)])
def test_the_word_of_death_may_come_in_the_instant_in_which_the_job_announced_it(
    after_ns: int, lacks: bool
) -> None:
    story = test_poison_judged.given_up()
    announced_ns = sent_ns(story) + after_ns
    says = "the word came before the job had announced its worker's death"
    changed = {"announced_ns": announced_ns}
    assert certified(story, before=changed).missing == [says] * lacks


@pytest.mark.parametrize(
    ("handed_ns", "frozen_ns", "lacks"),
    [(-2, -1, False), (-1, -1, False), (-1, 0, False), (0, 0, False), (0, -1, True), (0, 1, True)],
)
def test_a_producer_may_be_handed_its_batch_frozen_and_killed_in_one_instant_and_in_that_order(
    handed_ns: int, frozen_ns: int, lacks: bool
) -> None:
    story = test_killed_producers.story()
    at_ns = sent_ns(story)
    before = {"handed_ns": at_ns + handed_ns, "frozen_ns": at_ns + frozen_ns}
    says = "it was not frozen between being handed the batch and the kill"
    assert certified(story, before=before).missing == [says] * lacks


@pytest.mark.parametrize(
    ("after", "says"),
    [
        ({"passed_bytes": None}, "nothing shows what its frozen connections let through"),
        ({"passed_bytes": 1}, "bytes passed after its connections had been frozen"),
        ({"unexplained_bytes": 1}, "bytes passed that the proxy did not understand"),
        ({"signal": 8}, "the wait status is not SIGKILL"),
        ({"signal": 10}, "the wait status is not SIGKILL"),
    ],
)
def test_a_single_byte_that_passes_voids_a_producers_death(after: Parts, says: str) -> None:
    assert certified(test_killed_producers.story(), after=after).missing == [says]


# A first process that was killed alone


def led(*, killed: bool) -> Story:
    story = Story(effects=True)
    story.first("run_start")["scenario"]["workers"]["slots"] = 2
    lives_on(story, killed=killed)
    return story


@pytest.mark.parametrize(("killed", "ended"), [(True, "killed_ns"), (False, "alone_ns")])
def test_those_that_lived_on_were_last_seen_within_half_of_their_time_before_their_end(
    killed: bool, ended: str
) -> None:
    story = led(killed=killed)
    lasted_ns = seen(story)[ended] - sent_ns(story)
    assert 2 * S < lasted_ns < 10 * S
    last_ns = seen(story)[ended] - lasted_ns // 2
    assert certified(story, after={"still_ns": last_ns}).missing == []
    assert certified(story, after={"still_ns": last_ns - 1}).missing == [UNSEEN]
