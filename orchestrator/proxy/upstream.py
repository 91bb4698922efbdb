"""The way to PostgreSQL: where it listens, whether without TLS, a new connection there."""

from __future__ import annotations

import socket
from dataclasses import dataclass

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from orchestrator.errors import ServerUnreachableError, TlsDemandedError
from orchestrator.postgres import external

CONNECT_S = 10
_TLS_ONLY = frozenset({"require", "verify-ca", "verify-full"})
_DEFAULT_PORT = 5432


@dataclass(frozen=True)
class Upstream:
    """A server's address."""

    host: str
    """A folder (of a Unix socket), a name or an address."""
    port: int
    password: str | None
    """What libpq found in ~/.pgpass or the environment under this address, and not in the DSN."""

    def dial(self) -> socket.socket:
        """A new connection, within `CONNECT_S`. Raises OSError."""
        if not self.host.startswith("/"):
            return socket.create_connection((self.host, self.port), CONNECT_S)
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connected.settimeout(CONNECT_S)
            connected.connect(f"{self.host}/.s.PGSQL.{self.port}")
        except BaseException:
            connected.close()
            raise
        return connected


def locate(dsn: str) -> Upstream:
    """Where the server of a conninfo listens.

    One that is not reached by a Unix socket is asked whether it takes connections without TLS.
    Raises `TlsDemandedError` where it does not, `ServerUnreachableError`, `MalformedDsnError`.
    """
    target = external.parse(dsn)
    host, port = str(target.parameters.get("host", "")), target.parameters.get("port")
    if host.startswith("/") and "," not in host and "service" not in target.parameters:
        return Upstream(host, int(port or _DEFAULT_PORT), None)
    if target.parameters.get("sslmode") in _TLS_ONLY:
        raise TlsDemandedError(
            f"the connection string asks for TLS (sslmode={target.parameters['sslmode']}), and the "
            "proxy has to read what passes: give one with sslmode=disable"
        )
    return _asked(target)


def _asked(target: external.Target) -> Upstream:
    try:
        return _address(target, sslmode="disable")
    except psycopg.OperationalError as plain:
        try:
            _address(target, sslmode="require")
        except psycopg.OperationalError:
            raise ServerUnreachableError(
                f"no PostgreSQL can be used at {target}: {target.redacted(str(plain))}"
            ) from None
        raise TlsDemandedError(
            f"the server at {target} takes connections with TLS only, and the proxy has to read "
            "what passes: allow this host without TLS in pg_hba.conf, or give another server"
        ) from None


def _address(target: external.Target, sslmode: str) -> Upstream:
    wanted = {"connect_timeout": CONNECT_S} | target.parameters
    wanted |= {"sslmode": sslmode, "gssencmode": "disable"}
    with psycopg.connect(make_conninfo("", **wanted)) as connection:
        info = connection.info
        given = "password" in target.parameters
        host = info.host if info.host.startswith("/") else info.hostaddr or info.host
        return Upstream(host, info.port, None if given else info.password or None)


def is_by_tcp(dsn: str) -> bool:
    """Whether a conninfo names a host or an address, and not the folder of a Unix socket."""
    parameters = conninfo_to_dict(dsn)
    host = str(parameters.get("hostaddr") or parameters.get("host") or "/")
    return not host.startswith(("/", "@"))


def redirected(dsn: str, host: str, port: int, password: str | None) -> str:
    """The same conninfo, save that it leads to another place."""
    parameters = conninfo_to_dict(dsn)
    parameters.pop("hostaddr", None)  # it would win over the host
    parameters |= {"host": host, "port": port}
    if password is not None:
        parameters.setdefault("password", password)
    return make_conninfo("", **parameters)
