"""What a statement is called: the same in every run, whatever its literals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.proxy.statements import SQL_BYTES, named


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("SELECT 1", "SELECT ?"),
        ("select  *\n from\tt -- why\n where a = 'it''s' ;", "select * from t where a = ?"),
        ("SELECT E'a\\'b', B'01', x'ff', U&'d!0061' FROM t", "SELECT ?, ?, ?, ? FROM t"),
        ("SELECT $1, $12::int", "SELECT $1, $12::int"),
        ("SELECT $$a;'b$$, $tag$ $$ $tag$, 2", "SELECT ?, ?, ?"),
        ('SELECT "a 1", "b""2", t1.c2 FROM t1', 'SELECT "a 1", "b""2", t1.c2 FROM t1'),
        ("SELECT 1.5e-3, .5, 0x1F, 1_000, 7.", "SELECT ?, ?, ?, ?, ?"),
        ("/* a /* nested 'x' */ b */ SELECT/**/1", "SELECT ?"),
        ("SELECT a$1$b, typE'x'", "SELECT a$1$b, typE?"),
        ("NOTIFY größe_2, 'now'", "NOTIFY größe_2, ?"),
        ("SELECT 'never closed; 1", "SELECT ?"),
        ("BEGIN; INSERT INTO t VALUES (1); COMMIT", "BEGIN; INSERT INTO t VALUES (?); COMMIT"),
        ("", ""),
        (" ; -- nothing\n", ""),
    ],
)
def test_literals_comments_and_blanks_are_no_part_of_the_name(sql: str, name: str) -> None:
    assert named(sql) == name


@given(st.text(max_size=60), st.integers(0, 10**30))
def test_no_literal_changes_the_name(text: str, number: int) -> None:
    quoted = text.replace("'", "''")
    sql = f"UPDATE t SET a = '{quoted}', b = {number} WHERE c = $1"
    assert named(sql) == "UPDATE t SET a = ?, b = ? WHERE c = $1"


@given(st.text("'\"$/*-\\ eE;a1\n", max_size=80))
def test_a_name_is_its_own_name(sql: str) -> None:
    assert named(named(sql)) == named(sql)


@pytest.mark.timeout(10)
@pytest.mark.parametrize("begun", ["/*", "/*/", "$$a", "'", '"', "-", "E'\\", "1.", "$a$"])
def test_no_text_takes_long_to_name(begun: str) -> None:
    assert len(named(begun * (SQL_BYTES // len(begun)))) <= SQL_BYTES
