"""What the events say so far, counted for live decisions."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.workers.tracker import Completions, RowNames

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(st.lists(st.sampled_from("abcdef"))))
def test_completions_are_counted_as_anybody_would_count_them(batches: list[list[str]]) -> None:
    completions, counted = Completions(), Counter[str]()
    for batch in batches:
        completions.add(batch)
        counted.update(batch)
        assert {job: completions[job] for job in "abcdefg"} == {j: counted[j] for j in "abcdefg"}
        assert completions.keys() == counted.keys()
        assert len(completions) == len(counted)
        assert completions.duplicates == sum(times > 1 for times in counted.values())


@given(st.lists(st.lists(st.tuples(TEXTS, TEXTS))))
def test_rows_are_named_as_in_a_dictionary(batches: list[list[tuple[str, str]]]) -> None:
    names, known = RowNames(), dict[str, str]()
    for number, pairs in enumerate(batches):
        names.add([row for row, _ in pairs], [job for _, job in pairs])
        known.update(pairs)
        if number % 2:
            assert names.by_inbox_id() == known
    assert names.by_inbox_id() == known
