"""The framing: any cutting gives the same messages, and the bytes that went in come out."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.errors import WireError
from orchestrator.proxy.wire import (
    BACKEND_KINDS,
    FRONTEND_KINDS,
    MAX_MESSAGE_BYTES,
    MAX_STARTUP_BYTES,
    PREFIX_BYTES,
    Framer,
    Piece,
)


def message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + struct.pack("!I", len(body) + 4) + body


BODIES = st.one_of(
    st.binary(max_size=40),
    st.integers(0, 3 * PREFIX_BYTES).map(lambda size: b"x" * size),
    st.sampled_from([PREFIX_BYTES - 6, PREFIX_BYTES - 5, PREFIX_BYTES - 4]).map(bytes),
)
MESSAGES = st.lists(st.tuples(st.sampled_from(sorted(BACKEND_KINDS)), BODIES), max_size=12)
AT_ANY_PACE = settings(deadline=None)  # it is about bytes; a busy machine is slow
SIZES = st.lists(st.integers(1, 40_000), min_size=1, max_size=20)


def pieces(stream: bytes, sizes: list[int], *, joins_rows: bool = False) -> list[Piece]:
    """What a framer makes of a stream that comes in chunks of `sizes`, again and again.

    Of a long stream the smallest chunks are larger, so that it comes in some thousand at most.
    """
    framer = Framer(BACKEND_KINDS, joins_rows=joins_rows)
    sizes = [max(size, len(stream) // 1000) for size in sizes]
    found: list[Piece] = []
    at = turn = 0
    while at < len(stream):
        size = sizes[turn % len(sizes)]
        framer.feed(stream[at : at + size])
        at, turn = at + size, turn + 1
        while piece := framer.next():
            found.append(piece)
    assert framer.rest() == b""
    return found


def whole(parts: list[Piece]) -> list[tuple[int, bytes]]:
    """The messages that pieces make up."""
    messages: list[tuple[int, bytes]] = []
    is_open = False
    for piece in parts:
        assert piece.first != is_open, "a message begins where the one before has ended"
        if piece.first:
            messages.append((piece.kind, piece.data))
        else:
            kind, data = messages[-1]
            assert piece.kind == kind
            messages[-1] = (kind, data + piece.data)
        is_open = not piece.last
    assert not is_open
    return messages


@AT_ANY_PACE
@given(MESSAGES, SIZES)
def test_any_cutting_gives_the_same_messages(
    messages: list[tuple[int, bytes]], sizes: list[int]
) -> None:
    stream = b"".join(message(kind, body) for kind, body in messages)
    expected = [(kind, message(kind, body)) for kind, body in messages]
    assert whole(pieces(stream, sizes)) == expected


@AT_ANY_PACE
@given(MESSAGES, SIZES)
def test_joined_rows_are_the_same_bytes_in_the_same_order(
    messages: list[tuple[int, bytes]], sizes: list[int]
) -> None:
    stream = b"".join(message(kind, body) for kind, body in messages)
    joined = pieces(stream, sizes, joins_rows=True)
    assert b"".join(piece.data for piece in joined) == stream
    separate = [kind for kind, _ in messages if kind not in b"Dd"]
    assert [piece.kind for piece in joined if piece.first and piece.kind not in b"Dd"] == separate


@AT_ANY_PACE
@given(st.binary(max_size=400), SIZES)
def test_bytes_that_are_no_protocol_are_refused_or_kept_whole(
    stream: bytes, sizes: list[int]
) -> None:
    framer = Framer(FRONTEND_KINDS)
    taken = b""
    at = turn = 0
    try:
        while at < len(stream):
            size = sizes[turn % len(sizes)]
            framer.feed(stream[at : at + size])
            at, turn = at + size, turn + 1
            while piece := framer.next():
                taken += piece.data
    except WireError:
        pass
    assert taken + framer.rest() + stream[at:] == stream


@AT_ANY_PACE
@given(st.integers(1, 60_000), SIZES)
def test_the_first_piece_of_a_long_message_is_long_enough_to_tell_what_it_is(
    excess: int, sizes: list[int]
) -> None:
    parts = pieces(message(ord("d"), bytes(PREFIX_BYTES + excess)), sizes)
    assert len(parts[0].data) >= PREFIX_BYTES


def test_a_long_message_is_never_kept_whole() -> None:
    framer = Framer(BACKEND_KINDS)
    framer.feed(b"D" + struct.pack("!I", MAX_MESSAGE_BYTES))
    chunk = bytes(1 << 16)
    for turn in range(50):
        framer.feed(chunk)
        piece = framer.next()
        assert piece is not None
        assert (piece.first, piece.last) == (turn == 0, False)
        assert framer.rest() == b""


def test_a_startup_packet_bears_no_type_byte_and_what_follows_does() -> None:
    startup = struct.pack("!II", 8, 196608)
    framer = Framer(FRONTEND_KINDS, untyped=True)
    framer.feed(startup + message(ord("Q"), b"SELECT 1\0"))
    assert framer.next() == Piece(0, startup, True, True)
    framer.untyped = False
    assert framer.next() == Piece(ord("Q"), message(ord("Q"), b"SELECT 1\0"), True, True)
    assert framer.next() is None


@pytest.mark.parametrize("untyped", [True, False])
@pytest.mark.parametrize("length", [0, 3, MAX_MESSAGE_BYTES + 1, 0xFFFFFFFF])
def test_a_length_that_cannot_be_is_refused(untyped: bool, length: int) -> None:
    framer = Framer(FRONTEND_KINDS, untyped=untyped)
    framer.feed((b"" if untyped else b"Q") + struct.pack("!I", length))
    with pytest.raises(WireError, match="says that it has"):
        framer.next()


def test_a_startup_packet_that_postgresql_would_not_take_is_refused() -> None:
    framer = Framer(FRONTEND_KINDS, untyped=True)
    framer.feed(struct.pack("!I", MAX_STARTUP_BYTES + 1))
    with pytest.raises(WireError):
        framer.next()


def test_a_byte_that_begins_no_message_is_refused_at_once() -> None:
    framer = Framer(FRONTEND_KINDS)
    framer.feed(b"\x16")
    with pytest.raises(WireError, match="0x16"):
        framer.next()
