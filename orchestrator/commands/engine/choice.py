"""Which engine a command gets."""

from __future__ import annotations

import importlib.metadata
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from orchestrator.commands.calibration.trials import server_for_all
from orchestrator.commands.engine.engine import Engine, LocalEngine
from orchestrator.commands.engine.lanes import LanesEngine
from orchestrator.commands.engine.needs import needs_of
from orchestrator.commands.engine.spread import SpreadEngine
from orchestrator.errors import ClusterError
from orchestrator.postgres.server import version_of
from orchestrator.run.request import DSN_VARIABLE, Request

EXTRA = "dask"


@contextmanager
def engine_for(
    dask: str | None, requests: Sequence[Request], dsn: str | None, tell: Callable[[str], None]
) -> Iterator[Engine]:
    """This machine, one run at a time, or those of the Dask scheduler at that address.

    `tell` hears what the user ought to know of them. Raises `ClusterError`.
    """
    if dask is None:
        yield LocalEngine()
        return
    with _spread(dask, requests, dsn, tell, alike=False) as (engine, _):
        yield engine


@contextmanager
def engine_on_one_version(
    dask: str | None,
    lanes: int,
    requests: Sequence[Request],
    dsn: str | None,
    tell: Callable[[str], None],
) -> Iterator[tuple[Engine, str | None]]:
    """So many lanes on one server of this machine, or the machines of the Dask scheduler; and the
    version of the PostgreSQL that every run gets.

    For runs that belong together and whose times are not measured; see `engine_for`.
    """
    if dask is not None:
        with _spread(dask, requests, dsn, tell, alike=True) as found:
            yield found
        return
    with server_for_all(dsn) as server_dsn, LanesEngine(lanes, server_dsn) as engine:
        yield engine, version_of(server_dsn)


@contextmanager
def _spread(
    dask: str,
    requests: Sequence[Request],
    dsn: str | None,
    tell: Callable[[str], None],
    *,
    alike: bool,
) -> Iterator[tuple[Engine, str | None]]:
    if dsn is not None:
        raise ClusterError(
            f"--dsn (or {DSN_VARIABLE}) cannot go with --dask, as its password would travel: leave "
            "it out, and each machine starts a PostgreSQL of its own; or set "
            f"{DSN_VARIABLE} for the Dask worker of each machine that has a server of its own"
        )
    try:
        from orchestrator.commands.engine.cluster import DaskCluster
    except ModuleNotFoundError as error:
        raise ClusterError(_how_to_install(error)) from error
    cluster = DaskCluster(dask, needs_of(requests), alike=alike)
    try:
        for remark in cluster.remarks:
            tell(remark)
        yield SpreadEngine(cluster), cluster.server_version
    finally:
        cluster.close()


def _how_to_install(error: ModuleNotFoundError) -> str:
    wanted = [
        requirement.partition(";")[0].strip()
        for requirement in importlib.metadata.requires("crashbench") or ()
        if f'extra == "{EXTRA}"' in requirement
    ]
    command = shlex.join([sys.executable, "-P", "-m", "pip", "install", *wanted])
    return f"--dask needs Dask, of which {error.name} is not installed: {command}"
