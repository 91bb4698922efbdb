"""The part of the printed summary that counts: what became of the jobs, and what the harm did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from analysis.ledger.ledger import VERDICTS
from analysis.metrics.faults import FaultFound
from analysis.report.grid import Grid
from analysis.report.number_format import named_values, plain, words
from analysis.summary.types import CrashSection, JobsSection, Summary

JOBS_TITLE = "Jobs"
CRASH_TITLE = "Crash"
MEANT = {
    "enqueued": "distinct jobs accepted",
    "completed_once": "",
    "duplicated": "done twice or more",
    "lost": "not done, no longer in the queue",
    "stranded": "left behind: still in the queue, not taken up in time, or never to be",
    "pending": "not settled when the run ended",
    "discarded": "given up by the library",
    "ambiguous": "of unknown fate",
    "unexpected": "ran, and nobody had planned them",
    "recovered": "their enqueue got no answer, and they were seen all the same",
    "not_enqueued": "their enqueue got no answer, and nobody saw them again",
    "rejected": "refused by the queue",
    "deduplicated": "answered with another job of their key",
}
"""By the name of a count of jobs: what it says, for whom the name alone says too little."""
_ALWAYS = ("enqueued", *VERDICTS, "unexpected")
IN_DOUBT_AT_KILL = "in doubt at the kill"
"""What people read of `integrity_surface_at_kill`."""
_NAMES = {
    "alive_and_idle_s": "alive and idle, s",
    "harness_ambiguity": "undecided through our fault",
    "integrity_surface_at_kill": IN_DOUBT_AT_KILL,
    "integrity_surface_final": "in doubt at the end",
}
"""By key: what people read, where that is not the key's own words."""
_REMARKS = {
    "alive_and_idle_s": "a worker lived while a job waited, and took none",
    "duplicate_executions": "jobs with two or more job_completed lines",
    "duplicate_effects": "jobs whose write to the database was committed twice",
    "re_executions": "jobs that were begun again",
    "harness_ambiguity": "jobs that the instrument itself failed to follow",
    "integrity_surface_at_kill": "jobs whose row the dead worker held: the queue alone cannot "
    "say whether they ran",
    "integrity_surface_final": "jobs of which it is still unknown whether they ran",
}


def jobs_table(jobs: JobsSection) -> Grid:
    """The verdicts, each with what it means and how it came about."""
    apart = {
        "duplicated": _by_name(msgspec.structs.asdict(jobs.duplicated_by_kind)),
        "pending": _by_name(jobs.pending_by_reason),
        "ambiguous": _by_name(jobs.ambiguous_by_reason),
    }

    def remark(name: str) -> str:
        raised = _by_name(jobs.flags_by_verdict.get(name, {}))
        parts = (MEANT[name], apart.get(name), f"flags: {raised}" if raised else "")
        return "; ".join(text for text in parts if text)

    shown = (name for name in MEANT if name in _ALWAYS or getattr(jobs, name))
    return _counts((words(name), getattr(jobs, name), remark(name)) for name in shown)


def crash_table(summary: Summary) -> Grid:
    """Of a run without any harm there is nothing to tell, unless jobs were executed twice."""
    crash = summary.crash
    if not (crash.kills or summary.faults or crash.duplicated or crash.duplicate_executions):
        return _counts(())
    return _counts((*_faults(summary.faults), *_consequences(crash)))


def _faults(faults: Sequence[FaultFound]) -> Iterator[tuple[str, int, str]]:
    """How many there were of each sort, in the order of time: a pause is no kill."""
    of_sort = Counter(fault.what for fault in faults)
    proven = Counter(fault.what for fault in faults if fault.complete)
    if not of_sort:
        yield "faults", 0, ""
    for what, count in of_sort.items():
        name = "kills" if what == "kill" else words(what)
        yield name, count, f"{proven[what]} proven by a complete certificate"


def _consequences(crash: CrashSection) -> Iterator[tuple[str, Any, str]]:
    by_cause = {
        "by crash": crash.duplicates_by_crash,
        "re-enqueued": crash.duplicates_re_enqueued,
        "live": crash.duplicates_live,
    }
    remarks = {
        **_REMARKS,
        "duplicated": _by_name(by_cause),
        "duplicates_live": _by_name(msgspec.structs.asdict(crash.duplicates_live_by)),
    }
    for name in (
        "duplicated",
        *(("duplicates_live",) if crash.duplicates_live else ()),
        *(("alive_and_idle_s",) if crash.alive_and_idle_s else ()),
        "duplicate_executions",
        "duplicate_effects",
        "re_executions",
        "harness_ambiguity",
        "integrity_surface_at_kill",
        "integrity_surface_final",
    ):
        why = getattr(crash, f"{name}_why", None)
        yield _NAMES.get(name, words(name)), getattr(crash, name), why or remarks[name]


def _counts(named: Iterable[tuple[str, Any, str]]) -> Grid:
    """Rows of name, count and remark."""
    return named_values((name, plain(value), remark) for name, value, remark in named)


def _by_name(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {words(name)}" for name, count in sorted(counts.items()) if count)
