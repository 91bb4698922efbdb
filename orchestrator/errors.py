"""Every error of the parent's side: what arrived, why it is wrong, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class CrashbenchError(Exception):
    """Something in the world is not as a run needs it. The text is for a person.

    `exit_code` is what the command line ends with (README: 2 = usage or bad file).
    """

    exit_code = 2


class ServerError(CrashbenchError):
    """No PostgreSQL server can be had as asked."""


class ServerBinariesError(ServerError):
    """No PostgreSQL programs were found, or the user who must run them cannot."""


class ServerStartError(ServerError):
    """The ephemeral server did not come up; the text quotes its log."""


class MalformedDsnError(ServerError):
    """The connection string cannot be parsed. Its text is never quoted: it may hold a password."""


class ServerUnreachableError(ServerError):
    """Nobody answers at the given DSN, or the answer was a refusal."""


class ServerReadOnlyError(ServerError):
    """The given server is a standby, or its sessions are read-only."""


class ServerPrivilegeError(ServerError):
    """The given role may not do what a run needs."""


class ServerTooOldError(ServerError):
    """The server's version lacks what a run needs."""


class ServerSessionsError(ServerError):
    """Sessions of the given role have settings under which nothing could be concluded."""


class ServerConnectionsError(ServerError):
    """The server has no room for as many sessions as the run needs."""


class JanitorError(CrashbenchError):
    """The janitor is gone: what is made from now on would not be cleared."""


class NotMadeError(JanitorError):
    """The janitor lives, but could not make the directory or database it was asked for."""


class ProviderError(CrashbenchError):
    """The provider stub did not come up, or ended although nobody had stopped it."""


class HiccupMeterError(CrashbenchError):
    """The hiccup meter ended although nobody had stopped it."""

    exit_code = 3


class RecorderError(CrashbenchError):
    """The history cannot be written: a full disk, a folder without write permission."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(
            f"the history {path} cannot be written: {error.strerror or error}. What was written "
            "before is kept. Free some space or choose another folder with --results"
        )


class ResultsError(CrashbenchError):
    """The results folder cannot take this run."""


class ClusterError(CrashbenchError):
    """The machines that a matrix was to be spread over are not there, or not as it needs them."""


class UnknownNameError(CrashbenchError):
    """A library, preset or scenario that is not in its table."""


class SettingError(CrashbenchError):
    """A library's setting that cannot be changed as asked."""


class UnknownSettingError(SettingError):
    """A setting that the preset has not got; in a matrix another library may have it."""


class ManifestError(CrashbenchError):
    """An ``adapter.toml`` that cannot be used. `flaws` holds everything that is wrong with it."""

    def __init__(self, source: str, flaws: Sequence[str]) -> None:
        self.flaws = tuple(flaws)
        listed = "".join(f"\n  - {flaw}" for flaw in flaws)
        super().__init__(f"{source} is no adapter that can be used:{listed}")


class AdapterImportError(CrashbenchError):
    """An outside adapter's parent side is not where it says, or not what the contract asks."""


class AdapterError(CrashbenchError):
    """An adapter's parent side failed in a call of the contract, as it may not."""


class AdapterSqlError(CrashbenchError):
    """The database refused what an adapter, or its library's own enqueue, asked of it."""


class NewAdapterError(CrashbenchError):
    """A new adapter cannot be written as asked."""


class BuildFolderError(CrashbenchError):
    """The folder that a library's worker is built into cannot be written."""


class LibraryNotBuiltError(CrashbenchError):
    """A library's worker has to be built first."""


class NotOfferedError(CrashbenchError):
    """The library cannot do what the scenario is about: no fault of its, and no failure."""

    exit_code = 0


class NotPossibleHereError(CrashbenchError):
    """A fault harms more than the run's own database, and the server is not the run's own."""


class ChildFailedError(CrashbenchError):
    """A worker could not be brought to work: it never became ready, or died at its start."""

    exit_code = 3


class LibraryProgramError(CrashbenchError):
    """A library's own program failed outside a worker: its schema, its version."""

    exit_code = 3


class ScenarioError(CrashbenchError):
    """A scenario that cannot be used. `flaws` holds everything that is wrong with it."""

    def __init__(self, source: str, flaws: Sequence[str]) -> None:
        self.source = source
        self.flaws = tuple(flaws)
        count = "one thing is" if len(flaws) == 1 else f"{len(flaws)} things are"
        listed = "".join(f"\n  - {flaw}" for flaw in flaws)
        super().__init__(f"{source} cannot be used, {count} wrong:{listed}")


class UnplannedJobError(CrashbenchError):
    """A job id that this run's workload has never planned."""

    exit_code = 3


class HeldNotReachedError(CrashbenchError):
    """The held jobs did not come to stand where the scenario wants them."""

    exit_code = 3


class DatabaseLostError(CrashbenchError):
    """The database failed in the middle of a run."""

    exit_code = 3


class TlsDemandedError(CrashbenchError):
    """The server takes no connection without TLS, and the proxy reads what passes."""


class ProxyError(CrashbenchError):
    """The proxy between worker and server cannot do its part; the run says nothing."""

    exit_code = 3


class ProxyClosedError(ProxyError):
    """The proxy was closed before it was asked."""


class WireError(ProxyError):
    """What a worker or the server sent is not PostgreSQL's protocol as we know it."""


class InternalError(CrashbenchError):
    """Something in the instrument itself went wrong; the run says nothing about the library."""

    exit_code = 3


class Interrupted(Exception):  # noqa: N818 - it is a wish, not an error
    """The user asked the run to end (SIGINT or SIGTERM)."""
