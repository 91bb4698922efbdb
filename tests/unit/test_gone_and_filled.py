"""A fault that empties a slot is over when its victim is gone and the next process is ready."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from orchestrator.faults.signals import gone_and_filled


@pytest.mark.parametrize(
    ("gone_ns", "ready_ns", "healed_ns"),
    [(None, None, None), (5, None, None), (None, 7, None), (5, 7, 7), (9, 7, 9)],
)
def test_it_is_healed_once_both_have_come_and_at_the_later_of_them(
    gone_ns: int | None, ready_ns: int | None, healed_ns: int | None
) -> None:
    ready = {} if ready_ns is None else {(0, 1): SimpleNamespace(t_ns=ready_ns)}
    reach = cast(Any, SimpleNamespace(tracker=SimpleNamespace(ready=ready)))
    successor = cast(Any, SimpleNamespace(slot=0, incarnation=1))
    assert gone_and_filled(reach, successor, lambda: gone_ns)() == healed_ns
