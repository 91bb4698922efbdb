"""What the first sentence of a run's answer is followed by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from analysis.report.answer import answer
from analysis.summary.summary import analyse
from tests.histories.forged import FORGED
from tests.histories.planted import PLANTED
from tests.histories.stories import crash
from tests.unit.answered import lost_after_the_kill, many_twice, missed, quick, repeated, told


def test_what_was_done_and_not_acknowledged_is_named_beside_the_library_s_rhythm(
    tmp_path: Path,
) -> None:
    assert told(many_twice(), tmp_path).details[0] == (
        "29 jobs had finished up to 1.14 s before the kill and were not acknowledged; this preset "
        "buffers acknowledgements for 1 s."
    )


def test_a_library_without_such_a_rhythm_is_not_said_to_have_one(tmp_path: Path) -> None:
    assert told(crash(), tmp_path).details[0] == (
        "1 job had finished less than 0.01 s before the kill and was not acknowledged."
    )


def test_many_kills_give_the_spread_of_what_was_not_acknowledged(tmp_path: Path) -> None:
    assert told(repeated(), tmp_path).details[0] == (
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
    assert answer(summary).details[0] == (
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
    assert ("later than the 5.0 s expected" in found) == (within is False)


def test_duplicates_of_another_cause_are_told_apart(tmp_path: Path) -> None:
    live = told(PLANTED["duplicate_sequential"].plant(), tmp_path)
    again = told(PLANTED["a_child_that_was_enqueued_again"].plant(), tmp_path)

    assert live.details[0] == "1 job was executed twice though no worker's death explains it."
    assert again.details[0] == "1 job was executed twice because it was enqueued twice."


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
            "1 job was in the dead worker's hands (the orphan); it was completed 36.9 s after the "
            "kill, its own work included.",
        ),
        (
            {"last_orphan_settled_s": None, "last_orphan_settled_s_why": "1 was not seen"},
            "2 jobs were in the dead worker's hands (the orphans); the last came back after 18.2 "
            "s; 1 was not seen.",
        ),
        (
            {"first_orphan_pickup_s": None, "last_orphan_pickup_s": None},
            "2 jobs were in the dead worker's hands (the orphans); all were settled 36.9 s after "
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

    assert answer(of_one_kill).details[-1] == sentence


def test_of_a_kill_that_found_nothing_in_flight_no_hands_are_spoken_of(tmp_path: Path) -> None:
    summary = analyse(crash().write(tmp_path))
    kill = msgspec.structs.replace(summary.recovery[0], orphans=0)
    found = answer(msgspec.structs.replace(summary, recovery=[kill]))

    assert "the kill found no job in flight" in found.finding
    assert not any("hands" in detail for detail in found.details)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (1, 2, "Rescues used up 1 attempt by the library's own count."),
        (1, 3, "Rescues used up 2 attempts by the library's own count."),
        (1, 1, "Rescues used up no attempt by the library's own count."),
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

    assert [text for text in details if "Rescues" in text] == ([says] if says else [])
