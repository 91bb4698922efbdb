"""What RESULTS.md shows is in the summaries: a path that leads nowhere would show nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf
from typing import Any

import orjson
import pytest

from analysis.compare.measures import COUNTS, KILL_MEASURES, RUN_MEASURES, RunMeasure, Value, at
from analysis.summary.summary import analyse
from tests.histories.builder import Story
from tests.histories.loaded import erring, sampled, unfair
from tests.histories.planted import crash

BURST = {"curve": {"shape": "burst", "factor": 10, "from_s": 3, "length_s": 2}}
ERRORS = {"errors": [{"share": 0.3, "error_class": "rate_limit", "from_s": 3.0, "to_s": 5.0}]}
CALM = [1] * 12
CLASSES = ("permanent", "unplanned")


def failing_with(error_class: str) -> Story:
    story = erring()
    story.first("job_failed")["error_class"] = error_class
    return story


STORIES: dict[str, Callable[[], Story]] = {
    "a crash": crash,
    "errors": erring,
    "two tenants": unfair,
    "a burst": lambda: sampled(CALM, **BURST),
    "a window of errors": lambda: sampled(CALM, **ERRORS),
    "a key for two": lambda: sampled(CALM, dedup={"enqueuers": 2}),
    **{name: partial(failing_with, name) for name in CLASSES},
}


@pytest.fixture(scope="module")
def summaries(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    folders = {name: tmp_path_factory.mktemp("story") for name in STORIES}
    return [
        orjson.loads(analyse(STORIES[name]().write(folder)).as_json())
        for name, folder in folders.items()
    ]


@pytest.mark.parametrize("measure", RUN_MEASURES, ids=lambda measure: str(measure.title))
def test_every_figure_of_a_run_is_found_in_some_summary(
    measure: RunMeasure, summaries: list[Any]
) -> None:
    assert any(measure.value(summary) is not None for summary in summaries)
    if measure.limited_by is not None:
        holders = [s for s in summaries if measure.value(s) is not None]
        assert any(at(s, measure.limited_by[:-1]) is not None for s in holders)


@pytest.mark.parametrize(("title", "path"), COUNTS, ids=[title for title, _ in COUNTS])
def test_every_count_is_found_in_some_summary(
    title: str, path: tuple[str, ...], summaries: list[Any]
) -> None:
    assert any(at(summary, path) is not None for summary in summaries), title


def test_every_figure_of_a_kill_is_a_key_of_its_block(summaries: list[Any]) -> None:
    blocks = [block for summary in summaries for block in summary["recovery"]]

    assert blocks
    assert [m.key for m in KILL_MEASURES if not any(m.key in block for block in blocks)] == []


def test_a_recovery_that_was_never_seen_is_not_shown_as_one_that_does_not_apply() -> None:
    (after_burst,) = (m for m in RUN_MEASURES if m.title == "backlog back after the burst, s")
    never = {"queue": {"recovery": [{"what": "burst", "recovered_s": None}]}}

    assert after_burst.value(never) == Value(inf, None, None)
    assert after_burst.value({"queue": {"recovery": []}}) is None
