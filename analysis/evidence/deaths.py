"""What each death left in flight, and in which phase it found each job."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analysis.evidence.executions import Found, Phase
from analysis.evidence.incarnations import Incarnation, Incarnations
from analysis.history.columns import EXECUTION_BITS, pack_one
from analysis.history.history import History, read_fault
from analysis.history.tables import Ends
from orchestrator.history.records import RowRead

RACED = "raced: another worker could already have taken the victim's jobs"


@dataclass(frozen=True, slots=True)
class Death:
    """One incarnation's death, and the jobs that were in flight in it."""

    victim: Incarnation
    phases: dict[int, Phase]
    """By a job's number: the phase in which it was found."""
    claims_unknown: str | None
    """Why the rows that the victim held are not known; None = they are. Then `phases` rests on
    the events alone."""
    held: frozenset[int]
    """Numbers of the jobs whose rows the victim held, as far as that is known."""
    claimable_ns: int | None
    """When the first of the victim's rows becomes available again, as the adapter computes it."""
    at_least: bool = False
    """The claims are not known, and `phases` and `held` have those rows that still bore the
    victim's identity: there were so many at least."""
    unannounced: tuple[str, ...] = ()
    """Identities that held rows after the kill and that no child_ready announced."""

    def count(self, phase: Phase) -> int:
        """How many jobs were found in a phase."""
        return sum(found == phase for found in self.phases.values())


def find_deaths(history: History, incarnations: Incarnations) -> list[Death]:
    """All deaths, the first one first."""
    reads = _reads_by_fault(history)
    visible = bool(history.identities) or any(
        read.claimed_by is not None for read in history.kill_reads
    )
    return [
        _death(history, incarnations, victim, reads, visible=visible)
        for victim in incarnations.dead()
    ]


def found_by_job(deaths: list[Death]) -> dict[int, list[Found]]:
    """By a job's number: the deaths that found it in flight, in the order of time."""
    found: defaultdict[int, list[Found]] = defaultdict(list)
    for death in deaths:
        for job, phase in death.phases.items():
            found[job].append(Found(death.victim, phase))
    return dict(found)


def _reads_by_fault(history: History) -> dict[int | None, list[RowRead]]:
    reads: defaultdict[int | None, list[RowRead]] = defaultdict(list)
    for read in history.kill_reads:
        reads[read.fault].append(read)
    return dict(reads)


def _effects(history: History, victim: Incarnation) -> set[int]:
    """Keys of the victim's effects that any read saw: it added none after its death."""
    seen = history.effects.key
    found = set(seen[(seen >> EXECUTION_BITS) == victim.key].tolist())
    at_kills = [effect for read in history.kill_reads for effect in read.effects]
    found |= {pack_one(*effect) for effect in at_kills}
    return found


def _death(
    history: History,
    incarnations: Incarnations,
    victim: Incarnation,
    reads: dict[int | None, list[RowRead]],
    *,
    visible: bool,
) -> Death:
    open_jobs = _open_executions(history, victim)
    read = reads.get(victim.fault.fault, []) if victim.fault is not None else []
    strange = _unannounced(read, incarnations)
    unseen = _claims_unseen(victim, read, strange, visible=visible or not open_jobs)
    rows = [] if unseen else _rows_of(victim, read, incarnations)
    raced = victim.certificate is not None and victim.certificate.raced
    unknown = RACED if raced else unseen
    held = frozenset(_numbers(history, rows))
    with_effect = _effects(history, victim)
    phases: dict[int, Phase] = dict.fromkeys(held, "claimed")
    phases |= _ended_phases(history, victim, held)
    phases |= {
        job: "effect_done" if key in with_effect else "started" for job, key in open_jobs.items()
    }
    claimable = [row.claimable_ns for row in rows if row.claimable_ns is not None]
    return Death(
        victim=victim,
        phases=phases,
        claims_unknown=unknown,
        held=held,
        claimable_ns=min(claimable, default=None),
        at_least=raced and not unseen,
        unannounced=strange,
    )


def _unannounced(read: list[RowRead], incarnations: Incarnations) -> tuple[str, ...]:
    strange = {
        row.claimed_by
        for row in read
        if row.state == "claimed"
        and row.claimed_by is not None
        and not incarnations.holders(row.claimed_by, row.t_ns)
    }
    return tuple(sorted(strange))


def _claims_unseen(
    victim: Incarnation, read: list[RowRead], strange: tuple[str, ...], *, visible: bool
) -> str | None:
    if victim.fault is None:
        return "no rows are read after an unasked death"
    closings = [line for line in read if line.job_id is None]
    fault = read_fault(closings, len(read) - len(closings))
    if fault is not None:
        return f"the read of the rows after the kill does not count: {fault}"
    if strange:
        return f"rows are held by {strange[0]!r}, an identity that no child_ready announced"
    if not visible:
        return "this queue does not show who holds a row"
    return None


def _numbers(history: History, rows: list[RowRead]) -> Iterator[int]:
    for row in rows:
        number = None if row.job_id is None else history.jobs.number(row.job_id)
        assert number is not None, f"row {row.inbox_id} belongs to a job without a number"
        yield number


def _rows_of(victim: Incarnation, read: list[RowRead], incarnations: Incarnations) -> list[RowRead]:
    """The rows that nobody but the victim can have held."""
    return [
        row
        for row in read
        if row.state == "claimed"
        and row.claimed_by is not None
        and incarnations.holders(row.claimed_by, row.t_ns, row.claimed_ns) == (victim,)
    ]


def _open_executions(history: History, victim: Incarnation) -> dict[int, int]:
    """By a job's number: the key of its open execution in the victim."""
    mine = (history.starts.key >> EXECUTION_BITS) == victim.key
    keys, jobs = history.starts.key[mine], history.starts.job[mine]
    ended = np.concatenate(
        [
            table.key[(table.key >> EXECUTION_BITS) == victim.key]
            for table in (history.completions, history.failures)
        ]
    )
    still_open = ~np.isin(keys, ended)
    return dict(zip(jobs[still_open].tolist(), keys[still_open].tolist(), strict=True))


def _ended_phases(history: History, victim: Incarnation, held: frozenset[int]) -> dict[int, Phase]:
    """Of the held jobs that the victim had finished with: how its last execution ended."""
    last: dict[int, tuple[int, Phase]] = {}
    ends: tuple[tuple[Ends, Phase], ...] = (
        (history.failures, "failed_unacknowledged"),
        (history.completions, "finished_unacknowledged"),
    )
    for table, phase in ends:
        mine = (table.key >> EXECUTION_BITS) == victim.key
        mine &= np.isin(table.job, list(held))
        for job, key in zip(table.job[mine].tolist(), table.key[mine].tolist(), strict=True):
            if job not in last or key >= last[job][0]:
                last[job] = (key, phase)
    return {job: phase for job, (_, phase) in last.items()}
