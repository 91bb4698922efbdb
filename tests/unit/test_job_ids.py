"""Job ids as numbers: whatever is read in bulk is what a dictionary would have made of it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.history.job_ids import JobIds, RawJobIds, stream_index
from worker_child.names import child_job_id, held_job_id, stream_job_id

LAST_IN_BULK = 9_999_999
STRANGE = ["", "j", "j12345", "j0000001", "x000001", "j00000\u0663", "j00000\u00b2", "j+00001"]
STREAM = (st.integers(0, 20) | st.integers(999_990, 1_000_010)).map(stream_job_id)
FAR = st.integers(LAST_IN_BULK - 10, LAST_IN_BULK + 10).map(stream_job_id)
OTHERS = st.one_of(
    st.integers(0, 5).map(held_job_id),
    st.integers(0, 5).map(lambda index: child_job_id(stream_job_id(index), index)),
    st.sampled_from(STRANGE),
)


def settled(blocks: list[list[str]]) -> tuple[JobIds, list[list[int]]]:
    raw = RawJobIds()
    columns = [raw.numbers(block) for block in blocks]
    ids = raw.settled(columns)
    return ids, [ids.settle(column).tolist() for column in columns]


@settings(deadline=None)
@given(st.lists(st.lists(STREAM | OTHERS), min_size=1), st.lists(STREAM))
def test_every_id_has_one_number_and_gets_its_name_back(
    mixed: list[list[str]], stream: list[str]
) -> None:
    blocks = [*mixed, stream]
    ids, numbers = settled(blocks)
    assert [[ids.name(number) for number in block] for block in numbers] == blocks
    assert [[ids.number(job_id) for job_id in block] for block in blocks] == numbers
    assert set(ids) == {job_id for block in blocks for job_id in block}
    assert len(ids) == len(set(ids))


@settings(deadline=None)
@given(st.lists(STREAM | FAR | OTHERS))
def test_ids_of_one_length_and_of_many_are_numbered_alike(job_ids: list[str]) -> None:
    together, alone = RawJobIds(), RawJobIds()
    assert together.numbers(job_ids).tolist() == [
        number for job_id in job_ids for number in alone.numbers([job_id]).tolist()
    ]


@pytest.mark.parametrize("index", [0, 999_999, 1_000_000, LAST_IN_BULK])
def test_the_ids_of_ten_million_jobs_need_no_dictionary(index: int) -> None:
    ids, _ = settled([[stream_job_id(index)]])
    assert (ids.stream.tolist(), ids.others) == ([index], [])
    assert stream_index(stream_job_id(index)) == index


@pytest.mark.parametrize("job_id", [stream_job_id(LAST_IN_BULK + 1), *STRANGE])
def test_an_id_that_could_take_any_room_is_kept_by_its_name(job_id: str) -> None:
    ids, _ = settled([[job_id]])
    assert (ids.stream.tolist(), ids.others) == ([], [job_id])
    assert stream_index(job_id) is None
