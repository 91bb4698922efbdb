"""What an adapter's statement about rows may name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast
from uuid import UUID

import psycopg

from worker_child.adapters.contract import InboxRow, Preset
from worker_child.adapters.sql_inbox import SqlInbox, row_parameters
from worker_child.protocol import Rescue

RESCUE = Rescue("a lease that runs out", lease_s=3.0, interval_s=1.0, poll_s=0.5)


def preset(rescue: Rescue | None) -> Preset:
    return Preset("tuned", {"stuck_after_s": 7.0}, rescue, periods_s={})


class Answering:
    """Stands for a connection; every statement has the same two rows."""

    def execute(self, statement: str, parameters: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
        self.asked = statement, parameters
        return iter([("j000001", "1", "claimed", "w", 2, 0.5), (None, "2", "done")])


class Inbox(SqlInbox):
    counts_sql = "counts"
    rows_sql = "rows"


def rows(connection: Answering, inbox_ids: Sequence[str] | None) -> list[InboxRow]:
    given = cast("psycopg.Connection[Any]", connection)
    return list(Inbox().rows(given, preset(RESCUE), inbox_ids))


def test_rows_are_the_columns_in_their_order_and_the_last_ones_may_be_left_out() -> None:
    connection = Answering()
    assert rows(connection, ["1", "2"]) == [
        InboxRow("j000001", "1", "claimed", "w", library_attempt=2, claimable_in_s=0.5),
        InboxRow(None, "2", "done"),
    ]
    statement, parameters = connection.asked
    assert (statement, parameters["ids"]) == ("rows", [1, 2])


def test_ids_that_are_no_numbers_reach_the_statement_as_what_they_are() -> None:
    class Named(Inbox):
        id_type = UUID

    connection, name = Answering(), "0192f3b4-0000-7000-8000-00000000002a"
    list(Named().rows(cast("psycopg.Connection[Any]", connection), preset(RESCUE), [name]))
    assert connection.asked[1]["ids"] == [UUID(name)]


def test_without_ids_every_row_is_asked_for() -> None:
    connection = Answering()
    rows(connection, None)
    assert connection.asked[1]["ids"] is None


def test_a_statement_may_name_the_lease_and_any_setting_of_the_preset() -> None:
    assert row_parameters(preset(RESCUE), None) == {
        "ids": None,
        "lease_s": 3.0,
        "stuck_after_s": 7.0,
    }
    assert row_parameters(preset(None), None)["lease_s"] is None
