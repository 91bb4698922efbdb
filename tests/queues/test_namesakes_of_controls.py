"""Workers that come back under their predecessor's name, on queues whose right answer is known."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.metrics.namesakes import NamesakeFound
from analysis.summary.summary import analyse
from analysis.summary.types import Summary
from orchestrator.errors import NotOfferedError
from orchestrator.faults import table
from orchestrator.faults.targets import Reach, Worker
from orchestrator.postgres.server import Server
from orchestrator.run import run_plan
from orchestrator.run.request import Request, make_request
from orchestrator.run.run import carry_out
from orchestrator.scenario.load import load_scenario
from orchestrator.scenario.worker_faults import SameIdentity
from tests.queues.heir_worker import GREEDY
from worker_child.controls.inbox import ShortLeaseAdapter
from worker_child.protocol import Rescue

pytestmark = [
    pytest.mark.database,
    pytest.mark.slow,
    pytest.mark.every_fault,
    pytest.mark.timeout(180),
]

SCENARIO = str(Path(__file__).parent.parent / "scenarios" / "tiny_namesake.toml")
ALONE = "workers.slots=1"
LEASE_S = 60.0
Run = Callable[..., Summary]


class HeirAdapter(ShortLeaseAdapter):
    """Whose worker frees, by name, long before a lease is over."""

    argv: tuple[str, ...] = ()

    def child_argv(self) -> list[str]:
        worker = (sys.executable, "-m", "tests.queues.heir_worker")
        return [*worker, "--adapter=worker_child.controls", *self.argv]


class GreedyAdapter(HeirAdapter):
    """The same, of what every worker has."""

    argv = (GREEDY,)


def with_heirs(adapter: HeirAdapter) -> Callable[[Request], Request]:
    rescue = Rescue("by its name, or when its lease has run out", LEASE_S, 0.0, 0.2)

    def change(request: Request) -> Request:
        settings = {**request.preset.settings, "lease_s": LEASE_S}
        preset = replace(request.preset, settings=settings, rescue=rescue)
        return replace(request, adapter=adapter, preset=preset)

    return change


@pytest.fixture
def run(server: Server, tmp_path: Path) -> Run:
    def carry(
        library: str, *changes: str, change: Callable[[Request], Request] = lambda request: request
    ) -> Summary:
        request = make_request(
            load_scenario(SCENARIO, list(changes)),
            library=library,
            preset="stock",
            ordinal=1,
            dsn=server.dsn,
            results=tmp_path,
            overwrite=False,
        )
        return analyse(carry_out(change(request), lambda _: None).history)

    return carry


def only(summary: Summary) -> NamesakeFound:
    """What is said of the only one, which must have come about."""
    (found,) = summary.namesakes
    assert (found.successor, found.certificate.missing) == (1, [])
    first, then = [worker for worker in summary.run.workers if worker.slot == 0]
    assert (first.ended, then.ended) == ("killed", "stopped")
    assert found.held >= 1
    return found


def test_who_frees_its_own_name_at_once_takes_back_all_of_it_long_before_the_lease(
    run: Run,
) -> None:
    summary = run("control_short_lease", ALONE, change=with_heirs(HeirAdapter()))
    assert summary.verdict == "pass", summary.reasons
    found = only(summary)
    assert found.taken_back == found.taken_back_early == found.held
    assert (found.taken_by_others, found.not_taken, found.taken_from_others) == (0, 0, 0)


def test_who_waits_for_the_lease_takes_nothing_back_by_its_name(run: Run) -> None:
    summary = run("control_short_lease", ALONE)
    assert summary.verdict == "pass", summary.reasons
    found = only(summary)
    assert (found.taken_back, found.taken_back_early) == (found.held, 0)
    assert (found.taken_by_others, found.not_taken) == (0, 0)


def test_who_frees_more_than_its_own_takes_what_a_living_worker_is_at(run: Run) -> None:
    few = ("workload.duration_s=2", "workload.rate_per_s=4")
    long = "workload.kinds.entity_enrich.length_s=8"
    summary = run("control_short_lease", *few, long, change=with_heirs(GreedyAdapter()))
    found = only(summary)
    assert found.taken_from_others >= 1
    assert summary.crash.duplicates_live >= 1


def test_what_the_dead_one_held_stays_its_own_though_the_name_lives_again(run: Run) -> None:
    soon = ("expectations.stranded='none'", "limits.confirm_s=0.5")
    summary = run("control_never_rescues", ALONE, *soon)
    assert summary.verdict == "pass", summary.reasons
    found = only(summary)
    assert (found.taken_back, found.not_taken) == (0, found.held)
    assert summary.jobs.stranded_by_reason == {"dead_worker": found.held}
    assert summary.jobs.ambiguous == 0


def test_a_kill_that_is_none_makes_the_run_invalid(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(reach: Reach, victim: Worker, fault: int) -> int:
        return time.monotonic_ns()

    without = dict(table.TABLE)
    without[SameIdentity] = replace(without[SameIdentity], inject=nothing)
    monkeypatch.setattr(table, "TABLE", without)
    summary = run("control_short_lease", "limits.sessions_gone_s=0.5")
    assert summary.verdict == "invalid"
    assert "Same identity 1 has no complete certificate: the victim was not reaped" in " ".join(
        summary.reasons
    )


def test_a_successor_of_another_name_makes_the_run_invalid(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_plan, "named_slots", lambda _: frozenset())
    summary = run("control_short_lease", ALONE)
    assert summary.verdict == "invalid"
    why = "Same identity 1 has no complete certificate: the next worker of its slot came under "
    assert any(reason == f"{why}another name." for reason in summary.reasons), summary.reasons


def test_to_a_library_that_takes_no_name_it_is_not_applicable(run: Run) -> None:
    with pytest.raises(NotOfferedError, match="needs worker_name, which pgqueuer's"):
        run("pgqueuer")
