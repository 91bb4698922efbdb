"""Where a server wants TLS the proxy says so at once: it has to read what passes.

A real server is asked in `test_proxy_guarded`.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from orchestrator.errors import ServerUnreachableError, TlsDemandedError
from orchestrator.proxy.proxy import Proxy
from orchestrator.proxy.upstream import locate, redirected
from tests.conftest import Database
from tests.process.guarded_server import self_signed
from tests.process.proxied import by_tcp

SSL_REQUEST = 80877103
FATAL = b"SFATAL\0VFATAL\0C28000\0Mno pg_hba.conf entry for host, no encryption\0\0"
WELCOME = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I"


class FakeServer:
    """Answers as PostgreSQL does at its door: refuses sessions without TLS, or all of them."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            with accepted:
                self._answer(accepted)

    def _answer(self, client: socket.socket) -> None:
        size, code = struct.unpack("!II", client.recv(8))
        if code != SSL_REQUEST:
            client.recv(size - 8)
            client.sendall(b"E" + struct.pack("!I", len(FATAL) + 4) + FATAL)
        elif self._context is None:
            client.sendall(b"N")
        else:
            client.sendall(b"S")
            with self._context.wrap_socket(client, server_side=True) as encrypted:
                encrypted.recv(1000)
                encrypted.sendall(WELCOME)
                encrypted.recv(1000)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    certificate, key = self_signed(tmp_path_factory.mktemp("tls"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@pytest.fixture
def tls_only(certificate: ssl.SSLContext) -> Iterator[FakeServer]:
    server = FakeServer(certificate)
    yield server
    server.close()


def dsn_of(server: FakeServer) -> str:
    return f"host=127.0.0.1 port={server.port} user=u dbname=d password=secret"


def test_a_server_that_takes_tls_only_is_a_users_error_in_one_sentence(
    tls_only: FakeServer, tmp_path: Path
) -> None:
    with pytest.raises(TlsDemandedError, match="takes connections with TLS only") as caught:
        Proxy(dsn_of(tls_only), tmp_path / "p")
    assert caught.value.exit_code == 2
    assert "secret" not in str(caught.value)
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_a_dsn_that_asks_for_tls_is_too(tmp_path: Path, mode: str) -> None:
    with pytest.raises(TlsDemandedError, match=f"sslmode={mode}"):
        Proxy(f"host=127.0.0.1 port=1 sslmode={mode}", tmp_path / "p")


def test_a_server_that_takes_nobody_is_unreachable(tmp_path: Path) -> None:
    server = FakeServer(None)
    try:
        with pytest.raises(ServerUnreachableError, match="no encryption"):
            Proxy(dsn_of(server), tmp_path / "p")
    finally:
        server.close()


@pytest.mark.database
def test_a_server_by_tcp_is_found_with_the_password_that_libpq_finds_for_it(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker speaks to another address, for which ~/.pgpass has no line."""
    with Proxy(database.worker_dsn, tmp_path / "p") as plain:
        loopback = plain.dsn(by_tcp(database.worker_dsn))
        port = conninfo_to_dict(loopback)["port"]
        passfile = tmp_path / "pgpass"
        passfile.write_text(f"127.0.0.1:{port}:*:*:its-password\n")
        passfile.chmod(0o600)
        monkeypatch.setenv("PGPASSFILE", str(passfile))
        upstream = locate(loopback)
    assert (upstream.host, str(upstream.port)) == ("127.0.0.1", str(port))
    assert upstream.password == "its-password"  # noqa: S105 - this test's own
    parameters = conninfo_to_dict(redirected(loopback, "/folder", 5432, upstream.password))
    assert (parameters["host"], parameters["password"]) == ("/folder", "its-password")


def test_the_workers_own_password_wins() -> None:
    dsn = redirected("host=a hostaddr=1.2.3.4 password=own", "/folder", 5432, "found")
    assert conninfo_to_dict(dsn) == {"host": "/folder", "port": "5432", "password": "own"}
