"""The same lines give the same bytes: anywhere, and in any order that keeps each process's own."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.summary.summary import analyse, write_summary
from orchestrator.history.records import HISTORY_VERSION
from tests.histories.builder import RUN_ID, Fields, Story
from tests.histories.loaded import burdened, erring, unfair
from tests.histories.planted import PLANTED
from tests.histories.random_stories import stories

GOLDEN = Path(__file__).parent.parent / "histories"
GOLDEN_TODAY = GOLDEN / "version_3"
"""The same runs as in `GOLDEN`, whose histories are of version 1 and are kept as they are."""
GOLDEN_BEFORE = GOLDEN / "version_2"
"""And these, of version 2."""
GOLDEN_IDS = ("version 1", "version 2", "version 3")
GOLDENS = (GOLDEN, GOLDEN_BEFORE, GOLDEN_TODAY)
GOLDEN_NAMES = ("a_crash", "bound_not_reached", "event_missing_in_the_middle", "lost_and_done")


def process_of(fields: Fields) -> tuple[int, int] | None:
    """Who wrote a line: an incarnation, or the parent."""
    return (fields["slot"], fields["incarnation"]) if "n" in fields else None


def shuffled(story: Story, seed: int) -> Story:
    """Another order of the lines in which those of each process keep their own."""
    order = [process_of(fields) for _, fields in story.records]
    random.Random(seed).shuffle(order)
    queues = {
        process: iter([record for record in story.records if process_of(record[1]) == process])
        for process in order
    }
    story.records = [next(queues[process]) for process in order]
    return story


@pytest.mark.parametrize("name", PLANTED)
def test_a_permutation_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    expected = analyse(PLANTED[name].plant().write(tmp_path, "plain")).as_json()
    for seed in range(3):
        story = shuffled(PLANTED[name].plant(), seed)
        assert analyse(story.write(tmp_path, f"shuffled-{seed}")).as_json() == expected


@pytest.mark.parametrize("told", [burdened, erring, unfair], ids=lambda told: told.__name__)
def test_a_permutation_of_a_loaded_run_gives_the_same_bytes(
    told: Callable[[], Story], tmp_path: Path
) -> None:
    expected = analyse(told().write(tmp_path, "plain")).as_json()
    for seed in range(5):
        story = shuffled(told(), seed)
        assert analyse(story.write(tmp_path, f"shuffled-{seed}")).as_json() == expected


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(stories(), st.integers(0, 2**32))
def test_a_permutation_of_any_story_gives_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, story: Story, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("permuted")
    expected = analyse(story.write(folder)).as_json()

    assert analyse(shuffled(story, seed).write(folder)).as_json() == expected


ELSEWHERE = [
    {"PYTHONHASHSEED": "1", "TZ": "Asia/Kathmandu", "LC_ALL": "C"},
    {"PYTHONHASHSEED": "4242", "TZ": "America/St_Johns", "LC_ALL": "de_DE.UTF-8"},
]


@pytest.mark.parametrize("environment", ELSEWHERE, ids=lambda e: str(e["TZ"]))
def test_another_time_zone_locale_and_hash_seed_give_the_same_bytes(
    environment: dict[str, str], tmp_path: Path
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
        PLANTED["a_crash"].plant().write(folder)
    write_summary(here / f"{RUN_ID}.jsonl")
    subprocess.run(
        [sys.executable, "-m", "analysis", str(there)],
        check=True,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        timeout=60,
    )
    name = f"{RUN_ID}.summary.json"

    assert (there / name).read_bytes() == (here / name).read_bytes()


@pytest.mark.parametrize("name", GOLDEN_NAMES)
@pytest.mark.parametrize("folder", GOLDENS, ids=GOLDEN_IDS)
def test_a_golden_history_gives_its_golden_summary(folder: Path, name: str) -> None:
    """Of each version, to the byte, but for its number. Where this fails on purpose, run
    `python -m tests.histories.write_golden`."""
    summary = analyse(folder / f"{name}.jsonl")
    assert summary.run.history_version == int(GOLDEN_IDS[GOLDENS.index(folder)].split()[-1])
    of_today = msgspec.structs.replace(summary.run, history_version=HISTORY_VERSION)
    told = msgspec.structs.replace(summary, run=of_today).as_json()
    assert told == (GOLDEN / f"{name}.summary.json").read_bytes()


@pytest.mark.parametrize("name", GOLDEN_NAMES)
def test_the_golden_histories_are_what_the_builder_writes(name: str, tmp_path: Path) -> None:
    written = PLANTED[name].plant().write(tmp_path)

    assert written.read_bytes() == (GOLDEN_TODAY / f"{name}.jsonl").read_bytes()


def test_a_summary_replaces_the_one_before_it_at_once(tmp_path: Path) -> None:
    path = PLANTED["a_crash"].plant().write(tmp_path)
    target = tmp_path / f"{RUN_ID}.summary.json"
    target.write_text("an older one")
    summary = write_summary(path)

    assert target.read_bytes() == summary.as_json()
    assert sorted(tmp_path.iterdir()) == [path, target]


def test_a_summary_holds_no_path_of_this_machine(tmp_path: Path) -> None:
    path = PLANTED["a_crash"].plant().write(tmp_path)

    assert str(tmp_path).encode() not in analyse(path).as_json()
