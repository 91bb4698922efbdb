"""A server that the user gave by DSN: is it fit, and a database of the run's own on it.

No text that leaves this module holds a password: malformed strings are never quoted, and what
the server or libpq say is searched for it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier

from orchestrator.errors import (
    MalformedDsnError,
    NotMadeError,
    ServerPrivilegeError,
    ServerReadOnlyError,
    ServerTooOldError,
    ServerUnreachableError,
)
from orchestrator.processes.janitor import Janitor
from worker_child.names import run_digest

MIN_SERVER_VERSION = 130000
"""DROP DATABASE ... WITH (FORCE) came with PostgreSQL 13."""

_LOCALE_PROVIDER_VERSION = 150000
_TARGET_WORDS = ("host", "hostaddr", "port", "dbname", "user", "service")
_SECRET_WORDS = ("password", "sslpassword", "passfile")


@dataclass(frozen=True)
class Target:
    """A parsed DSN, and how it may be spoken of."""

    parameters: dict[str, Any]

    def dsn(self, database: str | None = None) -> str:
        """The conninfo, with the password; of another database if one is named."""
        changed = {"dbname": database} if database else {}
        return make_conninfo("", **(self.parameters | changed))

    def __str__(self) -> str:
        told = {
            word: self.redacted(str(self.parameters[word]))
            for word in _TARGET_WORDS
            if word in self.parameters
        }
        return make_conninfo("", **told) or "the default server"

    def __repr__(self) -> str:
        return f"Target({self})"

    def redacted(self, text: str) -> str:
        """`text` on one line, without any secret of this DSN."""
        for word in _SECRET_WORDS:
            secret = self.parameters.get(word)
            if secret:
                text = text.replace(str(secret), "***")
        return " ".join(text.split())


def parse(dsn: str) -> Target:
    """Parse a libpq URI or key/value string. Raises `MalformedDsnError`."""
    if _has_stray_at_sign(dsn):
        raise MalformedDsnError(
            "the given DSN has an '@' where none belongs (it is not quoted here, as it may hold a "
            "password): write @ : / and % of a password as %40 %3A %2F and %25"
        )
    try:
        return Target(dict(conninfo_to_dict(dsn)))
    except psycopg.ProgrammingError:
        raise MalformedDsnError(
            "the given DSN is not a connection string (it is not quoted here, as it may hold a "
            "password); libpq takes postgresql://user@host:5432/database or key=value pairs"
        ) from None


def _has_stray_at_sign(dsn: str) -> bool:
    """Whether a URI's password was left unescaped, so that libpq would take its rest for a host.

    Then parts of it would be told as the server's address.
    """
    scheme, separator, rest = dsn.partition("://")
    if not separator or not scheme.startswith("postgres"):
        return False
    authority, _, path = rest.partition("?")[0].partition("/")
    return authority.count("@") > 1 or "@" in path


def make_database(
    target: Target,
    run_id: str,
    janitor: Janitor,
    connect_s: int,
    *,
    template: str | None = None,
    kept: bool = False,
) -> str:
    """Check the server and make the run's database there; returns its name.

    `connect_s` bounds the attempt unless the DSN itself has a connect_timeout. It is a copy of the
    database `template`; None = it is empty. The janitor drops it; see there for `kept`. Raises
    `ServerUnreachableError`, `ServerReadOnlyError`, `ServerPrivilegeError`
    or `ServerTooOldError`.
    """
    target = Target({"connect_timeout": connect_s} | target.parameters)
    try:
        with psycopg.connect(target.dsn(), autocommit=True) as connection:
            _check(connection, target)
            version = connection.info.server_version
    except psycopg.Error as error:
        raise ServerUnreachableError(
            f"no PostgreSQL can be used at {target}: {target.redacted(str(error))}. "
            "Check the address, the role and its password (PGPASSWORD and ~/.pgpass are read)"
        ) from None
    name = f"crashbench_{run_digest(run_id)}_{secrets.token_hex(3)}"
    try:
        janitor.database(target.dsn(), name, _creation(name, version, template), kept=kept)
    except NotMadeError as error:
        raise ServerPrivilegeError(
            f"the database {name!r} could not be made at {target}: {target.redacted(str(error))}"
        ) from None
    return name


def version_at(target: Target, connect_s: int) -> str:
    """What the server calls its version. Raises `ServerUnreachableError`."""
    target = Target({"connect_timeout": connect_s} | target.parameters)
    try:
        with psycopg.connect(target.dsn(), autocommit=True) as connection:
            return connection.info.parameter_status("server_version") or ""
    except psycopg.Error as error:
        raise ServerUnreachableError(
            f"no PostgreSQL can be used at {target}: {target.redacted(str(error))}"
        ) from None


def _check(connection: psycopg.Connection[Any], target: Target) -> None:
    if connection.info.server_version < MIN_SERVER_VERSION:
        raise ServerTooOldError(
            f"the server at {target} is PostgreSQL {connection.info.server_version // 10000}; "
            f"{MIN_SERVER_VERSION // 10000} or newer is needed"
        )
    row = connection.execute(
        "SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on',"
        " rolcreatedb OR rolsuper, current_user::text"
        " FROM pg_roles WHERE rolname = current_user"
    ).fetchone()
    assert row is not None
    is_standby, is_read_only, may_create, role = row
    if is_standby:
        raise ServerReadOnlyError(
            f"the server at {target} is a standby and takes no writes: give the primary's DSN"
        )
    if is_read_only:
        raise ServerReadOnlyError(
            f"sessions at {target} are read-only (default_transaction_read_only is on): "
            f"ALTER ROLE {role} SET default_transaction_read_only = off, or give another DSN"
        )
    if not may_create:
        raise ServerPrivilegeError(
            f"the role {role!r} at {target} may not create databases, and a run makes one of its "
            f"own: ALTER ROLE {role} CREATEDB"
        )


def _creation(name: str, server_version: int, template: str | None) -> str:
    """CREATE DATABASE from one of ours, or from template0 (nobody else uses it), UTF8 and C as on
    an own cluster."""
    if template is not None:
        copied = SQL("CREATE DATABASE {} TEMPLATE {}")
        return copied.format(Identifier(name), Identifier(template)).as_string()
    provider = "LOCALE_PROVIDER libc " if server_version >= _LOCALE_PROVIDER_VERSION else ""
    return (
        SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' ").format(Identifier(name))
        + SQL(provider)
        + SQL("LC_COLLATE 'C' LC_CTYPE 'C'")
    ).as_string()
