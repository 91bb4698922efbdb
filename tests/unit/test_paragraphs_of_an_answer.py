"""The answer as the terminal prints it, and the first sentence of runs without a fault."""

from __future__ import annotations

import io
import re
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from analysis.metrics.dedup import Dedup
from analysis.report.answer import answer
from analysis.report.terminal import print_summary
from analysis.summary.summary import analyse
from tests.histories.stories import crash, healthy

DEDUP = Dedup(
    enqueuers=8,
    keys=150,
    enqueues=1200,
    accepted=150,
    deduplicated=1050,
    deduplicated_told_which=1050,
    rejected=0,
    indeterminate=0,
    keys_taken_more_than_once=0,
    keys_never_taken=0,
    executions=150,
    max_executions_per_key=1,
    keys_executed_more_than_once=0,
    keys_never_executed=0,
)


@pytest.mark.parametrize("width", range(40, 120, 4))
def test_no_line_of_the_answer_ends_between_a_number_and_its_unit(
    width: int, tmp_path: Path
) -> None:
    summary = analyse(crash().write(tmp_path))
    output = io.StringIO()
    print_summary(summary, Console(width=width, file=output, highlight=False))
    head = output.getvalue().partition(summary.run_id)[0]

    assert max(map(len, head.splitlines())) <= width
    assert not re.search(r"\d\n(s|ms)\b", head)
    assert " ".join(head.split()) == str(answer(summary))


def test_a_run_of_several_enqueuers_says_first_what_became_of_their_keys(tmp_path: Path) -> None:
    summary = analyse(healthy().write(tmp_path))
    jobs = msgspec.structs.replace(summary.jobs, dedup=DEDUP)
    finding = answer(msgspec.structs.replace(summary, jobs=jobs)).finding

    assert finding == (
        "1,200 enqueues of 150 keys made 150 jobs; none of 3 jobs lost or executed twice."
    )
