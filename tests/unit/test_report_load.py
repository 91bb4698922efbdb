"""The printed summary tells of tenants, errors and the load where there is something to tell."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from analysis.report.terminal import print_summary
from analysis.report.terminal_load import load_table
from analysis.summary.summary import analyse
from tests.histories.builder import Story
from tests.histories.loaded import burdened, erring, sampled, unfair
from tests.histories.stories import healthy

BURST = {"curve": {"shape": "burst", "factor": 10, "from_s": 2, "length_s": 1}}
STORIES: dict[str, Callable[[], Story]] = {
    "burdened": burdened,
    "erring": erring,
    "sampled": lambda: sampled([0, 5, 900, 1, 1, 1, 1, 1], **BURST),
    "unfair": unfair,
}


def printed(story: Story, folder: Path, width: int = 80) -> str:
    output = io.StringIO()
    print_summary(analyse(story.write(folder)), Console(width=width, file=output, highlight=False))
    return output.getvalue()


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("name", STORIES)
def test_it_fits_any_width(name: str, width: int, tmp_path: Path) -> None:
    text = printed(STORIES[name](), tmp_path, width)

    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("name", STORIES)
def test_nothing_is_cut_off_at_eighty_columns(name: str, tmp_path: Path) -> None:
    assert "…" not in printed(STORIES[name](), tmp_path)


@pytest.mark.parametrize("name", STORIES)
def test_none_of_these_stories_is_invalid(name: str, tmp_path: Path) -> None:
    assert analyse(STORIES[name]().write(tmp_path)).verdict != "invalid"


def test_a_healthy_run_says_nothing_of_tenants_errors_or_load(tmp_path: Path) -> None:
    text = printed(healthy(), tmp_path)

    for title in ("Tenants", "Errors", "Load", "left out"):
        assert title not in text


def test_the_warm_up_that_is_left_out_is_said(tmp_path: Path) -> None:
    text = " ".join(printed(burdened(), tmp_path).split())

    assert "uncorrected: from when sent; jobs of the first 1 s left out)" in text


def test_the_noisy_tenant_stands_beside_the_quiet_ones(tmp_path: Path) -> None:
    lines = printed(unfair(), tmp_path).splitlines()
    (noisy,) = [line for line in lines if "pickup, noisy" in line]
    (completed,) = [line for line in lines if "completed / enqueued" in line]

    assert noisy.split()[-1] == "4.00"
    assert completed.split()[-1] == "0.75"


def test_retries_stand_beside_their_plan(tmp_path: Path) -> None:
    text = " ".join(printed(erring(), tmp_path).split())

    assert "rate limit 1 20.0 % of 5 executions" in text
    assert "spacing after attempt 2 2.050 s median, planned 2.000 s" in text
    assert "discarded 1 jobs that the library gave up" in text
    assert "latency added 3.250 s" in text


@pytest.mark.parametrize(
    ("jobs", "says"),
    [
        ({}, "when the last was due; the last job was completed 2.5 s later"),
        ({"stranded": 2, "lost": 1}, "; the last job to complete did so 2.5 s later, 3 never did"),
        ({"pending": 1, "discarded": 1}, "; the last job to complete did so 2.5 s later, 2 never"),
        ({"ambiguous": 1}, "; the last job to complete did so 2.5 s later"),
    ],
)
def test_the_last_job_is_not_said_to_be_done_where_some_never_were(
    jobs: dict[str, int], says: str, tmp_path: Path
) -> None:
    replace = msgspec.structs.replace
    summary = analyse(STORIES["sampled"]().write(tmp_path))
    counted = replace(
        summary,
        jobs=replace(summary.jobs, **jobs),
        queue=replace(summary.queue, drain_s=2.5),
    )
    remark = load_table(counted).rows[0][2]

    assert says in remark
    assert ("never did" in remark) == ("never" in says)


def test_a_burst_says_when_it_was_over(tmp_path: Path) -> None:
    text = " ".join(printed(STORIES["sampled"](), tmp_path).split())

    assert "after the burst 1.0 s until 5 or fewer waited again" in text
    assert "queries 35.0/s on average" in text
    assert "memory, workers 17 MiB at most" in text
