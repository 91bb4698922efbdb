"""Before a server that asks for a password or for TLS: what passes, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from orchestrator.errors import TlsDemandedError
from orchestrator.processes.janitor import Janitor
from orchestrator.proxy.proxy import Proxy
from tests.acceptance.command_line import desk as desk_at
from tests.process.guarded_server import SCRAM, TLS_ONLY, Guarded, guarded_server
from tests.process.proxied import LIMIT_S, Diary
from tests.toolchain import skip_or_fail

pytestmark = pytest.mark.database

HOW = "SELECT current_user, coalesce(ssl, false) FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
IN_CLEAR = [(SCRAM, False)]


@pytest.fixture(scope="module")
def guarded(janitor: Janitor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with guarded_server(janitor, tmp_path_factory.mktemp("certificate")) as server:
        yield server


@pytest.fixture
def with_tls(guarded: Guarded) -> Guarded:
    if not guarded.has_tls:
        skip_or_fail("this PostgreSQL was built without TLS: apt-get install postgresql")
    return guarded


@pytest.mark.parametrize("socket", [True, False], ids=["unix", "tcp"])
def test_a_password_by_scram_passes_psycopg_and_asyncpg(
    guarded: Guarded, tmp_path: Path, socket: bool
) -> None:
    diary = Diary()
    dsn = guarded.dsn(SCRAM, socket=socket)
    with Proxy(dsn, tmp_path / "p", on_round_trip=diary) as proxy:
        led = proxy.dsn(dsn)
        with psycopg.connect(led) as worker:
            assert worker.execute(HOW).fetchall() == IN_CLEAR
            assert worker.pgconn.used_password

        async def asked() -> list[tuple[str, bool]]:
            parameters = conninfo_to_dict(led)
            parameters["database"] = parameters.pop("dbname")
            worker = await asyncpg.connect(**parameters, timeout=LIMIT_S)
            try:
                return [tuple(row) for row in await worker.fetch(HOW)]
            finally:
                await worker.close()

        assert asyncio.run(asked()) == IN_CLEAR
        facts = proxy.facts()
        assert len(facts.backend_pids) == 2
        assert (facts.unexplained, facts.broken) == (0, 0)
    assert diary.statements().count(HOW) == 2


def test_a_wrong_password_is_refused_by_the_server_and_not_by_the_proxy(
    guarded: Guarded, tmp_path: Path
) -> None:
    dsn = guarded.dsn(SCRAM)
    with Proxy(dsn, tmp_path / "p") as proxy:
        wrong = make_conninfo(proxy.dsn(dsn), password="wrong")  # noqa: S106 - this test's own
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)
        assert (proxy.facts().backend_pids, proxy.facts().unexplained) == ((), 0)


def test_a_server_that_has_tls_and_does_not_demand_it_is_spoken_to_without(
    with_tls: Guarded, tmp_path: Path
) -> None:
    dsn = with_tls.dsn(SCRAM, sslmode="prefer")
    with psycopg.connect(dsn) as direct:
        assert direct.execute(HOW).fetchall() == [(SCRAM, True)]
    with Proxy(dsn, tmp_path / "p") as proxy, psycopg.connect(proxy.dsn(dsn, tcp=True)) as worker:
        assert not worker.pgconn.ssl_in_use
        assert worker.execute(HOW).fetchall() == IN_CLEAR
        assert proxy.facts().unexplained == 0


def test_a_worker_that_insists_on_tls_is_told_that_there_is_none(
    with_tls: Guarded, tmp_path: Path
) -> None:
    dsn = with_tls.dsn(SCRAM)
    with Proxy(dsn, tmp_path / "p") as proxy:
        insists = make_conninfo(proxy.dsn(dsn, tcp=True), sslmode="require")
        with pytest.raises(psycopg.OperationalError, match="does not support SSL"):
            psycopg.connect(insists)


def test_a_server_that_demands_tls_is_refused_in_one_sentence(
    with_tls: Guarded, tmp_path: Path
) -> None:
    dsn = with_tls.dsn(TLS_ONLY)
    with psycopg.connect(dsn) as direct:
        assert direct.execute(HOW).fetchall() == [(TLS_ONLY, True)]
    with pytest.raises(TlsDemandedError, match="takes connections with TLS only") as caught:
        Proxy(dsn, tmp_path / "p")
    assert with_tls.password not in str(caught.value)
    assert not (tmp_path / "p").exists()


def test_crash_points_on_such_a_server_end_with_that_sentence(
    with_tls: Guarded, tmp_path: Path
) -> None:
    with desk_at(tmp_path) as desk:
        words = ("crash-points", "control_delete_first", "--actions=kill", "--lanes=1")
        ended = desk.run(*words, f"--dsn={with_tls.dsn(TLS_ONLY)}")
    assert ended.code == 2, str(ended)
    assert "takes connections with TLS only" in ended.error
    assert len(ended.error.strip().splitlines()) == 1
    assert with_tls.password not in str(ended)
    with psycopg.connect(with_tls.dsn(TLS_ONLY)) as direct:
        names = direct.execute("SELECT datname FROM pg_database WHERE NOT datistemplate")
        assert names.fetchall() == [("postgres",)]
