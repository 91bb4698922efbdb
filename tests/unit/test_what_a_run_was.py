"""What people are shown of a run itself stands in its summary: what was asked for, what was opened,
what the failed executions said, how much memory a process took and in how many it lay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from analysis.ledger.case import open_case
from analysis.report.grid import Grid
from analysis.report.html.run_view import RunView, run_view
from analysis.report.terminal_load import errors_table, load_table
from analysis.summary.summary import analyse, summarise
from analysis.summary.types import Opened, RunSection, Summary
from tests.histories.builder import Story
from tests.histories.loaded import at, job, sampled
from tests.histories.mutator import recorded
from tests.histories.one_change import changed, written
from tests.histories.right import finished
from tests.histories.stories import crash, healthy

TITLE = "The workers' names in the queue, and their memory"
PLANNED = "PlannedError: planned failure: transient"


def judged(story: Story, folder: Path) -> Summary:
    return analyse(story.write(folder))


def run_with(folder: Path, **told: Any) -> RunSection:
    """The section of a run whose run_start says this."""
    story = healthy()
    story.first("run_start").update(told)
    return judged(story, folder).run


def view_of(path: Path) -> RunView:
    case = open_case(path)
    return run_view(case, summarise(case), 0)


def rows(grid: Grid) -> dict[str, tuple[str, ...]]:
    """By a row's first cell: the others."""
    return {cells[0]: tuple(cells[1:]) for cells in grid.rows}


def failing(*messages: str) -> Story:
    """Each job fails once, saying this."""
    story = Story()
    worker = story.worker()
    story.enqueue(*map(job, range(len(messages))))
    for number, message in enumerate(messages):
        at(story, 100 + number)
        worker.start(job(number))
        worker.fail(job(number))
        story.first("job_failed", job_id=job(number))["message"] = message
    return finished(story, worker)


def said_by(story: Story, folder: Path) -> tuple[list[tuple[str, int]], int]:
    """The messages of the one class of errors with their counts, and how many more failed."""
    (found,) = judged(story, folder).errors.by_class.values()
    return [(one.message, one.failed) for one in found.messages], found.messages_left_out


def test_the_scenario_that_was_asked_for_stands_there_without_what_has_no_value(
    tmp_path: Path,
) -> None:
    asked = judged(crash(), tmp_path).run.asked_for
    assert asked["description"] == "Planted, line by line."
    assert asked["workload"]["mix"] == {"entity_update": 1.0}
    assert asked["workload"]["errors"] == []
    assert asked["limits"]["max_bound_s"] == 60.0
    assert "cache" not in asked["workload"]
    (fault,) = asked["faults"]
    assert fault["what"] == "kill"
    assert None not in fault.values()


def test_what_run_start_says_for_people_stands_in_the_summary(tmp_path: Path) -> None:
    run = run_with(
        tmp_path,
        parity={"wake_up": "NOTIFY"},
        offers={"dedup": "a key"},
        preset_hash="0" * 16,
        invocation={"scenario": "tiny", "values": ["seed=2"], "library": "fake"},
    )
    assert (run.parity, run.offers) == ({"wake_up": "NOTIFY"}, {"dedup": "a key"})
    assert run.preset_hash == "0" * 16
    assert run.invocation is not None
    assert (run.invocation.scenario, run.invocation.values) == ("tiny", ("seed=2",))


def test_workers_that_opened_the_same_stand_together_whatever_the_order_of_the_keys(
    tmp_path: Path,
) -> None:
    story = Story()
    workers = [story.worker(slot) for slot in range(4)]
    told: list[dict[str, Any]] = [{"b": 1, "a": 2}, {"a": 1}, {"a": 2, "b": 1}, {}]
    for worker, effective in zip(workers, told, strict=True):
        ready = story.first("child_ready", slot=worker.slot)
        ready["effective"] = effective
    found = judged(finished(story, *workers), tmp_path).run.opened
    assert found == [Opened(workers=1, what={"a": 1}), Opened(workers=2, what={"a": 2, "b": 1})]


def test_the_most_memory_of_a_process_is_that_of_its_life(tmp_path: Path) -> None:
    story = crash()
    story.first("child_exited", reason="killed")["max_rss_bytes"] = 4096
    story.first("child_exited", reason="stopped").pop("max_rss_bytes", None)
    killed, stopped = judged(story, tmp_path).run.workers
    assert (killed.peak_rss_bytes, stopped.peak_rss_bytes) == (4096, None)


def test_each_worker_has_the_name_under_which_it_holds_rows(tmp_path: Path) -> None:
    story = crash()
    story.first("child_ready", incarnation=0)["identity"] = "first"
    story.first("child_ready", incarnation=1)["identity"] = "second"
    assert [one.identity for one in judged(story, tmp_path).run.workers] == ["first", "second"]
    story.drop("child_ready", incarnation=1)
    assert [one.identity for one in judged(story, tmp_path).run.workers] == ["first", None]


@pytest.mark.parametrize(("after_ns", "stream_s"), [(1_500_000_000, 1.5), (0, 0.0), (None, None)])
def test_when_the_stream_of_jobs_ended_is_counted_from_the_beginning(
    after_ns: int | None, stream_s: float | None, tmp_path: Path
) -> None:
    story = healthy()
    end = story.first("run_end")
    end["cut_ns"] = None if after_ns is None else end["started_ns"] + after_ns
    assert judged(story, tmp_path).run.stream_s == stream_s


def test_a_run_without_an_end_says_nothing_of_its_stream(tmp_path: Path) -> None:
    story = healthy()
    story.drop("run_end")
    run = judged(story, tmp_path).run
    assert (run.stream_s, run.producer_latest_us) == (None, None)


@pytest.mark.parametrize("late_us", [None, 0, 1234])
def test_how_late_the_producer_woke_stands_there(late_us: int | None, tmp_path: Path) -> None:
    story = healthy()
    story.first("run_end")["max_lateness_us"] = late_us
    assert judged(story, tmp_path).run.producer_latest_us == late_us


def test_messages_stand_with_their_counts_the_most_frequent_first(tmp_path: Path) -> None:
    story = failing("b", "a", "c", "b", "a", "b")
    assert said_by(story, tmp_path) == ([("b", 3), ("a", 2), ("c", 1)], 0)


def test_of_more_than_five_messages_the_rest_is_counted(tmp_path: Path) -> None:
    assert said_by(failing(*"abcde"), tmp_path) == ([(one, 1) for one in "abcde"], 0)
    assert said_by(failing(*"gabcdefg"), tmp_path) == (
        [("g", 2), ("a", 1), ("b", 1), ("c", 1), ("d", 1)],
        2,
    )


def test_of_a_long_message_its_beginning_is_quoted(tmp_path: Path) -> None:
    assert said_by(failing("x" * 199 + "yz"), tmp_path) == ([("x" * 199 + "y", 1)], 0)


def test_each_class_of_errors_has_its_own_messages(tmp_path: Path) -> None:
    story = failing("one", "two")
    story.first("job_failed", job_id=job(1))["error_class"] = "unplanned"
    found = judged(story, tmp_path).errors.by_class
    messages = {name: [one.message for one in of_it.messages] for name, of_it in found.items()}
    assert messages == {"transient": ["one"], "unplanned": ["two"]}


def test_the_terminal_quotes_what_no_planned_failure_says_each_in_one_line(
    tmp_path: Path,
) -> None:
    told = errors_table(judged(failing(PLANNED, "a\n b", ""), tmp_path).errors)
    quoted = [cells[1:] for cells in told.rows if cells[0] == ""]
    assert quoted == [("1", "no message"), ("1", "a b")]
    many = errors_table(judged(failing(*"aabbccddeefghh"), tmp_path).errors)
    assert ("", "4", "with other messages") in many.rows


def test_the_processes_in_which_the_memory_lay_are_counted_on_average(tmp_path: Path) -> None:
    story = sampled([0, 0, 0])
    counts = iter((1, 2, 2))
    for kind, fields in story.records:
        if kind == "resource_sample" and fields["subject"] == "children":
            fields["processes"] = next(counts)
    summary = judged(story, tmp_path)
    rss = summary.resources.rss_bytes
    assert rss.children is not None
    assert rss.parent is not None
    assert (rss.children.processes, rss.parent.processes) == (1.666667, None)
    told = rows(load_table(summary))
    assert told["memory, workers"][1] == "at most, 11 MiB, in 1.7 processes on average"
    assert told["memory, harness"][1] == "at most, 11 MiB on average"


def test_the_page_shows_what_was_asked_for_and_how_to_ask_again(tmp_path: Path) -> None:
    def asked(start: dict[str, Any]) -> None:
        start["invocation"] = {"scenario": "a b", "values": ["x=1"], "library": "pgqueuer"}

    view = view_of(written(changed("kill", "run_start", asked), tmp_path))
    facts = dict(view.facts)
    words = "crashbench run --scenario 'a b' --library pgqueuer --preset tuned --ordinal 1"
    assert facts["asked for by"] == f"{words} --set x=1"
    assert facts["set on top of the file"] == "x=1"
    assert facts["preset_hash"].startswith("23353699ebb93bf9 (")
    late_us = recorded()["kill"][-1]["fields"]["max_lateness_us"]
    assert facts["stream of jobs"].startswith("ended at T+4.9")
    assert facts["producer"] == f"woke {late_us / 1000:.3f} ms late at worst"
    tables = dict(view.settings)
    scenario = rows(tables["The scenario mutated_kill, resolved"])
    assert scenario["workload.rate_per_s"][0] == "12.0"
    parity = rows(tables["Parity"])
    assert parity["claim batch"][0] == "up to 5 rows"
    assert parity["offers: fan out"][1] == "not every library does"
    assert parity["opened: library_connections"] == ("1", "as 2 workers told")


def test_a_run_that_nobody_asked_for_by_a_command_says_nothing_of_one(tmp_path: Path) -> None:
    facts = dict(view_of(crash().write(tmp_path)).facts)
    assert facts.keys().isdisjoint({"asked for by", "set on top of the file", "preset_hash"})


def test_a_worker_alone_in_what_it_opened_is_not_called_several(tmp_path: Path) -> None:
    def other(ready: dict[str, Any]) -> None:
        ready["effective"] = {"library_connections": 2}

    path = written(changed("kill", "child_ready", other, incarnation=1), tmp_path)
    told = dict(view_of(path).settings)["Parity"].rows
    assert ("opened: library_connections", "2", "as a worker told") in told


def test_the_page_names_the_workers_as_the_queue_does_with_the_most_memory_of_their_lives(
    tmp_path: Path,
) -> None:
    def told(left: dict[str, Any]) -> None:
        left["max_rss_bytes"] = 3 << 19

    lines = changed("kill", "child_exited", told, incarnation=0)
    table = dict(view_of(written(lines, tmp_path)).settings)[TITLE]
    first, second = table.rows
    identity = "2e36cbf5-5cac-4cb7-b093-9292de0a53dc"
    assert first == ("slot 0, process 0", identity, "1.5 MiB of memory at most")
    assert second[0] == "slot 0, process 1"


def test_of_a_worker_that_said_nothing_the_page_says_nothing(tmp_path: Path) -> None:
    story = crash()
    story.first("child_exited", reason="killed").pop("max_rss_bytes", None)
    story.drop("child_ready", incarnation=0)
    table = dict(view_of(story.write(tmp_path)).settings)[TITLE]
    assert table.rows[0] == ("slot 0, process 0", "", "")
