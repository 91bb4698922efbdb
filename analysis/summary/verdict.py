"""The verdict of a run: invalid, fail, unknown or pass, with every reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from analysis.history.history import History, read_fault
from analysis.summary.types import Expectation, RunVerdict, UnexpectedExit
from orchestrator.history.records import ChildExited

EXIT_CODES: dict[RunVerdict, int] = {"pass": 0, "fail": 1, "invalid": 3, "unknown": 4}
PRECEDENCE = (2, 3, 1, 4, 0)
"""Of the exit codes of several runs, the first of these that occurs counts."""


def worst(exit_codes: Iterable[int]) -> int:
    """One exit code for several runs."""
    return min(exit_codes, key=PRECEDENCE.index, default=0)


@dataclass(frozen=True, slots=True)
class RunJudgement:
    """A run's verdict; `reasons` are sentences, those of the verdict first."""

    verdict: RunVerdict
    reasons: list[str]

    @property
    def exit_code(self) -> int:
        """What a command that ended with this run exits with."""
        return EXIT_CODES[self.verdict]


MOST_LINES = 8
"""So many of the last lines of a dead worker's stderr are kept,"""
WIDEST_LINE = 300
"""and so many characters of each."""
INTERRUPTED = "The run was interrupted before its scenario had ended: it has no verdict of its own."


def unfinished(history: History) -> list[str]:
    """Why the file does not tell of a whole run; empty = it does."""
    if history.truncated:
        return ["The history is truncated: its last line is cut short, so it has no verdict."]
    if history.end is None:
        return ["The history has no run_end: the run did not finish, so it has no verdict."]
    if history.end.ended == "failed":
        return [f"The run failed: {history.end.error or 'no error was recorded'}."]
    planned, sent = history.start.planned_stream_jobs, history.end.stream_jobs
    if history.end.ended == "completed" and planned is not None and sent != planned:
        return [f"The run calls itself completed, but sent {sent} of the stream's {planned} jobs."]
    return []


def came_to_its_end(history: History) -> bool:
    """Whether the run completed, and the history tells all of it."""
    end = history.end
    return end is not None and end.ended == "completed" and not history.truncated


def left_open(history: History, expectations: list[Expectation]) -> list[Expectation]:
    """The expectations of a run that did not come to its end: none of them is met.

    Without a final read that counts none is broken either.
    """
    read_failed = read_fault(history.closings, len(history.rows)) is not None
    open_again = {"met", "broken"} if read_failed else {"met"}
    why = "the run did not come to its end"
    return [
        msgspec.structs.replace(expectation, outcome="unknown", why=why)
        if expectation.outcome in open_again
        else expectation
        for expectation in expectations
    ]


def worker_deaths(history: History, *, ours: bool) -> list[str]:
    """A sentence for every worker that died unasked, ours or not."""
    return [
        f"worker_died: slot {left.slot} incarnation {left.incarnation} died unasked "
        f"(exit code {left.exit_code}, signal {left.signal})."
        for left in history.records.of(ChildExited)
        if left.reason == "died" and left.ours == ours
    ]


def unexpected_exits(history: History) -> tuple[UnexpectedExit, ...]:
    """What the workers that died unasked wrote to stderr last."""
    return tuple(
        UnexpectedExit(
            slot=left.slot,
            incarnation=left.incarnation,
            ours=left.ours,
            stderr=[line[:WIDEST_LINE] for line in lines[-MOST_LINES:]],
        )
        for left in history.records.of(ChildExited)
        if left.reason == "died" and (lines := left.stderr_tail.rstrip().splitlines())
    )


def judge_run(
    history: History, our_failures: list[str], doubts: list[str], expectations: list[Expectation]
) -> RunJudgement:
    """Weigh everything; precedence as in METHODOLOGY.

    `our_failures` = a sentence for everything that voids the ledger, `doubts` = one for everything
    that leaves it open whether the run shows anything.
    """
    sentences: dict[RunVerdict, list[str]] = {
        "invalid": [*unfinished(history), *worker_deaths(history, ours=True), *our_failures],
        "fail": [e.sentence() for e in expectations if e.outcome == "broken"],
        "unknown": [*doubts, *(e.sentence() for e in expectations if e.outcome == "unknown")],
    }
    broken: list[RunVerdict] = [name for name, found in sentences.items() if found]
    verdict: RunVerdict = broken[0] if broken else "pass"
    reasons = [text for found in sentences.values() for text in found]
    if history.end is not None and history.end.ended == "interrupted":
        reasons.insert(0, INTERRUPTED)
        verdict = "unknown" if verdict == "pass" else verdict
    return RunJudgement(verdict, reasons)
