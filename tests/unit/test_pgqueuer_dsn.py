"""What libpq is told, asyncpg is told too: nothing of a DSN is left out in silence."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from worker_child.adapters.pgqueuer.worker import asyncpg_dsn


def words(conninfo: str) -> dict[str, str]:
    """The words of the URI that asyncpg is given; it takes them from the query."""
    uri = urlsplit(asyncpg_dsn(conninfo))
    assert (uri.scheme, uri.netloc, uri.path) == ("postgresql", "", "")
    return {name: values[0] for name, values in parse_qs(uri.query, strict_parsing=True).items()}


def test_a_socket_folder_a_database_and_a_user_arrive() -> None:
    conninfo = "host=/run/cb port=5433 dbname=crashbench user=crashbench_worker"
    assert words(conninfo) == {
        "host": "/run/cb",
        "port": "5433",
        "dbname": "crashbench",
        "user": "crashbench_worker",
    }


def test_every_awkward_sign_arrives() -> None:
    assert words(r"host=db.example user='p@ss:w/%& \'rd?#='")["user"] == "p@ss:w/%& 'rd?#="


def test_the_wish_for_a_verified_server_is_not_lost() -> None:
    asked = words("host=db.example sslmode=verify-full sslrootcert=/etc/ca.pem")
    assert (asked["sslmode"], asked["sslrootcert"]) == ("verify-full", "/etc/ca.pem")


def test_what_asyncpg_cannot_understand_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="hostaddr, service"):
        asyncpg_dsn("service=mine hostaddr=10.0.0.1")


def test_what_bears_on_waiting_and_naming_only_is_left_out() -> None:
    assert words("host=h connect_timeout=3 application_name=a") == {"host": "h"}
