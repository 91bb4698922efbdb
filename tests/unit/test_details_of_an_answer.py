"""What the first sentence of a run's answer is followed by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from analysis.report.answer import Answer, answer
from analysis.summary.summary import analyse
from analysis.summary.types import Summary
from tests.histories.builder import Story
from tests.histories.forged import FORGED
from tests.histories.planted import PLANTED
from tests.histories.stories import crash
from tests.unit.answered import lost_after_the_kill, many_twice, missed, quick, repeated, told


def cause(found: Answer) -> str:
    """Why jobs could be executed twice."""
    (sentence,) = [detail for detail in found.details if "had finished" in detail]
    return sentence


def test_what_was_done_and_not_acknowledged_is_named_beside_the_library_s_rhythm(
    tmp_path: Path,
) -> None:
    assert cause(told(many_twice(), tmp_path)) == (
        "29 jobs had finished up to 1.14 s before the kill and were not acknowledged; this preset "
        "buffers acknowledgements for 1 s."
    )


def test_a_library_without_such_a_rhythm_is_not_said_to_have_one(tmp_path: Path) -> None:
    assert cause(told(crash(), tmp_path)) == (
        "1 job had finished less than 0.01 s before the kill and was not acknowledged."
    )


def test_many_kills_give_the_spread_of_what_was_not_acknowledged(tmp_path: Path) -> None:
    assert cause(told(repeated(), tmp_path)) == (
        "3 jobs had finished 0.10 to 0.30 s (median 0.20 s) before their kills and were not "
        "acknowledged."
    )


def test_what_finishes_in_the_moment_between_the_stamp_and_the_end_is_not_of_negative_age(
    tmp_path: Path,
) -> None:
    story = crash()
    sent_ns = story.first("fault_injected")["t_ns"]
    story.first("job_completed", incarnation=0)["t_ns"] = sent_ns + 700_000
    seen = story.first("fault_ended")["parts"]
    for place, part in enumerate(("reaped_ns", "eof_ns", "sessions_gone_ns", "rows_read_ns")):
        seen[part] = sent_ns + 800_000 + place
    story.first("child_exited", fault=0)["t_ns"] = seen["reaped_ns"]
    for kind, fields in story.records:
        if kind == "row_read" and fields["read"] == "kill":
            fields["t_ns"] = seen["rows_read_ns"]

    summary = analyse(story.write(tmp_path))

    assert [kill.unacknowledged_age_s for kill in summary.recovery] == [[0.0]]
    assert cause(answer(summary)) == (
        "1 job had finished less than 0.01 s before the kill and was not acknowledged."
    )


def test_the_kill_s_own_ages_are_in_the_summary(tmp_path: Path) -> None:
    summary = analyse(repeated().write(tmp_path))

    assert [kill.unacknowledged_age_s for kill in summary.recovery] == [
        [0.101],
        [0.201],
        [0.301],
    ]


def test_the_last_orphan_stands_beside_the_first(tmp_path: Path) -> None:
    (kill,) = analyse(missed().write(tmp_path)).recovery

    assert kill.first_orphan_pickup_s is not None
    assert kill.last_orphan_pickup_s is not None
    assert 0.9 < kill.last_orphan_pickup_s - kill.first_orphan_pickup_s < 1.1


@pytest.mark.parametrize("within", [True, False, None])
def test_a_bound_is_called_missed_where_the_summary_says_so(
    within: bool | None, tmp_path: Path
) -> None:
    summary = analyse(crash().write(tmp_path))
    kill = msgspec.structs.replace(
        summary.recovery[0], predicted_bound_s=5.0, first_orphan_pickup_s=6.0, within_bound=within
    )
    changed_summary = msgspec.structs.replace(summary, recovery=[kill])

    found = answer(changed_summary).finding
    assert ("later than the 5.0 s that the library's settings allow" in found) == (within is False)


def test_duplicates_of_another_cause_are_told_apart(tmp_path: Path) -> None:
    live = told(PLANTED["duplicate_sequential"].plant(), tmp_path)
    again = told(PLANTED["a_child_that_was_enqueued_again"].plant(), tmp_path)

    assert live.details[0] == "1 job was executed twice though no worker's death explains it."
    assert again.details[1] == (
        "1 job was executed twice because its coordinator, the job that enqueues it, did so again."
    )


def test_the_evidence_and_the_expectations_come_second(tmp_path: Path) -> None:
    found = told(lost_after_the_kill(), tmp_path)

    assert found.evidence == (
        "The run can be trusted: its records are complete and agree. FAIL (an expectation of the "
        "scenario is broken): lost."
    )
    assert str(found).startswith(f"{found.finding} {found.evidence} {found.details[0]}")


def test_an_invalid_run_is_answered_with_its_first_reason_and_no_figure(tmp_path: Path) -> None:
    found = told(FORGED["an_early_run_end"].plant(), tmp_path)

    assert found.evidence.endswith("stamped later than its run_end.")
    assert "no figure of this run is a result" in found.evidence
    assert found.details == ()


ORPHANS: dict[str, Any] = {
    "orphans": 2,
    "first_orphan_pickup_s": 17.26,
    "last_orphan_pickup_s": 18.2,
    "last_orphan_settled_s": 36.9,
    "resume_after_ready_s": None,
    "trigger": "held",
}


@pytest.mark.parametrize(
    ("changed_figures", "sentence"),
    [
        (
            {"orphans": 1},
            "The orphan was done but not acknowledged at the kill; it was done again; it was "
            "completed 36.9 s after the kill.",
        ),
        (
            {"last_orphan_settled_s": None, "last_orphan_settled_s_why": "1 was not seen"},
            "The 2 orphans: 1 done but not acknowledged, 1 begun; the one that was done was done "
            "again; 1 was not seen.",
        ),
        (
            {"first_orphan_pickup_s": None, "last_orphan_pickup_s": None, "duplicates": 0},
            "The 2 orphans: 1 done but not acknowledged, 1 begun; all were settled by 36.9 s after "
            "the kill.",
        ),
    ],
)
def test_what_is_not_known_of_the_orphans_is_left_out(
    changed_figures: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    summary = analyse(crash().write(tmp_path))
    replace = msgspec.structs.replace
    discards = replace(summary.errors.discards, jobs=int("settled" in sentence))
    of_one_kill = replace(
        summary,
        recovery=[replace(summary.recovery[0], **ORPHANS | changed_figures)],
        errors=replace(summary.errors, discards=discards),
    )

    assert answer(of_one_kill).details[0] == sentence


def test_of_a_kill_that_found_nothing_in_flight_no_hands_are_spoken_of(tmp_path: Path) -> None:
    summary = analyse(crash().write(tmp_path))
    kill = msgspec.structs.replace(summary.recovery[0], orphans=0)
    found = answer(msgspec.structs.replace(summary, recovery=[kill]))

    assert "the kill found no job in flight" in found.finding
    assert not any("orphan" in detail for detail in found.details)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (1, 2, "The library counted the restarts of orphans as 1 attempt."),
        (1, 3, "The library counted the restarts of orphans as 2 attempts."),
        (1, 1, "The library did not count the restarts of orphans as attempts."),
        (None, 1, None),
    ],
)
def test_what_a_rescue_costs_in_attempts_is_said_where_it_is_known(
    before: int | None, after: int, says: str | None, tmp_path: Path
) -> None:
    story = quick()
    for incarnation, count in enumerate((before, after)):
        story.first("job_started", incarnation=incarnation)["library_attempt"] = count
    details = told(story, tmp_path).details

    assert [text for text in details if "restarts" in text] == ([says] if says else [])


def with_kill(folder: Path, story: Story, **figures: Any) -> Summary:
    """A story's summary whose only kill has these figures."""
    summary = analyse(story.write(folder))
    (kill,) = summary.recovery
    return msgspec.structs.replace(summary, recovery=[msgspec.structs.replace(kill, **figures)])


@pytest.mark.parametrize(
    ("trigger", "says"),
    [
        ("timed", "buffers acknowledgements for 1 s."),
        ("state", "before the kill and were not acknowledged."),
        ("held", "no buffer is to blame."),
    ],
)
def test_a_buffer_is_a_cause_only_of_what_a_timed_kill_found(
    trigger: str, says: str, tmp_path: Path
) -> None:
    details = answer(with_kill(tmp_path, many_twice(), trigger=trigger)).details

    assert details[1].endswith(says)
    assert ("The scenario stopped 29 jobs after they were done" in details[1]) == (
        trigger == "held"
    )


def test_the_time_that_the_instrument_left_a_slot_empty_is_not_the_queue_s(tmp_path: Path) -> None:
    pause = "The harness, not the queue, left the slot empty for 1.5 s."

    assert pause in answer(with_kill(tmp_path, quick(), respawned_s=1.5)).details
    assert pause not in answer(with_kill(tmp_path, quick(), respawned_s=0.04)).details
    assert pause not in answer(with_kill(tmp_path, quick(), respawned_s=None)).details


def test_a_slot_that_is_never_filled_again_is_not_said_to_be_empty_for_as_long_as_the_others(
    tmp_path: Path,
) -> None:
    summary = with_kill(tmp_path, quick(), respawned_s=1.5)
    (kill,) = summary.recovery
    for_good = msgspec.structs.replace(kill, respawned_s=None)
    details = answer(msgspec.structs.replace(summary, recovery=[kill, kill, for_good])).details

    assert any(
        one.endswith("empty for 1.5 s after 2 of 3 kills, and for good after the others.")
        for one in details
    )


@pytest.mark.parametrize(("discarded", "says"), [(0, "completed by"), (1, "settled by")])
def test_where_a_job_was_given_up_its_orphans_are_not_said_to_be_completed(
    discarded: int, says: str, tmp_path: Path
) -> None:
    summary = with_kill(tmp_path, crash())
    jobs = msgspec.structs.replace(summary.jobs, discarded=discarded)
    details = answer(msgspec.structs.replace(summary, jobs=jobs)).details

    assert any(says in one for one in details)


def test_since_when_a_worker_was_ready_is_not_told_where_another_died_unasked(
    tmp_path: Path,
) -> None:
    summary = with_kill(tmp_path, quick(), ready_s=0.01)
    died = msgspec.structs.replace(summary, unexpected_exits=(None,))

    assert "after a new worker was ready" in answer(summary).finding
    assert "after a new worker was ready" not in answer(died).finding


def test_other_work_of_the_new_worker_is_told_only_where_it_came_before_the_orphans(
    tmp_path: Path,
) -> None:
    took = "The new worker began other jobs 0.02 s after it was ready."
    figures = {"time_to_resume_s": 0.5, "resume_after_ready_s": 0.02}

    for first_s, told_of in ((0.6, True), (None, True), (0.5, False), (0.4, False)):
        summary = with_kill(tmp_path, quick(), first_orphan_pickup_s=first_s, **figures)
        assert (took in answer(summary).details) == told_of


def test_a_survivor_s_pickup_is_not_laid_to_the_new_worker(tmp_path: Path) -> None:
    story = quick()
    figures = {"first_orphan_pickup_s": 2.0, "ready_s": 1.0, "time_to_resume_s": 1.5}
    alone = with_kill(tmp_path, story, survivor_next_pickup_s=None, **figures)
    beside = with_kill(tmp_path, story, survivor_next_pickup_s=2.0, **figures)

    assert "1.0 s after a new worker was ready" in answer(alone).finding
    assert "new worker" not in answer(beside).finding


def test_times_of_a_machine_that_was_held_up_are_not_vouched_for(tmp_path: Path) -> None:
    limited = answer(with_kill(tmp_path, quick(), machine_limited=True)).evidence
    sound = answer(with_kill(tmp_path, quick(), machine_limited=False)).evidence

    assert limited.startswith("The counts can be trusted: its records are complete and agree. The")
    assert "times from then are not to be compared" in limited
    assert sound.startswith("The run can be trusted: its records are complete and agree.")
