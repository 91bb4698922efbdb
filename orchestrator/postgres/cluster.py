"""One ephemeral PostgreSQL cluster: made anew, reachable by a private socket, gone afterwards.

The server is on a tether: it shuts down at once when the parent dies. Its directory belongs to the
janitor, which also ends whatever still works there.
"""

from __future__ import annotations

import logging
import os
import pwd
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from orchestrator.errors import ServerBinariesError, ServerStartError
from orchestrator.postgres.binaries import Binaries
from orchestrator.postgres.facts import VOLATILE_FILE_SYSTEMS, file_system_type
from orchestrator.processes import linux
from orchestrator.processes.death_signal import Account, tethered
from orchestrator.processes.janitor import Janitor

HARNESS_ROLE = "crashbench"
PORT = 5432
"""Only the name of the socket comes from it: nothing listens on TCP."""
SOCKET_PATH_BYTES = 107
"""The longest path of a Unix socket (unix(7): 108 bytes with the closing NUL)."""

_SERVER_USER = "nobody"
_SOCKET_SUFFIX = f"/cb-00000000/.s.PGSQL.{PORT}"
_LOG_TAIL_BYTES = 2000
_POLL_S = 0.01
_TRIAL_LIMIT_S = 20.0
_PRELOAD = "pg_stat_statements"
# Nothing of the caller's: PGDATA, PGOPTIONS or LC_ALL would change what is measured.
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """How long each step may take, seconds."""

    initialise_s: float = 60.0
    start_s: float = 30.0
    stop_s: float = 10.0
    connect_s: int = 10


def server_account() -> Account | None:
    """Whom the server runs as: an unprivileged user when we are root, else ourselves (None).

    Raises `ServerStartError` when there is no such user.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(_SERVER_USER)
    except KeyError:
        raise ServerStartError(
            f"PostgreSQL refuses to run as root and there is no user {_SERVER_USER!r} to run it: "
            "start as an ordinary user, or give --dsn"
        ) from None
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)


def can_run(binaries: Binaries, account: Account) -> bool:
    """Whether `account` can execute the server (each folder above may forbid it): by trying."""
    command = tethered([binaries.program("postgres"), "--version"], signal.SIGKILL, account)
    trial = subprocess.run(
        command, cwd="/", env=_ENVIRONMENT, capture_output=True, timeout=_TRIAL_LIMIT_S
    )
    return trial.returncode == 0


def usual_places() -> list[Path]:
    """Where the cluster's directory may go, the first choice first."""
    # Not tempfile.gettempdir(): it tries places by writing a file, which a kill would leave there.
    asked_for = os.environ.get("TMPDIR")
    usual = [Path("/tmp"), Path("/var/tmp")]  # noqa: S108 - what we make there is private
    return [Path(asked_for).absolute(), *usual] if asked_for else usual


def choose_place(places: Iterable[Path], account: Account | None, *, holds_programs: bool) -> Path:
    """The first fit place, one on a disk before one in memory.

    Raises `ServerStartError` that says of each place why it is not fit.
    """
    refusals: list[str] = []
    in_memory: list[Path] = []
    for place in dict.fromkeys(places):
        refusal = _refusal(place, account, holds_programs)
        if refusal:
            refusals.append(f"{place} {refusal}")
        elif file_system_type(place) in VOLATILE_FILE_SYSTEMS:
            in_memory.append(place)
        else:
            return place
    if not in_memory:
        raise ServerStartError(
            f"no place for the server's directory: {'; '.join(refusals)}. Set TMPDIR, or give --dsn"
        )
    _log.warning(
        "the server's data lie in memory (%s): commits cost less than on a disk", in_memory[0]
    )
    return in_memory[0]


def _refusal(place: Path, account: Account | None, holds_programs: bool) -> str | None:
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        return "is no folder that we can write to"
    if len(os.fsencode(place)) + len(_SOCKET_SUFFIX) > SOCKET_PATH_BYTES:
        return f"is too long for a socket's path ({SOCKET_PATH_BYTES} bytes)"
    if account and not all(folder.stat().st_mode & 0o001 for folder in (place, *place.parents)):
        return f"cannot be entered by the user {account.name}"
    if holds_programs and os.statvfs(place).f_flag & os.ST_NOEXEC:
        return "is mounted noexec"
    return None


class Cluster:
    """A server process and its directory. Make it in the main thread (see `tether`)."""

    def __init__(self, binaries: Binaries, janitor: Janitor, limits: Limits) -> None:
        """Make the directory, run initdb, start the server, wait until it answers.

        Raises `ServerStartError` or `ServerBinariesError`.
        """
        assert threading.current_thread() is threading.main_thread(), "the tether is the thread's"
        self._limits = limits
        self._janitor = janitor
        self._stopped: list[int] = []
        """Those of its processes that are stopped."""
        self._account = server_account()
        must_move = self._account is not None and not can_run(binaries, self._account)
        place = choose_place(usual_places(), self._account, holds_programs=must_move)
        self.directory = janitor.directory(place, self._account)
        self._data = self.directory / "data"
        self._log_path = self.directory / "log"
        self._binaries = self._reachable(binaries) if must_move else binaries
        self.preloads_statistics = self._binaries.has_library(_PRELOAD)
        self._initialise()
        self._process = self._start()

    @property
    def pid(self) -> int:
        """The postmaster's process id."""
        return self._process.pid

    def dsn(self, database: str, role: str = HARNESS_ROLE) -> str:
        """The conninfo of a database here. The socket's directory is private: no password."""
        return make_conninfo(host=str(self.directory), port=PORT, dbname=database, user=role)

    def stop(self) -> None:
        """Shut down fast, ending all sessions; by force if that takes too long. Idempotent."""
        self.go_on()
        died = self._process.poll()
        if died not in (None, 0):
            _log.warning("the server ended by itself, exit code %s: %s", died, self._log_tail())
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if self._process.poll() is not None:
                return
            self._process.send_signal(number)
            try:
                self._process.wait(self._limits.stop_s)
            except subprocess.TimeoutExpired:
                _log.warning(
                    "the server lives %g s after %s", self._limits.stop_s, signal.strsignal(number)
                )

    def _reachable(self, binaries: Binaries) -> Binaries:
        assert self._account is not None
        moved = binaries.linked_into(self.directory / "programs")
        if not can_run(moved, self._account):
            raise ServerBinariesError(
                f"the user {self._account.name} can run neither {binaries.program('postgres')} nor "
                f"a copy of it below {self.directory.parent}: set TMPDIR, or give --dsn"
            )
        return moved

    def _initialise(self) -> None:
        command = [
            self._binaries.program("initdb"),
            f"--pgdata={self._data}",
            f"--username={HARNESS_ROLE}",
            *("--auth=trust", "--encoding=UTF8", "--locale=C", "--data-checksums", "--no-sync"),
        ]
        process = self._spawn(command, signal.SIGKILL)
        try:
            exit_code = process.wait(self._limits.initialise_s)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                limit_s = self._limits.initialise_s
                raise self._failed(f"initdb has not ended within {limit_s:g} s") from None
            raise
        if exit_code != 0:
            raise self._failed(f"initdb ended with exit code {exit_code}")
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(self._settings())

    def _settings(self) -> str:
        values = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.directory),
            "port": str(PORT),
            "max_connections": "200",
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "shared_preload_libraries": _PRELOAD if self.preloads_statistics else "",
        }
        quoted = {name: value.replace("'", "''") for name, value in values.items()}
        return "".join(f"{name} = '{value}'\n" for name, value in quoted.items())

    def shut_down(self) -> None:
        """Begin a fast shutdown, as ``pg_ctl stop -m fast`` does; `is_down` once it is over."""
        self._process.send_signal(signal.SIGINT)

    def pause(self) -> list[int]:
        """SIGSTOP every process of the server, the first one first: it starts no other from then
        on. The janitor knows of each before it is stopped. Returns them."""
        self._stop_process(self.pid)
        while running := [
            process.pid
            for process in linux.living_below(self.directory)
            if process.pid not in self._stopped
        ]:
            for pid in running:
                self._stop_process(pid)
        return list(self._stopped)

    def _stop_process(self, pid: int) -> None:
        self._janitor.will_stop(pid)
        self._stopped.append(pid)
        with suppress(ProcessLookupError):  # it has just ended
            os.kill(pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT whoever is stopped; nothing where nobody is."""
        for pid in self._stopped:
            with suppress(ProcessLookupError):  # it was killed meanwhile
                os.kill(pid, signal.SIGCONT)
            self._janitor.goes_on(pid)
        self._stopped.clear()

    @property
    def is_down(self) -> bool:
        """Whether the server's process has ended."""
        return self._process.poll() is not None

    @property
    def exit_code(self) -> int | None:
        """Of the server's process, once it has ended."""
        return self._process.poll()

    def start_again(self) -> None:
        """Start the server on its data once it is down; does not wait for its answer.

        Call it in the main thread (see `tether`).
        """
        assert self.is_down, "two servers on the same data"
        self._process = self._launch()

    def _launch(self) -> subprocess.Popen[bytes]:
        command = [self._binaries.program("postgres"), "-D", str(self._data)]
        return self._spawn(command, signal.SIGQUIT)

    def _start(self) -> subprocess.Popen[bytes]:
        process = self._launch()
        try:
            self._wait_until_it_answers(process)
        except BaseException:
            process.send_signal(signal.SIGQUIT)
            process.wait()
            raise
        return process

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self._limits.start_s
        while True:
            try:
                psycopg.connect(
                    self.dsn("postgres"), connect_timeout=self._limits.connect_s
                ).close()
            except psycopg.OperationalError as error:
                if process.poll() is not None:
                    raise self._failed(
                        f"postgres ended with exit code {process.returncode}"
                    ) from None
                if time.monotonic() > deadline:
                    limit_s = self._limits.start_s
                    raise self._failed(f"no answer within {limit_s:g} s ({error})") from None
            else:
                return
            time.sleep(_POLL_S)

    def _spawn(self, command: Sequence[str], death_signal: int) -> subprocess.Popen[bytes]:
        with self._log_path.open("ab") as log:
            return subprocess.Popen(
                tethered(command, death_signal, self._account),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                env=_ENVIRONMENT,
                start_new_session=True,
            )

    def _failed(self, what: str) -> ServerStartError:
        return ServerStartError(
            f"the ephemeral server did not start: {what}. The end of its log:\n{self._log_tail()}"
        )

    def _log_tail(self) -> str:
        tail = self._log_path.read_bytes()[-_LOG_TAIL_BYTES:]
        return tail.decode(errors="replace").strip() or "(empty)"
