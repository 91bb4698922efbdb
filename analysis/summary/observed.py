"""What a run showed, as far as an expectation may speak of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from analysis.evidence.incarnations import stop_asked_ns
from analysis.history.columns import Bools
from analysis.history.history import History
from analysis.ledger.case import Case
from analysis.ledger.tally import Tally
from analysis.metrics.cache import Cache
from analysis.metrics.faults import FaultFound
from analysis.metrics.kill_types import Recovery
from analysis.metrics.poison import PoisonFound
from analysis.section import seconds
from analysis.summary.expectations import Longest, Observed
from analysis.summary.types import CrashSection, JobsSection
from orchestrator.scenario.job_kinds import COORDINATORS
from worker_child.names import child_job_id
from worker_child.protocol import Note


def observed(
    case: Case,
    tally: Tally,
    jobs: JobsSection,
    crash: CrashSection,
    recovery: list[Recovery],
    cache: Cache | None,
    faults: Sequence[FaultFound],
    limited: bool | None,
    poison: PoisonFound | None,
) -> Observed:
    """Everything that the scenario's expectations are held against; `limited` = whether the machine
    stalled while jobs were under way, None = nobody knows."""
    margin_s = case.scenario.limits.backlog_margin_s
    late = [kill.machine_limited for kill in recovery if _is_late(kill, margin_s)]
    resumed = [kill.time_to_resume_s for kill in recovery if kill.time_to_resume_s is not None]
    # A poison that comes back for ever is pending by its own plan, and no open question.
    stranded = tally.verdicts["pending"] - (0 if poison is None else poison.count("comes_back"))
    undecided = tally.reasons["pending"]
    return Observed(
        counts={
            "lost": tally.verdicts["lost"],
            "stranded": tally.verdicts["stranded"],
            "given_up": crash.given_up,
            "discarded_unplanned": tally.flags["unexplained"],
            "unplanned_failures": unplanned_failures(case.history),
            "refused": jobs.refused if jobs.dedup is None else jobs.dedup.keys_never_taken,
            # Of a key that somebody else got in, nothing is missing.
            "never_seen": jobs.not_enqueued if jobs.dedup is None else 0,
            "missing_children": missing_children(case),
            "late_first_orphans": sum(limited is False for limited in late),
            "certificates": crash.certificates,
            "duplicated": crash.duplicated,
            "duplicates_live": crash.duplicates_live,
            "duplicate_executions": crash.duplicate_executions,
            "re_executions": crash.re_executions,
            **_of_cache(cache),
            **({} if poison is None else {"poison_comes_back": poison.count("comes_back")}),
        },
        bound_not_reached=tally.bound_not_reached,
        no_worker=tally.no_worker,
        pending=stranded - undecided["bound_not_reached"] - undecided["no_worker"],
        poison_left=0 if poison is None else poison.count("left") + poison.count("unknown"),
        of_either=tally.reasons["ambiguous"]["holder_unknown"],
        unwitnessed=tally.reasons["ambiguous"]["done_unwitnessed"],
        rescues=case.rules.rescues,
        acknowledges_in_transaction=case.history.start.acknowledges_in_transaction,
        resume_s=max(resumed) if resumed and len(resumed) == len(recovery) else None,
        machine_limited=_any_limited(recovery),
        provider_stalled=any(
            note.code == "provider_stalled" for note in case.history.records.of(Note)
        ),
        late_though_limited=sum(limited is not False for limited in late),
        load_limited=limited,
        alive_and_idle_s=crash.alive_and_idle_s,
        first_work=_longest_first_work(case.history, faults),
        first_orphan=_longest(case.history, recovery, lambda kill: kill.first_orphan_pickup_s),
        last_settled=_longest(case.history, recovery, lambda kill: kill.last_orphan_settled_s),
    )


def _of_cache(cache: Cache | None) -> dict[str, int]:
    if cache is None:
        return {}
    return {
        "wrong_results": cache.wrong_results,
        "unanswered": cache.unanswered,
        "addresses_run_again": cache.addresses_run_again,
    }


def fails_unplanned(history: History) -> Bools:
    """Which of the failures no plan foresaw: those that the child calls unplanned, and those of a
    class of errors that the scenario injects nowhere, whatever the child calls them."""
    planned = {entry.error_class for entry in history.start.scenario.workload.errors}
    classes = history.failures.error_class
    codes = [code for code, name in enumerate(classes.names) if name not in planned]
    return np.isin(classes.code, codes)


def unplanned_failures(history: History) -> int:
    """Executions that failed as no plan foresaw, before the workers were asked to stop."""
    failures = history.failures
    stop_ns = stop_asked_ns(history.records)
    mine = fails_unplanned(history)
    if stop_ns is not None:
        mine &= failures.t_ns < stop_ns
    return int(np.unique(failures.key[mine]).size)


def missing_children(case: Case) -> int:
    """Jobs that a coordinator was to enqueue before it completed, and that no line names."""
    fan_out, history = case.scenario.workload.fan_out, case.history
    if not fan_out:
        return 0
    kinds = history.enqueues.kind
    codes = [code for code, name in enumerate(kinds.names) if name in COORDINATORS]
    coordinators = history.enqueues.job[np.isin(kinds.code, codes)]
    completed = np.intersect1d(coordinators, history.completions.job)
    names = (history.jobs.name(number) for number in completed.tolist())
    return sum(
        history.jobs.number(child_job_id(name, place)) is None
        for name in names
        for place in range(fan_out)
    )


def _is_late(kill: Recovery, margin_s: float) -> bool:
    first_s, bound_s = kill.first_orphan_pickup_s, kill.predicted_bound_s
    return first_s is not None and bound_s is not None and first_s > bound_s + margin_s


def _longest(
    history: History, recovery: list[Recovery], time_s: Callable[[Recovery], float | None]
) -> Longest:
    """Of the kills that had something to be run again."""
    end_ns = history.end.t_ns if history.end is not None else None
    came, open_ = [], []
    for kill in recovery:
        found_s = time_s(kill)
        if found_s is not None:
            came.append(found_s)
        elif kill.orphans > (kill.found.finished_unacknowledged or 0):
            open_.append(0.0 if end_ns is None else seconds(end_ns - kill.kill_sent_ns))
    return Longest(max(came, default=None), max(open_, default=None))


def _longest_first_work(history: History, faults: Sequence[FaultFound]) -> Longest:
    """Of all faults that were over."""
    end_ns = history.end.t_ns if history.end is not None else None
    came = [fault.first_work_s for fault in faults if fault.first_work_s is not None]
    open_ = [
        seconds(max(0, end_ns - fault.began_ns)) - (fault.lasted_s or 0.0)
        for fault in faults
        if fault.first_work_s is None and end_ns is not None
    ]
    return Longest(max(came, default=None), max(open_, default=None))


def _any_limited(recovery: list[Recovery]) -> bool | None:
    """Whether any recovery is known to be machine-limited; None = of some nobody knows."""
    limited = {kill.machine_limited for kill in recovery}
    return True if True in limited else None if None in limited else False
