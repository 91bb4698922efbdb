"""What is held back comes out as it went in, from memory and from a file."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.errors import ProxyError
from orchestrator.proxy.spool import MEMORY_BYTES, Spool

SIZES = st.lists(st.sampled_from([0, 1, 100, MEMORY_BYTES // 3, MEMORY_BYTES + 1]), max_size=12)


@settings(deadline=None)  # it is about bytes; a busy machine is slow
@given(SIZES, st.integers(0, 12))
def test_the_same_bytes_in_the_same_order(sizes: list[int], takes: int) -> None:
    with TemporaryDirectory() as folder:
        spool = Spool(Path(folder))
        put, taken = b"", b""
        for turn, size in enumerate(sizes):
            data = bytes([turn]) * size
            spool.put(data)
            put += data
            if turn == takes:
                taken += spool.take()
            assert spool.size == len(put) - len(taken)
        while spool.size:
            chunk = spool.take()
            assert chunk, "something is left"
            taken += chunk
        assert spool.take() == b""
        assert taken == put
        spool.discard()
        assert list(Path(folder).iterdir()) == []


def test_what_is_discarded_is_gone(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.put(bytes(MEMORY_BYTES + 1))
    spool.discard()
    assert (spool.size, spool.take()) == (0, b"")
    spool.put(b"more")
    assert spool.take() == b"more"


def test_a_folder_that_cannot_take_it_is_our_failure_and_not_the_servers(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "nowhere")
    spool.put(bytes(MEMORY_BYTES))
    with pytest.raises(ProxyError, match="No such file or directory") as caught:
        spool.put(b"x")
    assert caught.value.exit_code == 3
