"""Planted messages: what is one round trip, what it executes, when its whole answer has come."""

from __future__ import annotations

import struct

import pytest

from orchestrator.proxy.conversation import Conversation
from orchestrator.proxy.points import RoundTrip
from orchestrator.proxy.request import LONG_BYTES, Request
from orchestrator.proxy.wire import Piece


def piece(kind: str, body: bytes = b"") -> Piece:
    data = kind.encode() + struct.pack("!I", len(body) + 4) + body
    return Piece(ord(kind), data, True, True)


def query(sql: str) -> Piece:
    return piece("Q", sql.encode() + b"\0")


def parse(sql: str, name: str = "") -> Piece:
    return piece("P", f"{name}\0{sql}\0".encode() + b"\0\0")


def bind(statement: str = "", portal: str = "") -> Piece:
    return piece("B", f"{portal}\0{statement}\0".encode() + bytes(6))


def execute(portal: str = "") -> Piece:
    return piece("E", f"{portal}\0".encode() + bytes(4))


def done(tag: str) -> Piece:
    return piece("C", tag.encode() + b"\0")


SYNC, FLUSH, TERMINATE = piece("S"), piece("H"), piece("X")
DESCRIBE, DESCRIBE_STATEMENT = piece("D", b"P\0"), piece("D", b"S\0")
READY, IN_TRANSACTION = piece("Z", b"I"), piece("Z", b"T")
PARSED, BOUND, CLOSED = piece("1"), piece("2"), piece("3")
ROW_TYPES, NO_DATA, ROW = piece("T", b"\0\0"), piece("n"), piece("D", b"\0\0")
ERROR, NOTICE, NOTIFICATION = piece("E", b"C57014\0\0"), piece("N", b"\0"), piece("A", bytes(6))
COPY_IN, COPY_OUT, COPY_BOTH = (piece(kind, bytes(3)) for kind in "GHW")
DATA, DATA_DONE, DATA_FAILED = piece("d", b"1\n"), piece("c"), piece("f", b"no\0")


class Spoken:
    """A conversation in which each request is let through as soon as it is complete."""

    def __init__(self) -> None:
        self.talk = Conversation()
        self.trips: list[RoundTrip] = []

    def ask(self, *pieces: Piece) -> Request | None:
        request = None
        for one in pieces:
            request = self.talk.ask(one)
            if request is not None and request.closed:
                request.passing = True
        return request

    def begin(self, *pieces: Piece) -> None:
        """Ask; let the round trip through although it is not complete."""
        request = self.ask(*pieces)
        assert request is not None
        request.passing = True

    def answer(self, *pieces: Piece) -> list[str]:
        """The names of what is answered by the last of `pieces`, and by none before."""
        for one in pieces:
            assert self._answered() == [], f"before {one}"
            self.talk.answer(one)
        return self._answered()

    def _answered(self) -> list[str]:
        names = []
        pending = self.talk.pending
        while pending and pending[0].answered:
            trip = pending.popleft().round_trip(0)
            self.trips.append(trip)
            names.append(trip.statement)
        return names

    @property
    def is_idle(self) -> bool:
        return not self.talk.pending and self.talk.unexplained == 0


@pytest.fixture
def spoken() -> Spoken:
    return Spoken()


def test_a_query_is_answered_by_ready_for_query(spoken: Spoken) -> None:
    spoken.ask(query("SELECT 1; UPDATE t SET a = 2"))
    answers = (ROW_TYPES, ROW, done("SELECT 1"), done("UPDATE 3"), READY)
    assert spoken.answer(*answers) == ["SELECT ?; UPDATE t SET a = ?"]
    assert (spoken.trips[0].rows, spoken.trips[0].executes) == (4, True)
    assert spoken.is_idle


def test_an_empty_query_executes_nothing(spoken: Spoken) -> None:
    spoken.ask(query("-- nothing"))
    spoken.answer(piece("I"), READY)
    assert not spoken.trips[0].executes
    assert spoken.is_idle


def test_all_messages_up_to_the_sync_are_one_round_trip(spoken: Spoken) -> None:
    spoken.ask(parse("DELETE FROM t WHERE a = 1"), bind(), DESCRIBE, execute(), SYNC)
    name = ["DELETE FROM t WHERE a = ?"]
    assert spoken.answer(PARSED, BOUND, NO_DATA, done("DELETE 0"), READY) == name
    assert spoken.trips[0].rows == 0
    assert spoken.trips[0].sql == "DELETE FROM t WHERE a = 1"
    assert spoken.is_idle


def test_a_statement_prepared_before_is_known_by_its_name(spoken: Spoken) -> None:
    spoken.ask(parse("SELECT a FROM t", "s1"), DESCRIBE_STATEMENT, FLUSH)
    assert spoken.answer(PARSED, piece("t", b"\0\0"), ROW_TYPES) == ["SELECT a FROM t"]
    assert not spoken.trips[0].executes
    spoken.ask(bind("s1", "p1"), execute("p1"), FLUSH)
    assert spoken.answer(BOUND, ROW, piece("s")) == ["SELECT a FROM t"]
    spoken.ask(execute("p1"), SYNC)
    assert spoken.answer(ROW, done("SELECT 1"), READY) == ["SELECT a FROM t"]
    assert [trip.executes for trip in spoken.trips] == [False, True, True]
    spoken.ask(piece("C", b"Ss1\0"), SYNC)
    assert spoken.answer(CLOSED, READY) == ["(Close, Sync)"]
    spoken.ask(bind("s1"), execute(), SYNC)
    assert spoken.answer(ERROR, READY) == ["(unknown statement)"]
    assert spoken.is_idle


def test_a_flush_is_answered_without_ready_for_query(spoken: Spoken) -> None:
    spoken.ask(parse("SELECT 1"), bind(), execute(), FLUSH)
    assert spoken.answer(PARSED, BOUND, ROW, done("SELECT 1")) == ["SELECT ?"]
    spoken.ask(SYNC)
    assert spoken.answer(READY) == ["(Sync)"]
    assert spoken.is_idle


def test_pipelined_requests_are_answered_one_after_the_other(spoken: Spoken) -> None:
    for table in "abc":
        spoken.ask(parse(f"DELETE FROM {table}"), bind(), execute(), SYNC)
    answers = (PARSED, BOUND, done("DELETE 1"), READY)
    found = [spoken.answer(*answers) for _ in "abc"]
    assert found == [["DELETE FROM a"], ["DELETE FROM b"], ["DELETE FROM c"]]
    assert spoken.is_idle


def test_several_statements_before_one_sync_name_the_round_trip_together(spoken: Spoken) -> None:
    spoken.ask(parse("INSERT INTO t VALUES ($1)", "s"), DESCRIBE_STATEMENT, SYNC)
    assert spoken.answer(PARSED, piece("t", b"\0\0"), NO_DATA, READY)
    spoken.ask(bind("s"), execute(), bind("s"), execute(), parse("COMMIT"), bind(), execute(), SYNC)
    inserted = (BOUND, done("INSERT 0 1"))
    answers = (*inserted, *inserted, PARSED, BOUND, done("COMMIT"), READY)
    assert spoken.answer(*answers) == ["INSERT INTO t VALUES ($1); COMMIT"]
    assert spoken.trips[-1].rows == 2


def test_after_an_error_everything_up_to_the_sync_is_skipped(spoken: Spoken) -> None:
    spoken.ask(parse("SELECT 1/0"), bind(), execute(), FLUSH)
    spoken.ask(parse("SELECT 2"), bind(), execute(), FLUSH)
    assert spoken.answer(PARSED, BOUND, ERROR) == ["SELECT ?/?", "SELECT ?"]
    spoken.ask(parse("SELECT 3"), bind(), execute(), FLUSH)
    assert spoken.answer() == ["SELECT ?"]
    spoken.ask(SYNC)
    assert spoken.answer(READY) == ["(Sync)"]
    spoken.ask(query("SELECT 4"))
    assert spoken.answer(ERROR, READY) == ["SELECT ?"]
    assert spoken.is_idle


def test_a_commit_that_fails_at_the_sync_ends_with_its_ready(spoken: Spoken) -> None:
    spoken.ask(parse("INSERT INTO t VALUES (1)"), bind(), execute(), SYNC)
    spoken.ask(query("SELECT 1"))
    assert spoken.answer(PARSED, BOUND, done("INSERT 0 1"), ERROR, READY)
    assert spoken.answer(done("SELECT 1"), READY) == ["SELECT ?"]
    assert spoken.is_idle


def test_messages_that_come_at_any_time_answer_nothing(spoken: Spoken) -> None:
    assert spoken.answer(NOTIFICATION, NOTICE, piece("S", b"a\0b\0")) == []
    spoken.ask(query("LISTEN a"))
    assert spoken.answer(NOTICE, done("LISTEN"), NOTIFICATION, READY) == ["LISTEN a"]
    assert spoken.is_idle


def test_a_copy_by_query_is_two_round_trips_its_data_the_second(spoken: Spoken) -> None:
    spoken.ask(query("COPY t FROM STDIN"))
    assert spoken.answer(COPY_IN) == ["COPY t FROM STDIN"]
    spoken.begin(DATA)
    spoken.ask(DATA, DATA_DONE)
    assert spoken.answer(done("COPY 2"), READY) == ["COPY t FROM STDIN (its data)"]
    assert [trip.rows for trip in spoken.trips] == [None, 2]
    assert spoken.is_idle


def test_data_that_come_before_the_consent_wait_for_it(spoken: Spoken) -> None:
    spoken.ask(query("COPY t FROM STDIN"))
    assert spoken.talk.waits(DATA)
    assert spoken.answer(COPY_IN)
    assert not spoken.talk.waits(DATA)
    spoken.begin(DATA)
    assert not spoken.talk.waits(DATA)


def test_data_that_come_after_a_refusal_are_the_servers_to_drop(spoken: Spoken) -> None:
    spoken.ask(query("COPY nowhere FROM STDIN"))
    assert spoken.answer(ERROR, READY)
    assert not spoken.talk.waits(DATA)
    assert spoken.ask(DATA, DATA_DONE) is None
    assert spoken.is_idle


def test_a_sync_that_is_sent_with_a_copy_is_not_answered(spoken: Spoken) -> None:
    spoken.ask(parse("COPY t FROM STDIN"), bind(), DESCRIBE, execute(), SYNC)
    assert spoken.answer(PARSED, BOUND, NO_DATA, COPY_IN) == ["COPY t FROM STDIN"]
    spoken.begin(DATA)
    spoken.ask(DATA_DONE, SYNC)
    assert spoken.answer(done("COPY 1"), READY) == ["COPY t FROM STDIN (its data)"]
    assert spoken.is_idle


@pytest.mark.parametrize("is_simple", [True, False])
@pytest.mark.parametrize("end", [DATA_DONE, DATA_FAILED])
def test_a_copy_whose_data_are_refused(spoken: Spoken, is_simple: bool, end: Piece) -> None:
    asked = [query("COPY t FROM STDIN")]
    if not is_simple:
        asked = [parse("COPY t FROM STDIN"), bind(), execute(), SYNC]
    spoken.ask(*asked)
    assert spoken.answer(*([] if is_simple else [PARSED, BOUND]), COPY_IN)
    spoken.begin(DATA)
    assert spoken.answer(ERROR) == []
    if is_simple:
        assert spoken.answer(READY) == ["COPY t FROM STDIN (its data)"]
        spoken.ask(DATA, end)
    else:
        spoken.ask(DATA, end, SYNC)
        assert spoken.answer(READY) == ["COPY t FROM STDIN (its data)"]
    spoken.ask(query("SELECT 1"))
    assert spoken.answer(done("SELECT 1"), READY) == ["SELECT ?"]
    assert spoken.is_idle


def test_what_a_copy_to_the_worker_brings_is_one_answer(spoken: Spoken) -> None:
    spoken.ask(query("COPY t TO STDOUT"))
    assert spoken.answer(COPY_OUT, DATA, DATA, DATA_DONE, done("COPY 2"), READY)
    assert spoken.trips[0].rows == 2
    assert spoken.is_idle


def test_replication_is_no_round_trip_until_it_ends(spoken: Spoken) -> None:
    spoken.ask(query("START_REPLICATION SLOT s LOGICAL 0/0"))
    assert len(spoken.answer(COPY_BOTH)) == 1
    assert spoken.talk.ask(DATA) is None
    assert spoken.answer(DATA, DATA) == []
    assert spoken.talk.ask(DATA_DONE) is None
    assert spoken.answer(DATA_DONE, done("COPY 0"), READY) == []
    spoken.ask(query("SELECT 1"))
    assert spoken.answer(done("SELECT 1"), READY) == ["SELECT ?"]
    assert spoken.is_idle


def test_a_function_call_is_a_round_trip(spoken: Spoken) -> None:
    spoken.ask(piece("F", bytes(10)))
    assert spoken.answer(piece("V", bytes(4)), READY) == ["(function call)"]
    assert spoken.is_idle


def test_taking_leave_is_none_but_what_was_begun_before_is(spoken: Spoken) -> None:
    assert spoken.talk.ask(TERMINATE) is None
    request = spoken.ask(parse("DELETE FROM t"), bind(), execute(), TERMINATE)
    assert request is not None
    assert request.closed
    assert request.round_trip(0).executes


def test_a_long_bind_is_known_before_its_execute_has_come(spoken: Spoken) -> None:
    spoken.ask(parse("INSERT INTO t VALUES ($1)"))
    request = spoken.talk.ask(bind())
    assert request is not None
    assert not request.is_known(LONG_BYTES)
    assert request.is_known(LONG_BYTES + 1)
    assert not request.closed
    assert request.round_trip(0).statement == "INSERT INTO t VALUES ($1)"
    assert request.round_trip(0).executes


@pytest.mark.parametrize("stray", [READY, done("SELECT 1"), PARSED, ROW])
def test_an_answer_to_nothing_is_counted_as_unexplained(spoken: Spoken, stray: Piece) -> None:
    spoken.answer(stray)
    assert spoken.talk.unexplained == len(stray.data)


def test_an_answer_that_does_not_fit_its_request_is_counted_as_unexplained(spoken: Spoken) -> None:
    spoken.ask(parse("SELECT 1"), bind(), SYNC)
    assert spoken.answer(PARSED, READY) == ["SELECT ?"]
    assert spoken.talk.unexplained == len(READY.data)
    assert not spoken.trips[0].executes


def test_sessions_that_the_server_ends_are_explained(spoken: Spoken) -> None:
    spoken.answer(ERROR)
    assert spoken.talk.unexplained == 0


def test_rows_of_what_a_flush_asked_for_are_the_transactions_too(spoken: Spoken) -> None:
    spoken.ask(query("BEGIN"))
    spoken.answer(done("BEGIN"), IN_TRANSACTION)
    spoken.ask(parse("DELETE FROM q"), bind(), execute(), FLUSH)
    spoken.answer(PARSED, BOUND, done("DELETE 3"))
    spoken.ask(SYNC)
    spoken.answer(IN_TRANSACTION)
    commit = spoken.ask(query("COMMIT"))
    assert commit is not None and commit.round_trip(0).rows == 3


def test_rows_that_come_while_the_commit_is_on_its_way_are_its_rows(spoken: Spoken) -> None:
    spoken.ask(query("BEGIN"))
    spoken.answer(done("BEGIN"), IN_TRANSACTION)
    spoken.ask(query("DELETE FROM q"))
    commit = spoken.ask(query("COMMIT"))
    spoken.talk.answer(done("DELETE 3"))
    assert commit is not None and commit.round_trip(0).rows == 3


@pytest.mark.parametrize(
    "text",
    ["/* river:tx */ COMMIT", "-- the end\nCOMMIT", " commit;", "/* a */ END /* b */", "ROLLBACK"],
)
def test_the_end_of_a_transaction_is_known_behind_comments(text: str, spoken: Spoken) -> None:
    spoken.ask(query("BEGIN"))
    spoken.answer(done("BEGIN"), IN_TRANSACTION)
    spoken.ask(query("DELETE FROM q"))
    spoken.answer(done("DELETE 3"), IN_TRANSACTION)
    end = spoken.ask(query(text))
    assert end is not None and end.round_trip(0).rows == 3


@pytest.mark.parametrize("text", ["ROLLBACK TO SAVEPOINT s", "/* COMMIT */ SELECT 1"])
def test_what_ends_no_transaction_bears_no_rows_before_it(text: str, spoken: Spoken) -> None:
    spoken.ask(query("BEGIN"))
    spoken.answer(done("BEGIN"), IN_TRANSACTION)
    spoken.ask(query("DELETE FROM q"))
    spoken.answer(done("DELETE 3"), IN_TRANSACTION)
    request = spoken.ask(query(text))
    assert request is not None and request.round_trip(0).rows is None
