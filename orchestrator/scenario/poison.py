"""Which jobs of a scenario kill their own worker whenever they run: pure, and drawn by the seed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from orchestrator.scenario.arrivals import Arrivals
from orchestrator.scenario.draws import uniform, words
from orchestrator.scenario.reader import Flaw
from orchestrator.scenario.types import Scenario
from orchestrator.scenario.worker_faults import Poison
from worker_child.names import stream_job_id


def poisons(scenario: Scenario) -> list[Poison]:
    """The scenario's entries of this sort; a usable one has one at the most."""
    return [fault for fault in scenario.faults if isinstance(fault, Poison)]


def poison_jobs(scenario: Scenario) -> frozenset[str]:
    """Their ids: as many distinct ones of the stream's middle half as the entry asks for, as far as
    there are any."""
    stream = Arrivals(scenario.workload).count or 0
    low, high = stream // 4, stream * 3 // 4 - 1
    wanted = min(sum(entry.jobs for entry in poisons(scenario)), high - low + 1)
    found: dict[int, None] = {}
    for place in count():
        if len(found) >= wanted:
            break
        found[uniform(words(scenario.seed, "poison", place)[0], low, high)] = None
    return frozenset(map(stream_job_id, found))


def check_poison(scenario: Scenario) -> Iterator[Flaw]:
    """A poison is alone, its jobs are plain ones of a stream with an end, and it may come back more
    often than any job that fails."""
    workload, workers = scenario.workload, scenario.workers
    for index, entry in enumerate(scenario.faults):
        if not isinstance(entry, Poison):
            continue
        at = f"faults.{index}"
        if len(scenario.faults) > 1:
            yield Flaw(at, " is a poison and stands beside other faults; it must be alone")
        beside = {
            "endless": workload.endless,
            "closed_loop": workload.closed_loop,
            "waves": bool(workload.waves),
            "dedup": workload.dedup is not None,
            "cache": workload.cache is not None,
            "held": bool(workload.held),
            "fan_out": workload.fan_out > 0,
        }
        for key in (key for key, is_given in beside.items() if is_given):
            yield Flaw(at, f" is a poison, which does not go with workload.{key}")
        places = workers.slots * workers.concurrency
        if entry.jobs >= places:
            yield Flaw(
                f"{at}.jobs",
                f" = {entry.jobs}: fewer than slots x concurrency = {places}, or nobody could work "
                "while they wait in the end",
            )
        stream = Arrivals(workload).count
        if stream is not None and entry.jobs > stream // 4:
            yield Flaw(f"{at}.jobs", f" = {entry.jobs}: at most a quarter of the {stream} jobs")
        most = entry.jobs * workers.max_attempts
        if entry.deaths <= most:
            yield Flaw(
                f"{at}.deaths",
                f" = {entry.deaths}: it must be above jobs x workers.max_attempts = {most}, or a "
                "queue that gives them up could not be told from one that never does",
            )
