"""By which sort of address a worker is led to the proxy."""

from __future__ import annotations

import pytest

from orchestrator.proxy.upstream import is_by_tcp


@pytest.mark.parametrize(
    ("dsn", "by_tcp"),
    [
        ("host=/run/postgresql dbname=d", False),
        ("host=@abstract", False),
        ("dbname=d", False),
        ("host=db.example", True),
        ("host=/run/postgresql hostaddr=127.0.0.1", True),
        ("postgresql://user@localhost:6543/d", True),
    ],
)
def test_only_who_names_a_host_is_led_by_tcp(dsn: str, by_tcp: bool) -> None:
    assert is_by_tcp(dsn) is by_tcp
