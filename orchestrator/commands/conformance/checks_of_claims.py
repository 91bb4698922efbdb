"""Judges what an adapter says of single jobs against what becomes of them: transactions, delays,
attempts, giving up. The trials are ``held`` and ``failing``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from orchestrator.commands.conformance.checks_of_kills import held_at
from orchestrator.commands.conformance.checks_of_work import planned_failures
from orchestrator.commands.conformance.finding import Check, TrialName, UnofferedError
from orchestrator.commands.conformance.run_facts import Fields, RunFacts, worker_of
from worker_child.protocol import HoldPoint

_HELD: tuple[TrialName, ...] = ("held",)
_FAILING: tuple[TrialName, ...] = ("failing",)
_NS_PER_S = 1_000_000_000
_AFTER_EFFECT: tuple[HoldPoint, ...] = ("effect", "completed", "return")
_EARLY_S, _EARLY_SHARE = 0.1, 0.05
"""How much sooner than it was told a retry may come: the job fails a little after its event."""
_LATE_S = 5.0
"""How much later than its delay and the library's longest rhythm."""
_GIVEN_UP = frozenset({"dead", "absent"})


def transaction_kept(run: RunFacts) -> Iterator[str]:
    """A job that has had its effect is acknowledged with it: its kill brings it back to nobody."""
    if not run.preset.acknowledges_in_transaction:
        raise UnofferedError("it does not claim to acknowledge in the transaction of the effect")
    run.need_end()
    victims = {worker_of(fault) for fault in run.of("fault_injected")}
    states = {row["job_id"]: row["state"] for row in run.final_rows}
    for point in _AFTER_EFFECT:
        for job_id in held_at(run, point):
            again = [
                fields
                for fields in run.of("job_started")
                if fields["job_id"] == job_id and worker_of(fields) not in victims
            ]
            if again:
                yield (
                    f"{job_id} was killed at {point}, its effect committed, and "
                    f"{worker_of(again[0])} ran it again: it was not acknowledged with it"
                )
            elif states.get(job_id, "absent") not in ("done", "absent"):
                yield f"{job_id} has had its effect, and its row is {states[job_id]}"


def delays_kept(run: RunFacts) -> Iterator[str]:
    """Between a failure and the next start lies the delay that was told, and not much more."""
    run.need_end()
    slack_s = max(run.preset.periods_s.values(), default=0.0) + _LATE_S
    told = [fields for fields in run.of("job_retried") if fields.get("delay_s") is not None]
    if not told:
        raise UnofferedError("it tells no delay of any retry")
    starts = _starts(run)
    for retried in told:
        failed_ns = _failed_ns(run, retried)
        later_ns = [
            int(fields["t_ns"])
            for fields in starts[retried["job_id"]]
            if fields["t_ns"] > failed_ns
        ]
        if not later_ns:
            continue  # the check of attempts says so
        delay_s, seen_s = float(retried["delay_s"]), (min(later_ns) - failed_ns) / _NS_PER_S
        told_after_s = (retried["t_ns"] - failed_ns) / _NS_PER_S
        soonest_s = delay_s * (1 - _EARLY_SHARE) - _EARLY_S
        if not soonest_s <= seen_s <= delay_s + told_after_s + slack_s:
            yield (
                f"{retried['job_id']} was to be retried {delay_s:.1f} s after it failed, and was "
                f"started again after {seen_s:.1f} s"
            )


def attempts_counted(run: RunFacts) -> Iterator[str]:
    """The library's own count goes up by one with each execution, from the same number."""
    run.need_end()
    counts = {
        job_id: [fields.get("library_attempt") for fields in starts]
        for job_id, starts in _starts(run).items()
    }
    if all(count is None for found in counts.values() for count in found):
        raise UnofferedError("the library counts no attempts, or does not tell")
    first = min(count for found in counts.values() for count in found if count is not None)
    for job_id, found in sorted(counts.items()):
        if found != list(range(first, first + len(found))):
            yield f"{job_id} was executed {len(found)} times, library_attempt says {found}"
    if first not in (0, 1):
        yield f"library_attempt begins with {first}, not with 0 or 1"


def gave_up(run: RunFacts) -> Iterator[str]:
    """A job that always fails is executed `max_attempts` times, then discarded, and its row says
    so: a queue that never lets go of it is busy with it for ever."""
    run.need_end()
    limit = run.scenario.workers.max_attempts
    states: defaultdict[str, set[str]] = defaultdict(set)
    for row in run.final_rows:
        states[row["job_id"]].add(row["state"])
    starts = _starts(run)
    for job_id, fail in planned_failures(run).items():
        if len(fail) < limit or "permanent" in fail:
            continue
        discarded = [fields for fields in run.of("job_discarded") if fields["job_id"] == job_id]
        if len(starts[job_id]) != limit:
            yield (
                f"{job_id} fails at each attempt, was executed {len(starts[job_id])} times, and "
                f"the preset states {limit} attempts"
            )
        elif len(discarded) != 1 or discarded[0]["t_ns"] < starts[job_id][-1]["t_ns"]:
            yield f"{job_id} fails at each attempt; after the last, discards: {len(discarded)}"
        elif not states[job_id] <= _GIVEN_UP:
            yield f"{job_id} was given up, and its row is {' and '.join(sorted(states[job_id]))}"


def _starts(run: RunFacts) -> defaultdict[str, list[Fields]]:
    """By job, in the order of their instants."""
    found: defaultdict[str, list[Fields]] = defaultdict(list)
    for fields in sorted(run.of("job_started"), key=lambda fields: int(fields["t_ns"])):
        found[fields["job_id"]].append(fields)
    return found


def _failed_ns(run: RunFacts, retried: Fields) -> int:
    """When the execution failed that a retry is told of: it may be told after the next start."""
    failures = [
        int(fields["t_ns"])
        for fields in run.of("job_failed")
        if fields["job_id"] == retried["job_id"]
        and fields["execution"] == retried.get("execution", fields["execution"])
        and fields["t_ns"] <= retried["t_ns"]
    ]
    return max(failures, default=int(retried["t_ns"]))


CLAIMS: tuple[Check[RunFacts], ...] = (
    Check("transaction", "acknowledges with the effect, if it says so", _HELD, transaction_kept),
    Check("delays", "retries after the delay that it tells", _FAILING, delays_kept),
    Check("library attempts", "counts attempts as they are made", _FAILING, attempts_counted),
    Check("gives up", "gives up what always fails, as stated", _FAILING, gave_up),
)
