"""The certificate of a worker at a round trip where one nanosecond or byte makes it incomplete."""

from __future__ import annotations

import pytest

from tests.histories.builder import Story
from tests.unit.certified import Parts, certified, seen, sent_ns
from tests.unit.test_freeze_certificates import delayed, frozen, stalled
from tests.unit.test_rescuer_certificates import raced

# When the victim was frozen, and when that was looked at


@pytest.mark.parametrize(("after_ns", "lacks"), [(-1, False), (0, False), (1, True)])
def test_a_kill_may_be_sent_in_the_instant_in_which_its_victim_was_frozen(
    after_ns: int, lacks: bool
) -> None:
    story = frozen()
    freeze = {**seen(story)["freeze"], "frozen_ns": sent_ns(story) + after_ns}
    says = "it was frozen after the kill, or looked at before its end"
    assert certified(story, after={"freeze": freeze}).missing == [says] * lacks


@pytest.mark.parametrize(("after_ns", "lacks"), [(-1, True), (0, False), (1, False)])
def test_a_freeze_may_be_looked_at_in_the_instant_of_its_victims_end(
    after_ns: int, lacks: bool
) -> None:
    story = frozen()
    freeze = {**seen(story)["freeze"], "looked_ns": seen(story)["reaped_ns"] + after_ns}
    says = "it was frozen after the kill, or looked at before its end"
    assert certified(story, after={"freeze": freeze}).missing == [says] * lacks


@pytest.mark.parametrize("part", ["passed_bytes", "unexplained_bytes", "broken"])
def test_a_single_byte_or_connection_voids_a_freeze_of_a_kill_and_of_its_rescuer(
    part: str,
) -> None:
    def lacks(story: Story, after: Parts) -> int:
        return len(certified(story, after=after).missing)

    killed, race = frozen(), raced()
    rescuer = seen(race)["rescuer"]
    for count in (0, 1):
        freeze = {**seen(killed)["freeze"], part: count}
        assert lacks(killed, {"freeze": freeze}) == count
        held = {**rescuer, "freeze": {**rescuer["freeze"], part: count}}
        assert lacks(race, {"rescuer": held}) == count


def test_a_victim_may_have_had_fewer_sessions_than_went_through_the_proxy() -> None:
    story = frozen()
    more = {**seen(story)["freeze"], "backend_pids": [6, 7, 8]}
    assert certified(story, after={"freeze": more}).missing == []


@pytest.mark.parametrize("trigger", ["timed", "state", "held"])
def test_only_a_kill_at_a_round_trip_needs_a_freeze(trigger: str) -> None:
    story = frozen()
    nothing: Parts = {"before": {"at_point": None}, "after": {"freeze": None}}
    assert certified(story, **nothing, trigger=trigger).missing == []
    assert certified(story, **nothing).missing == [
        "it does not say at which round trip",
        "nothing shows that its connections were frozen",
    ]


def test_what_is_known_of_a_freeze_is_held_against_a_kill_by_the_clock_too() -> None:
    story = frozen()
    leaky = {**seen(story)["freeze"], "passed_bytes": 1}
    assert certified(story, after={"freeze": leaky}, trigger="timed").missing == [
        "bytes passed after its connections had been frozen"
    ]


def test_a_stalled_worker_may_lose_a_connection_and_its_freeze_has_no_end_of_it_to_outlast() -> (
    None
):
    story = stalled()
    changes = {"broken": 3, "looked_ns": sent_ns(story), "frozen_ns": sent_ns(story)}
    assert certified(story, after={"freeze": {**seen(story)["freeze"], **changes}}).missing == []


def test_a_stall_without_a_rescuer_lacks_nothing_of_one() -> None:
    assert certified(stalled()).missing == []
    assert certified(raced()).missing == []


# A request that was delayed

NEVER, EARLY = (
    "the delayed request was never delivered",
    "the delayed request was delivered before its worker's end, or after its session's",
)


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"sent_bytes": 1}, []),
        ({"sent_bytes": 0}, [NEVER]),
        ({"sent_ns": None}, [NEVER]),
        ({"answered_ns": None}, [NEVER]),
        ({"sent_ns": "reaped_ns", "answered_ns": "reaped_ns"}, []),
        ({"sent_ns": "sessions_gone_ns", "answered_ns": "sessions_gone_ns"}, []),
        ({"sent_ns": "before"}, [EARLY]),
        ({"sent_ns": None, "answered_ns": "before"}, [NEVER]),
        ({"sent_ns": "before", "answered_ns": None}, [NEVER]),
        ({"answered_ns": "after"}, [EARLY]),
    ],
)
def test_a_delayed_request_is_delivered_between_its_workers_end_and_its_sessions(
    changes: Parts, missing: list[str]
) -> None:
    story = delayed()
    instants = {
        **seen(story),
        "before": seen(story)["reaped_ns"] - 1,
        "after": seen(story)["sessions_gone_ns"] + 1,
    }
    meant = {
        name: instants[value] if isinstance(value, str) else value
        for name, value in changes.items()
    }
    assert certified(story, after={"delivery": seen(story)["delivery"] | meant}).missing == missing


@pytest.mark.parametrize(
    ("unseen", "says"),
    [
        ("reaped_ns", "the victim was not reaped"),
        ("sessions_gone_ns", "its sessions were not seen to go"),
    ],
)
def test_an_end_that_was_not_seen_is_missed_once_and_not_said_of_the_delivery(
    unseen: str, says: str
) -> None:
    story = delayed()
    missing = certified(story, after={unseen: None}).missing
    assert says in missing and NEVER not in missing and EARLY not in missing


def test_only_a_delayed_request_is_delivered_late() -> None:
    story = delayed()
    at_point = story.first("fault_injected")["parts"]["at_point"]
    for side in ("before", "after"):
        assert certified(story, before={"at_point": {**at_point, "side": side}}).missing == [
            "a request was delivered late that was not to be"
        ]
    unasked = certified(story, before={"at_point": None}, trigger="timed")
    assert unasked.missing == ["a request was delivered late that was not to be"]
    assert certified(story, after={"delivery": None}).missing == [NEVER]
