"""What a fault is called where people read of it: by its sort, and counted from 1."""

from __future__ import annotations

import ast
import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from analysis.checks.certificates import FORMS
from analysis.faults_named import UNNUMBERED, fault_named, kills_named, nth
from analysis.ledger.case import open_case
from analysis.report.answer import answer
from analysis.report.html.run_view import run_view
from analysis.report.terminal import print_summary
from analysis.summary.summary import analyse
from orchestrator.commands.live import LiveView
from orchestrator.run.status import Phase, Status
from tests.histories.builder import Story
from tests.histories.forged import FORGED
from tests.histories.stories import A, crash

ROOT = Path(__file__).parents[2]
SORTS = "|".join(what.replace("_", " ") for what in FORMS)
FROM_NOUGHT = re.compile(rf"\b(?:faults?|kills?|{SORTS}) 0\b(?! times)", re.IGNORECASE)


def test_the_first_fault_is_number_one_and_one_without_a_number_is_not_given_any() -> None:
    assert (nth(0), nth(19), nth(None)) == ("1", "20", UNNUMBERED)
    assert fault_named("database_restart", 1) == "database restart 2"


@pytest.mark.parametrize(
    ("faults", "named"),
    [([0], "kill 1"), ([0, 1], "kills 1, 2"), ([0, 1, 2], "kills 1 to 3"), ([0, 2], "kills 1, 3")],
)
def test_several_kills_are_a_list_or_a_range(faults: list[int], named: str) -> None:
    assert kills_named(faults) == named


def paused() -> Story:
    """A is open in a worker that stands still, and goes on."""
    story = Story()
    worker = story.worker()
    story.enqueue(A)
    worker.start(A)
    story.stall(worker, 2)
    worker.complete(A)
    story.phase("stop")
    story.exit(worker)
    story.end()
    return story


def read_of(story: Story, folder: Path) -> str:
    """All that a person reads of a run: terminal, summary's sentences, charts of the report."""
    path = story.write(folder)
    summary = analyse(path)
    view = run_view(open_case(path), summary, 0)
    output = io.StringIO()
    print_summary(summary, Console(file=output, width=200, color_system=None))
    return "\n".join([output.getvalue(), *summary.reasons, *summary.findings, str(view)])


@pytest.mark.parametrize("name", [name for name in FORGED if "kill" in name or "fault" in name])
def test_nothing_that_is_read_of_a_forged_history_counts_faults_from_nought(
    name: str, tmp_path: Path
) -> None:
    path = FORGED[name].plant().write(tmp_path)
    summary = analyse(path)

    assert FROM_NOUGHT.findall("\n".join([*summary.reasons, *summary.findings])) == []


@pytest.mark.parametrize("plant", [crash, paused])
def test_nothing_that_is_read_of_a_run_counts_faults_from_nought(
    plant: type[Story], tmp_path: Path
) -> None:
    assert FROM_NOUGHT.findall(read_of(plant(), tmp_path)) == []


def raw_numbers(source: str) -> list[int]:
    """Lines whose f-string prints a fault's own number; what an assert says is for programmers."""
    tree = ast.parse(source)
    asserted = {id(n) for a in ast.walk(tree) if isinstance(a, ast.Assert) for n in ast.walk(a)}
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.FormattedValue)
        and id(node) not in asserted
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "fault"
    ]


def test_every_sentence_of_the_analysis_counts_faults_by_nth() -> None:
    """Also those that no planted history brings about: nothing else shows them before a user."""
    told = {
        path.relative_to(ROOT).as_posix(): lines
        for path in sorted((ROOT / "analysis").rglob("*.py"))
        if (lines := raw_numbers(path.read_text(encoding="utf-8")))
    }
    assert told == {}, "write nth(x.fault) or fault_named(what, x.fault)"
    assert raw_numbers('f"Fault {sent.fault} hit nobody."') == [1]


def test_a_fault_that_ended_no_worker_is_counted_under_its_own_word(tmp_path: Path) -> None:
    text = read_of(paused(), tmp_path).split("Expectations")[0]

    assert re.search(r"^ +stall +1  1 proven by a complete certificate", text, re.MULTILINE)
    assert not re.search(r"^ +kills ", text, re.MULTILINE)


def test_the_answer_of_a_run_that_killed_nobody_names_the_harm(tmp_path: Path) -> None:
    finding = answer(analyse(paused().write(tmp_path))).finding

    assert finding.endswith("; no worker was killed: the harm was 1 stall.")


def shown(*faults: str) -> str:
    """The plain line of a run that goes on."""
    output = io.StringIO()
    view = LiveView(Console(file=output, width=200), "a-run", None)
    view.update(Status(Phase.LOAD, 1.0, 30, 20, 4, faults, 0, "the load"))
    return output.getvalue()


@pytest.mark.parametrize(
    ("faults", "told"),
    [
        ((), "faults: none,"),
        (("kill",), "faults: 1 kill,"),
        (("pause",), "faults: 1 pause,"),
        (("kill", "database_restart", "kill"), "faults: 2 x kill, 1 database restart,"),
    ],
)
def test_the_line_of_a_run_that_goes_on_names_each_fault_by_what_it_is(
    faults: tuple[str, ...], told: str
) -> None:
    line = shown(*faults)

    assert told in line
    assert ("kill" in line) == ("kill" in faults)
