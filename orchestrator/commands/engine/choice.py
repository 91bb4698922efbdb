"""Which engine a matrix gets."""

from __future__ import annotations

import importlib.metadata
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from orchestrator.commands.engine.engine import Engine, LocalEngine
from orchestrator.commands.engine.spread import SpreadEngine
from orchestrator.errors import ClusterError
from orchestrator.run.request import DSN_VARIABLE, Request

EXTRA = "dask"


@contextmanager
def engine_for(
    dask: str | None, requests: Sequence[Request], dsn: str | None, tell: Callable[[str], None]
) -> Iterator[Engine]:
    """This machine, or those of the Dask scheduler at that address.

    `tell` hears what the user ought to know of them. Raises `ClusterError`.
    """
    if dask is None:
        yield LocalEngine()
        return
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
    libraries = {(request.library_given, request.adapter_sha256) for request in requests}
    cluster = DaskCluster(dask, sorted(libraries, key=str))
    try:
        for remark in cluster.remarks:
            tell(remark)
        yield SpreadEngine(cluster)
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
