"""What RESULTS.md shows is in the summaries: a path that leads nowhere would show nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf

import msgspec
import pytest

from analysis.compare.measures import COUNTS, KILL_MEASURES, RUN_MEASURES, RunMeasure, Value
from analysis.metrics.queue import DisturbanceRecovery
from analysis.summary.summary import analyse
from analysis.summary.types import Summary
from tests.histories.builder import Story
from tests.histories.cached import cached
from tests.histories.loaded import erring, sampled, unfair
from tests.histories.stories import crash

BURST = {"curve": {"shape": "burst", "factor": 10, "from_s": 3, "length_s": 2}}
ERRORS = {"errors": [{"share": 0.3, "error_class": "rate_limit", "from_s": 3.0, "to_s": 5.0}]}
CALM = [1] * 12
CLASSES = ("permanent", "unplanned")


def failing_with(error_class: str) -> Story:
    story = erring()
    story.first("job_failed")["error_class"] = error_class
    return story


def counted() -> Story:
    """A library that counts attempts, and takes a rescue for one."""
    story = crash()
    for incarnation in (0, 1):
        story.first("job_started", incarnation=incarnation)["library_attempt"] = incarnation
    return story


STORIES: dict[str, Callable[[], Story]] = {
    "a crash": crash,
    "errors": erring,
    "two tenants": unfair,
    "a burst": lambda: sampled(CALM, **BURST),
    "a window of errors": lambda: sampled(CALM, **ERRORS),
    "a key for two": lambda: sampled(CALM, dedup={"enqueuers": 2}),
    "a cache": cached,
    **{name: partial(failing_with, name) for name in CLASSES},
    "counted": counted,
}


@pytest.fixture(scope="module")
def summaries(tmp_path_factory: pytest.TempPathFactory) -> list[Summary]:
    folders = {name: tmp_path_factory.mktemp("story") for name in STORIES}
    return [analyse(STORIES[name]().write(folder)) for name, folder in folders.items()]


@pytest.mark.parametrize("measure", RUN_MEASURES, ids=lambda measure: str(measure.title))
def test_every_figure_of_a_run_is_found_in_some_summary(
    measure: RunMeasure, summaries: list[Summary]
) -> None:
    assert any(measure.value(summary) is not None for summary in summaries)


@pytest.mark.parametrize(("title", "count"), COUNTS, ids=[title for title, _ in COUNTS])
def test_every_count_is_found_in_some_summary(
    title: str, count: Callable[[Summary], int | None], summaries: list[Summary]
) -> None:
    assert any(count(summary) is not None for summary in summaries), title


def test_every_figure_of_a_kill_is_found_or_missed_in_some_summary(
    summaries: list[Summary],
) -> None:
    kills = [kill for summary in summaries for kill in summary.recovery]
    seen_by_others_only = "a survivor's next pickup"

    absent = [m.title for m in KILL_MEASURES if not any(m.value(kill) for kill in kills)]
    assert absent == [seen_by_others_only], "a story with one slot has no survivor"


def with_recovery(summary: Summary, *found: DisturbanceRecovery) -> Summary:
    queue = msgspec.structs.replace(summary.queue, recovery=list(found))
    return msgspec.structs.replace(summary, queue=queue)


def test_a_recovery_that_was_never_seen_is_not_shown_as_one_that_does_not_apply(
    summaries: list[Summary],
) -> None:
    (after_burst,) = (m for m in RUN_MEASURES if m.title == "backlog back after the burst, s")
    never = DisturbanceRecovery(
        what="burst", from_s=3.0, to_s=5.0, band=2, saturated=True, recovered_s=None
    )
    story = summaries[0]

    assert after_burst.value(with_recovery(story, never)) == Value(inf, None, None)
    assert after_burst.value(with_recovery(story)) is None
