"""Columns: what is repeated takes no memory, and nothing is lost when it stops being the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from analysis.history.columns import Column


def test_a_column_of_one_number_takes_the_memory_of_one() -> None:
    column = Column(np.int32)
    column.repeat(-1, 1_000_000)
    column.spread(np.array([-1]), 1_000_000)
    found = column.array()
    assert (len(found), found.strides, set(found.tolist())) == (2_000_000, (0,), {-1})


@pytest.mark.parametrize(
    "more",
    [
        lambda column: column.repeat(8, 2),
        lambda column: column.spread(np.array([8]), 2),
        lambda column: column.spread(np.array([8, 8]), 2),
        lambda column: column.extend([8, 8], 2),
    ],
    ids=["repeated", "spread", "each", "extended"],
)
def test_what_was_repeated_stays_before_what_differs(more: Callable[[Column], None]) -> None:
    column = Column(np.int32)
    column.repeat(7, 3)
    more(column)
    column.repeat(7, 1)
    assert column.array().tolist() == [7, 7, 7, 8, 8, 7]


def test_a_number_that_needs_more_bits_is_refused_before_and_after_others() -> None:
    column = Column(np.int8)
    with pytest.raises(OverflowError):
        column.repeat(128, 3)
    column.repeat(127, 3)
    with pytest.raises(OverflowError):
        column.repeat(128, 3)
    assert column.array().tolist() == [127, 127, 127]


def test_an_empty_column_has_no_numbers() -> None:
    assert Column(np.int8).array().tolist() == []
