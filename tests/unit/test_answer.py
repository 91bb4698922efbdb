"""The answer of a run: its first sentence, how bad it is, and what it is followed by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from analysis.report.answer import Answer, answer
from analysis.report.terminal import verdict_style
from analysis.summary.summary import analyse
from tests.histories.builder import Story
from tests.histories.forged import FORGED
from tests.histories.planted import PLANTED
from tests.histories.stories import A, B, changed, crash, healthy, left_claimed


def quick() -> Story:
    """A is open at the kill; the next incarnation runs it at once."""
    story = Story()
    first = story.worker()
    story.enqueue(A)
    first.start(A)
    story.kill(first, held=[A])
    second = story.worker()
    story.wait(2)
    second.run(A)
    story.exit(second)
    story.end()
    return story


def many_twice(count: int = 29) -> Story:
    """Of 600 jobs so many are done and not acknowledged at the kill, 0.5 to 1.2 s before it."""
    story = Story()
    jobs = [f"j{number:06d}" for number in range(600)]
    first = story.worker()
    story.enqueue(*jobs)
    for job_id in jobs[count:]:
        first.run(job_id)
    for job_id in jobs[:count]:
        first.run(job_id)
        story.wait(0.02)
    story.wait(0.5)
    story.kill(first, held=jobs[:count])
    second = story.worker()
    story.wait(4)
    for job_id in jobs[:count]:
        second.run(job_id)
    story.exit(second)
    story.end()
    story.first("run_start")["periods_s"] = {"completion_flush": 1.0, "poll": 0.5}
    return story


def lost_after_the_kill() -> Story:
    """A is open at the kill and gone from the queue in the end; B is run twice."""
    story = crash()
    second = {"incarnation": 1, "job_id": A}
    for kind in ("job_started", "job_completed"):
        story.drop(kind, **second)
    story.records = [
        (kind, {**fields, "effects": []})
        if kind == "row_read" and fields.get("job_id") == A
        else (kind, fields)
        for kind, fields in story.records
    ]
    return renumbered(story)


def renumbered(story: Story) -> Story:
    """The events of the second incarnation count from 0 again, without a gap."""
    count = 0
    for _, fields in story.records:
        if "n" in fields and fields["incarnation"] == 1:
            fields["n"], count = count, count + 1
    story.first("child_exited", incarnation=1)["events"] = count
    return story


def missed() -> Story:
    """The first orphan is picked up 7 s after the kill; 4.5 s are promised."""
    story = Story()
    first = story.worker()
    story.enqueue(A, B)
    for job_id in (A, B):
        first.start(job_id)
    story.kill(first, held=[A, B])
    second = story.worker()
    story.wait(7)
    second.run(A)
    story.wait(1)
    second.run(B)
    story.exit(second)
    story.end()
    return story


def repeated() -> Story:
    """Three kills; each finds one job open and one done and not acknowledged."""
    story = Story()
    worker = story.worker()
    for place, wait_s in enumerate((2.0, 3.0, 9.0)):
        one, other = f"j{2 * place:06d}", f"j{2 * place + 1:06d}"
        story.enqueue(one, other)
        worker.start(one)
        worker.run(other)
        story.wait(0.1 + place / 10)
        story.kill(worker, held=[one, other])
        worker = story.worker()
        story.wait(wait_s)
        worker.run(one)
        worker.run(other)
    story.exit(worker)
    story.end()
    return story


def refused() -> Story:
    """Of three jobs the queue takes one."""
    story = Story()
    worker = story.worker()
    story.enqueue(A)
    for job_id in ("j000001", "j000002"):
        story.record(
            "enqueue_failed",
            job_id=job_id,
            outcome="rejected",
            intended_ns=story.now_ns,
            sent_ns=story.now_ns,
            error="no",
        )
    worker.run(A)
    story.exit(worker)
    story.end(stream_jobs=3)
    return story


def interrupted(story: Story) -> None:
    story.first("run_end").update(ended="interrupted")


STORIES: dict[str, tuple[Callable[[], Story], str, str]] = {
    "nobody harmed": (
        quick,
        "none",
        "None of 1 job lost or executed twice; its orphan came back after 2.0 s (at most 4.5 s "
        "expected).",
    ),
    "one executed twice": (
        crash,
        "mild",
        "1 of 3 jobs executed twice, none lost; the first orphan came back after 3.0 s (at most "
        "4.5 s expected).",
    ),
    "many executed twice": (
        many_twice,
        "mild",
        "29 of 600 jobs executed twice, none lost; the first orphan came back after 4.0 s (at "
        "most 4.5 s expected).",
    ),
    "lost": (
        lost_after_the_kill,
        "grave",
        "1 of 3 jobs lost, 1 executed twice; the first orphan came back after 3.0 s (at most "
        "4.5 s expected).",
    ),
    "left behind beyond the bound": (
        lambda: left_claimed(9),
        "grave",
        "1 of 2 jobs left behind, none lost or executed twice; its orphan did not come back.",
    ),
    "left behind by a preset that never rescues": (
        lambda: left_claimed(9, rescue=None),
        "grave",
        "1 of 2 jobs left behind, none lost or executed twice; this preset never takes up a dead "
        "worker's jobs again.",
    ),
    "given up": (
        PLANTED["discarded_by_the_crash_alone"].plant,
        "grave",
        "1 of 1 job given up though its handler never failed, none lost or executed twice; its "
        "orphan did not come back.",
    ),
    "refused": (
        refused,
        "grave",
        "2 of 3 jobs refused by the queue, none lost or executed twice; no worker was killed.",
    ),
    "bound missed": (
        missed,
        "mild",
        "2 of 2 jobs done after their deadline, none lost or executed twice; the first orphan "
        "came back after 7.0 s (later than the 4.5 s expected).",
    ),
    "unknown": (
        PLANTED["bound_not_reached"].plant,
        "mild",
        "1 of 2 jobs not settled when the run ended, none lost or executed twice; its orphan did "
        "not come back.",
    ),
    "invalid": (
        FORGED["an_early_run_end"].plant,
        "void",
        "No result: the instrument cannot vouch for this run.",
    ),
    "interrupted": (
        lambda: changed(interrupted),
        "mild",
        "Interrupted; until then: 1 of 3 jobs executed twice, none lost; the first orphan came "
        "back after 3.0 s (at most 4.5 s expected).",
    ),
    "cut off": (
        lambda: changed(lambda story: story.drop("run_end")),
        "void",
        "No result: the run did not come to its end.",
    ),
    "no kill": (
        healthy,
        "none",
        "None of 3 jobs lost or executed twice; no worker was killed.",
    ),
    "repeated kills": (
        repeated,
        "mild",
        "3 of 6 jobs executed twice, 1 done after its deadline, none lost; in 3 of 3 kills the "
        "first orphan came back, after 2.0 to 9.0 s (median 3.0 s; 1 later than expected).",
    ),
}
"""By name: the story, how bad it is, and its first sentence."""


def told(story: Story, folder: Path) -> Answer:
    return answer(analyse(story.write(folder)))


@pytest.mark.parametrize("name", STORIES)
def test_the_first_sentence_says_what_became_of_the_jobs_and_how_bad_it_is(
    name: str, tmp_path: Path
) -> None:
    plant, harm, finding = STORIES[name]
    found = told(plant(), tmp_path)

    assert (found.harm, found.finding) == (harm, finding)


@pytest.mark.parametrize("name", STORIES)
def test_a_pass_is_green_only_where_no_job_came_to_harm(name: str, tmp_path: Path) -> None:
    plant, harm, _ = STORIES[name]

    assert ("green" in verdict_style("pass", told(plant(), tmp_path).harm)) == (harm == "none")


def test_a_verdict_that_is_no_pass_keeps_its_colour() -> None:
    assert verdict_style("fail", "none") == "bold red"


def test_what_was_done_and_not_acknowledged_is_named_beside_the_library_s_rhythm(
    tmp_path: Path,
) -> None:
    assert told(many_twice(), tmp_path).details[0] == (
        "29 jobs had finished up to 1.14 s before the kill and were not acknowledged; this preset "
        "buffers acknowledgements for 1 s."
    )


def test_a_library_without_such_a_rhythm_is_not_said_to_have_one(tmp_path: Path) -> None:
    assert told(crash(), tmp_path).details[0] == (
        "1 job had finished 0.00 s before the kill and was not acknowledged."
    )


def test_many_kills_give_the_spread_of_what_was_not_acknowledged(tmp_path: Path) -> None:
    assert told(repeated(), tmp_path).details[0] == (
        "3 jobs had finished 0.10 to 0.30 s (median 0.20 s) before their kill and were not "
        "acknowledged."
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
