"""A PostgreSQL of a test's own that listens on TCP and asks for a password; with TLS where it can.

The certificate is made anew each time: self-signed, for localhost, good for thirty days.
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from orchestrator.postgres.binaries import locate
from orchestrator.postgres.cluster import Cluster, Limits, server_account
from orchestrator.processes.janitor import Janitor
from tests.process.proxied import wait_until
from tests.toolchain import need_program

SCRAM, TLS_ONLY = "scrammed", "guarded"
"""Roles: of a password, by TCP and by the Unix socket; and of TLS besides, by TCP alone."""
_HBA = f"""\
local all {SCRAM} scram-sha-256
local all all trust
host all {SCRAM} 127.0.0.0/8 scram-sha-256
"""
_HBA_TLS = f"hostssl all {TLS_ONLY} 127.0.0.0/8 scram-sha-256\n"


@dataclass(frozen=True)
class Guarded:
    """Where it listens, and the password of both roles."""

    folder: Path
    host: str
    port: int
    password: str
    has_tls: bool
    """Whether it was built with it; then it is on, and demanded of `TLS_ONLY`."""

    def dsn(self, role: str, *, socket: bool = False, sslmode: str | None = None) -> str:
        """By TCP, or by the Unix socket."""
        return make_conninfo(
            host=str(self.folder) if socket else self.host,
            port=self.port,
            dbname="postgres",
            user=role,
            password=self.password,
            sslmode=sslmode,
        )


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost, and its key."""
    openssl = need_program("openssl", "apt-get install openssl")
    key, certificate = folder / "server.key", folder / "server.crt"
    argv = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    subprocess.run([*argv, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key


@contextmanager
def guarded_server(janitor: Janitor, folder: Path) -> Iterator[Guarded]:
    """The system's PostgreSQL where there is one, as the wheel's was built without TLS."""
    cluster = Cluster(locate(wheel=lambda: None), janitor, Limits())
    try:
        password = secrets.token_hex(8)
        with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
            row = connection.execute("SHOW ssl_library").fetchone()
            for role in (SCRAM, TLS_ONLY):
                create = SQL("CREATE ROLE {} SUPERUSER LOGIN PASSWORD {}")
                connection.execute(create.format(Identifier(role), password))
        has_tls = row is not None and bool(row[0])
        host, port = _free_address()
        _configure(cluster, folder, host, port, has_tls=has_tls)
        guarded = Guarded(cluster.directory, host, port, password, has_tls)
        cluster.shut_down()
        wait_until(lambda: cluster.is_down, "the end of the server")
        cluster.start_again()
        wait_until(lambda: _answers(guarded), "an answer of the server")
        yield guarded
    finally:
        cluster.stop()


def _free_address() -> tuple[str, int]:
    """On a loopback address that nobody else takes a port of."""
    host = "127.{}.{}.{}".format(*(1 + secrets.randbelow(250) for _ in range(3)))
    with socket.create_server((host, 0)) as taken:
        return host, taken.getsockname()[1]


def _configure(cluster: Cluster, folder: Path, host: str, port: int, *, has_tls: bool) -> None:
    data = cluster.directory / "data"
    settings = [f"listen_addresses = '{host}'", f"port = {port}"]
    if has_tls:
        settings.append("ssl = on")
        for made in self_signed(folder):
            _write(data / made.name, made.read_bytes())
    with (data / "postgresql.conf").open("a") as file:
        file.write("\n".join([*settings, ""]))
    _write(data / "pg_hba.conf", (_HBA + _HBA_TLS * has_tls).encode())


def _write(path: Path, content: bytes) -> None:
    """For the server's account alone."""
    path.touch()
    path.chmod(0o600)
    path.write_bytes(content)
    if (account := server_account()) is not None:
        os.chown(path, account.uid, account.gid)


def _answers(guarded: Guarded) -> bool:
    with suppress(psycopg.OperationalError):
        psycopg.connect(guarded.dsn(SCRAM)).close()
        return True
    return False
