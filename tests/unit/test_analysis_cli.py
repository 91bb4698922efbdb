"""`python -m analysis`: what it writes, prints and exits with."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from analysis.__main__ import main
from analysis.report.terminal import print_summary
from analysis.summary.summary import analyse
from tests.histories.builder import RUN_ID
from tests.histories.planted import PLANTED
from tests.histories.stories import A, B, crash, healthy

Run = Callable[..., int]


@pytest.fixture
def run() -> Run:
    def call(*arguments: str | Path) -> int:
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        return int(left.value.code or 0)

    return call


def test_a_folder_is_judged_and_its_worst_verdict_is_the_exit_code(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a_crash", "lost_and_done", "bound_not_reached"):
        PLANTED[name].plant().write(tmp_path, name)
    (tmp_path / "unfinished.jsonl.partial").write_text("half a li")

    assert run(tmp_path) == 1
    printed = capsys.readouterr().out
    assert printed.count(RUN_ID) == 3
    assert (tmp_path / "a_crash.summary.json").exists()


def test_a_partial_may_be_named_is_invalid_and_leaves_a_finished_run_its_summary(
    run: Run, tmp_path: Path
) -> None:
    lines = crash().lines()
    finished = tmp_path / f"{RUN_ID}.summary.json"
    finished.write_text("of a finished run")
    partial = tmp_path / f"{RUN_ID}.jsonl.partial"
    partial.write_text("".join(f"{line}\n" for line in lines[:-5]) + lines[-5][:30])

    assert run(partial) == 3
    written = tmp_path / f"{RUN_ID}.partial.summary.json"
    assert json.loads(written.read_bytes())["verdict"] == "invalid"
    assert finished.read_text() == "of a finished run"


def test_an_unreadable_file_is_told_and_the_others_are_judged(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = crash().write(tmp_path)
    foreign = tmp_path / "foreign.jsonl"
    foreign.write_text("name,age\n")

    assert run(foreign, good) == 2
    printed = capsys.readouterr()
    assert "error: foreign.jsonl, line 1" in printed.err
    assert RUN_ID in printed.out


def test_an_empty_folder_says_what_to_do(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path) == 2
    assert "crashbench run" in capsys.readouterr().err


def test_a_missing_file_is_an_error(run: Run, tmp_path: Path) -> None:
    assert run(tmp_path / "nothing.jsonl") == 2


def test_explain_tells_the_story_of_a_job_in_order(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("explain", crash().write(tmp_path), B) == 0
    printed = capsys.readouterr().out
    told = [
        "duplicated (sequential)",
        "It was done twice or more.",
        "The queue took the job",
        "slot 0 incarnation 0 entered the handler",
        "committed the effect",
        "was killed",
        "is gone: killed",
        "After kill 1 its row is claimed",
        "slot 0 incarnation 1 entered the handler",
        "At the end its row is done",
    ]
    places = [printed.index(sentence) for sentence in told]
    assert places == sorted(places)


def test_explain_fits_a_screen_and_has_the_lines_and_stderr_when_asked(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    story = crash()
    worker = story.worker(1)
    story.exit(worker, "died", exit_code=1, stderr_tail="out of \x1b[31mcheese")
    path = story.write(tmp_path)
    printed = {}
    for options in ((), ("--lines",), ("--stderr",)):
        assert run("explain", path, B, *options) == 0
        printed[options] = capsys.readouterr().out

    assert len(printed[()].splitlines()) < 24
    assert '{"run_id"' not in printed[()] + printed[("--stderr",)]
    assert printed[("--lines",)].count('{"run_id"') == len(printed[()].splitlines()) - 2
    assert "out of" not in printed[()] + printed[("--lines",)]
    assert r"out of \x1b[31mcheese" in printed[("--stderr",)]


def test_explain_of_an_unknown_job_says_so(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("explain", crash().write(tmp_path), "j999999") == 2
    assert "has no line about job 'j999999'" in capsys.readouterr().err


@pytest.mark.parametrize("name", PLANTED)
def test_explain_has_a_sentence_for_every_line(
    name: str, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("explain", PLANTED[name].plant().write(tmp_path), PLANTED[name].job or A) == 0
    assert capsys.readouterr().out.startswith(f"Job {PLANTED[name].job or A}: ")


def test_jobs_as_csv_has_a_row_a_job(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("jobs", crash().write(tmp_path)) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))

    assert [row["job_id"] for row in rows] == ["j000000", "j000001", "j000002"]
    assert [row["attempts"] for row in rows] == ["2", "2", "1"]
    assert rows[0]["completions_s"].startswith(";")
    assert rows[1]["verdict"] == "duplicated"
    assert rows[1]["flags"] == "redelivered;finished_unacknowledged"


def test_jobs_as_json_lines_says_the_same(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("jobs", crash().write(tmp_path), "--format", "jsonl") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert rows[0]["completions_s"][0] is None
    assert rows[0]["final_status"] == "completed"
    assert rows[2]["intended_s"] <= rows[2]["sent_s"] <= rows[2]["first_pickup_s"]


def test_an_unknown_format_names_those_there_are(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("jobs", crash().write(tmp_path), "--format", "xml") == 2
    assert "csv" in capsys.readouterr().err


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("name", PLANTED)
def test_any_summary_can_be_printed_in_any_width(name: str, width: int, tmp_path: Path) -> None:
    summary = analyse(PLANTED[name].plant().write(tmp_path))
    console = Console(width=width, file=io.StringIO(), highlight=False)
    print_summary(summary, console)
    output = console.file
    assert isinstance(output, io.StringIO)
    printed = output.getvalue()

    assert summary.run_id in printed
    assert summary.verdict in printed
    assert max(map(len, printed.splitlines())) <= width


def test_nothing_is_cut_off_at_eighty_columns(tmp_path: Path) -> None:
    console = Console(width=80, file=io.StringIO(), highlight=False)
    for name in ("a_crash", "a_healthy_run"):
        print_summary(analyse(PLANTED[name].plant().write(tmp_path)), console)
    output = console.file
    assert isinstance(output, io.StringIO)

    assert "…" not in output.getvalue()


def test_a_healthy_run_lists_no_job_to_look_at(tmp_path: Path) -> None:
    console = Console(width=80, file=io.StringIO(), highlight=False)
    print_summary(analyse(healthy().write(tmp_path)), console)
    output = console.file
    assert isinstance(output, io.StringIO)

    assert "Jobs to look at" not in output.getvalue()


def test_results_of_nothing_usable_are_an_error_and_no_empty_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = tmp_path / "foreign.jsonl"
    foreign.write_text("no history\n")
    for given in (foreign, tmp_path / "absent"):
        with pytest.raises(SystemExit) as left:
            main(["results", str(given)])
        assert left.value.code == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert given.name in printed.err
