"""Five fresh siblings of each plan, number, text and load that went wrong once, written down with
their right value before they were run."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from analysis.errors import AnalysisError
from analysis.report.console import HarmlessConsole
from analysis.report.html.page import report_page
from analysis.report.terminal import print_summary
from analysis.summary.expectations import Longest, Observed, judge_expectations
from analysis.summary.summary import analyse
from orchestrator.errors import ScenarioError
from orchestrator.history.records import FaultEnded, FaultInjected
from orchestrator.scenario.capacity import capacity
from orchestrator.scenario.faults import Kill
from orchestrator.scenario.load import load_scenario
from orchestrator.scenario.triggered import When
from tests.histories.builder import Story
from tests.histories.side_by_side import everything
from tests.histories.stories import crash
from tests.unit.campaign_world import Make, World, make_world
from tests.unit.stand_ins import S
from tests.unit.test_how_to_repeat import Planned, commands, measured, page, planned

__all__ = ["planned"]

FOUND = Path(__file__).parent.parent / "found"
SIXTY, DEDUP = str(FOUND / "sixty_percent.toml"), str(FOUND / "dedup_load.toml")


# Kills not as planned


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    return partial(make_world, monkeypatch)


def sent_s(world: World, started_ns: int) -> list[float]:
    return [(kill.t_ns - started_ns) / S for kill in world.records(FaultInjected)]


def certified(world: World, seconds: float) -> list[bool]:
    """Each victim ends at once; how many raced."""
    for _ in range(round(seconds / 0.01)):
        for child in world.fleet.children.values():
            if child.killed_ns is not None and child.exit is None:
                world.victim(child.incarnation, child.slot).end(world.clock.now_ns)
        world.turn(0.01)
    return [end.raced for end in sorted(world.records(FaultEnded), key=lambda end: end.fault)]


def test_three_kills_of_one_instant_hit_also_the_worker_that_is_not_ready(make: Make) -> None:
    world = make(*(Kill(slot=slot, at_s=3.0) for slot in range(3)))
    world.fleet.kill(world.victim(slot=1), None)
    world.fleet.spawn(1)
    started_ns = world.start()
    world.turn(4)

    assert sent_s(world, started_ns) == [3.0, 3.0, 3.0]
    assert [kill.before.ready for kill in world.records(FaultInjected)] == [True, False, True]


def test_a_second_kill_of_a_slot_that_stays_empty_is_left_out_with_a_word(make: Make) -> None:
    world = make(Kill(at_s=3.0), Kill(at_s=3.005))
    started_ns = world.start()
    certified(world, 5)
    world.campaign.drop_what_never_came()

    assert sent_s(world, started_ns) == [3.0]
    assert world.notes() == ["fault_not_due"]


def test_a_successor_is_killed_at_its_instant_a_moment_after_its_spawn(make: Make) -> None:
    world = make(Kill(at_s=3.0, respawn_after_s=0.05), Kill(at_s=3.1))
    started_ns = world.start()
    certified(world, 5)

    assert sent_s(world, started_ns) == [3.0, 3.1]
    assert [kill.target.workers[0].incarnation for kill in world.records(FaultInjected)] == [0, 1]


def test_two_pairs_are_sent_pair_by_pair_and_only_the_first_was_raced(make: Make) -> None:
    world = make(*(Kill(slot=slot, at_s=3.0 + 0.5 * (slot // 2)) for slot in range(4)))
    started_ns = world.start()

    assert certified(world, 5) == [True, True, False, False]
    assert sent_s(world, started_ns) == [3.0, 3.0, 3.5, 3.5]


def test_a_kill_that_waits_for_a_state_does_not_move_a_timed_one(make: Make) -> None:
    world = make(Kill(slot=0, when=When(completed=0)), Kill(slot=1, at_s=0.2))
    started_ns = world.start()
    certified(world, 2)

    assert sent_s(world, started_ns)[1] == 0.2
    assert sent_s(world, started_ns)[0] < 0.2


# Checks of the instrument in a scenario

NOTHING_HAPPENED = (
    *("lost", "stranded", "given_up", "discarded_unplanned", "unplanned_failures", "refused"),
    *("never_seen", "missing_children", "late_first_orphans"),
    *("duplicated", "duplicate_executions", "re_executions"),
)


@pytest.mark.parametrize(
    "name",
    [
        "crash_recovery",
        "crash_recovery_repeated",
        "crash_one_of_many_short",
        "crash_in_burst_short",
        "crash_one_of_many",
    ],
)
def test_a_queue_that_does_nothing_twice_passes_every_shipped_kill(name: str) -> None:
    scenario = load_scenario(name, cores=2)
    kills = sum(fault.repeat or 1 for fault in scenario.faults)
    perfect = Observed(
        counts={
            **dict.fromkeys(NOTHING_HAPPENED, 0),
            "certificates": kills,
        },
        bound_not_reached=0,
        no_worker=0,
        pending=0,
        unwitnessed=0,
        rescues=True,
        acknowledges_in_transaction=False,
        resume_s=1.0,
        machine_limited=False,
        of_either=0,
        provider_stalled=False,
        poison_left=0,
        late_though_limited=0,
        load_limited=False,
        alive_and_idle_s=0.0,
        first_work=Longest(None, None),
        first_orphan=Longest(None, None),
        last_settled=Longest(None, None),
    )
    asked = {
        key: getattr(scenario.expectations, key) for key in scenario.expectations.__struct_fields__
    }
    outcomes = {one.name: one.outcome for one in judge_expectations(asked, perfect)}

    assert kills > 0
    assert set(outcomes.values()) <= {"met", "not_applicable"}, outcomes


# Numbers that are believed


def in_scenario(section: str, name: str, value: Any) -> Callable[[Story], object]:
    return lambda story: story.first("run_start")["scenario"][section].update({name: value})


NUMBERS: dict[str, Callable[[Story], object]] = {
    "a slot": lambda story: story.first("child_ready").update(slot=1 << 40),
    "an execution": lambda story: story.first("job_started").update(execution=1 << 60),
    "an end in a thousand years": lambda story: story.first("run_end").update(
        t_ns=10**12 + 31_557_600_000 * 10**9
    ),
    "a child's counter": lambda story: story.first("child_exited").update(events=1 << 62),
    "a number of planned jobs": lambda story: story.first("run_end").update(stream_jobs=8 * 10**9),
}


REFUSED_AT_ONCE = NUMBERS.keys() - {"a child's counter"}


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.timeout(60)
def test_a_number_that_no_history_can_hold_is_refused_in_a_sentence_or_voids_the_run(
    name: str, tmp_path: Path
) -> None:
    story = crash()
    NUMBERS[name](story)
    path = story.write(tmp_path)
    if name in REFUSED_AT_ONCE:
        with pytest.raises(AnalysisError) as refused:
            analyse(path)
        assert re.search(r"fits|outside 0\.\.|speaks of", str(refused.value))
    else:
        assert analyse(path).verdict == "invalid"


# Text that is run


MARKUP = '<img src="x" onerror="hacked = 1">\x1b[31m'
TEXTS: dict[str, Callable[[Story], object]] = {
    "the name of a setting": lambda story: story.first("run_start").update(settings={MARKUP: 1}),
    "the name of a rhythm": lambda story: story.first("run_start").update(periods_s={MARKUP: 1.0}),
    "a phrase of parity": lambda story: story.first("run_start").update(parity={"retries": MARKUP}),
    "what a finding repeats": lambda story: story.records.insert(
        -1, ("note", {"t_ns": story.now_ns, "code": "parent_stalled", "message": MARKUP})
    ),
    "the last words of a worker": lambda story: story.first("child_exited", incarnation=1).update(
        reason="died", exit_code=1, stderr_tail=MARKUP
    ),
}


@pytest.mark.parametrize("name", TEXTS)
def test_what_a_history_says_reaches_page_table_and_terminal_as_text(
    name: str, tmp_path: Path
) -> None:
    story = crash()
    TEXTS[name](story)
    path = story.write(tmp_path)
    out = io.StringIO()
    print_summary(analyse(path), HarmlessConsole(file=out, width=200, highlight=False))

    assert "\x1b" not in out.getvalue()
    assert "<img" not in report_page([path])
    assert not re.search(r"(?<!\\)<img", everything([path]))


# Documents that do not repeat


REPEATED: dict[str, Callable[[Path], Story]] = {
    "a dollar": lambda _: measured("crash_recovery_short", 'description="costs $HOME or `id`"'),
    "two lines": lambda _: measured("crash_recovery_short", 'description="one\\ntwo"'),
    "no expectation": lambda _: measured("crash_recovery_short", "expectations.lost=none"),
    "a late ordinal": lambda _: measured("crash_recovery_short", ordinal=7),
    "a folder with a space": lambda folder: measured(own_file(folder / "my own")),
}


def own_file(folder: Path) -> str:
    folder.mkdir()
    path = folder / "sixty.toml"
    path.write_text(Path(SIXTY).read_text())
    return str(path)


@pytest.mark.parametrize("name", REPEATED)
def test_the_command_on_the_page_plans_the_run_that_was_measured(
    name: str, tmp_path: Path, planned: Planned
) -> None:
    story = REPEATED[name](tmp_path)
    start = dict(story.first("run_start"))
    (words,) = [one for one in commands(page(tmp_path, [story])) if one[1] == "matrix"]

    digests = {(run.run_id, run.digest) for run in planned(words[1:]).runs}
    assert (
        f"{start['scenario_name']}-pgqueuer-tuned-{start['ordinal']:03d}",
        start["scenario_sha256"],
    ) in digests


# Loads that are weighed wrongly


@pytest.mark.parametrize(
    ("scenario", "values", "share"),
    [
        (DEDUP, ["workload.dedup.enqueuers=3", "workload.rate_per_s=120"], 0.6),
        (DEDUP, ["workload.dedup.enqueuers=7", "workload.rate_per_s=7"], 0.015),
        (
            SIXTY,
            ["workload.kinds.entity_update.length_s=0.14", "workload.rate_per_s=25"],
            0.6,
        ),
        (
            SIXTY,
            [
                "workload.kinds.entity_update.length_s=0.11",
                "workload.rate_per_s=20",
                "workers.concurrency=7",
            ],
            0.6,
        ),
        (
            SIXTY,
            [
                "workload.kinds.entity_update.length_s=0.2",
                "workload.rate_per_s=60",
                "workers.slots=3",
            ],
            0.6,
        ),
    ],
)
def test_a_load_of_just_what_is_allowed_is_accepted_and_a_hair_more_is_not(
    scenario: str, values: list[str], share: float
) -> None:
    assert capacity(load_scenario(scenario, values, cores=2), 2).utilisation == pytest.approx(share)
    if share == 0.6:
        (rate,) = (value for value in values if value.startswith("workload.rate_per_s"))
        more = f"workload.rate_per_s={float(rate.partition('=')[2]) + 0.00001}"
        with pytest.raises(ScenarioError, match="at most 60% are allowed"):
            load_scenario(scenario, [*values, more], cores=2)
