"""A bystander's transactions: one after the other, in the one session that it has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

from analysis.history.bystander import Transaction, transactions_of
from analysis.history.history import History
from worker_child.protocol import Note


def _transactions(history: History) -> list[Transaction]:
    return transactions_of(history.records.of(Note))


def _planned(history: History) -> Iterator[str]:
    faults = history.start.scenario.faults
    if _transactions(history) and not any(fault.HAS_BYSTANDER for fault in faults):
        yield "A bystander's transactions are told of, and the scenario has no bystander."


def _one_by_one(history: History) -> Iterator[str]:
    """Each ends after it was begun, and the next one is begun after that."""
    told = _transactions(history)
    if any(one.over_ns < one.begun_ns for one in told):
        yield "A bystander's transaction was over before it was begun."
    if any(later.begun_ns < one.over_ns for one, later in pairwise(told)):
        yield "A bystander began a transaction before the one before was over; it has one session."


CHECKS: tuple[Callable[[History], Iterator[str]], ...] = (_planned, _one_by_one)
