"""On a machine that takes part: whether it is fit, and one run of it."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import msgspec

from orchestrator.commands.engine.lane import MODULE
from orchestrator.commands.engine.needs import NeededLibrary, Needs
from orchestrator.commands.engine.parcel import Order, Parcel, packed
from orchestrator.errors import CrashbenchError
from orchestrator.libraries.build import require_built
from orchestrator.libraries.guard import guard
from orchestrator.libraries.library import find_library
from orchestrator.paths import ROOT
from orchestrator.postgres.cluster import usual_places
from orchestrator.postgres.server import version_of
from orchestrator.run.environment import describe_code
from orchestrator.run.request import DSN_VARIABLE
from orchestrator.run.subprocess_run import IsInterrupted, wait_for
from worker_child.adapters.program import ProgramFailedError
from worker_child.paths import OUR_PYTHON

ROOM_BYTES = 256 << 20
"""Less than this free where the run writes = the machine's disk is called full."""
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES})


@cache
def our_code() -> str:
    """The digest of our packages as they are here when first asked for."""
    return str(describe_code(ROOT)["sha256"])


def server_version() -> str:
    """Of the PostgreSQL that its runs get, in that one's own words. Raises `CrashbenchError`."""
    return version_of(os.environ.get(DSN_VARIABLE))


def flaws(code_sha256: str, needs: bytes | Needs) -> list[str]:
    """Why this machine cannot take part, a sentence each; empty = it can.

    `needs` may be encoded, as other code could have other ones.
    """
    if our_code() != code_sha256:
        return [
            f"it has other code ({our_code()} instead of {code_sha256}): bring the same Crashbench "
            "onto it, and start its Dask worker anew"
        ]
    wanted = msgspec.msgpack.decode(needs, type=Needs) if isinstance(needs, bytes) else needs
    return [flaw for library in wanted.libraries for flaw in _library_flaws(library)] + list(
        _server_flaws(wanted)
    )


def _library_flaws(wanted: NeededLibrary) -> Iterator[str]:
    try:
        library = find_library(wanted.given)
        require_built(library)
        version = guard(library).version()
    except (CrashbenchError, ProgramFailedError) as error:
        # Others may have been at work for long.
        yield str(error).removesuffix("; nothing was started")
        return
    if library.sha256() != wanted.adapter_sha256:
        yield f"its folder {wanted.given} holds another adapter: copy the same one there"
    elif version != wanted.version:
        yield f"its {library.name} is {version} and not {wanted.version}: install the same one"


def _server_flaws(wanted: Needs) -> Iterator[str]:
    if wanted.own_server and DSN_VARIABLE in os.environ:
        yield (
            f"it has {DSN_VARIABLE}, and a fault harms the whole server: start its Dask worker "
            "without"
        )
    if wanted.server_version is None:
        return
    try:
        version = server_version()
    except CrashbenchError as error:
        yield str(error)
        return
    if version != wanted.server_version:
        yield (
            f"it has PostgreSQL {version} and not {wanted.server_version}, and what is run there "
            "belongs together: install the same one"
        )


def carry_out(
    order: bytes, scratch: Path, environment: Mapping[str, str], interrupted: IsInterrupted
) -> bytes:
    """Carry one order out in a folder of its own below `scratch`; returns a `Parcel`.

    `environment` is the whole one of the run. Raises `Interrupted`.
    """
    return msgspec.msgpack.encode(
        _carried_out(msgspec.msgpack.decode(order, type=Order), scratch, environment, interrupted)
    )


def _carried_out(
    order: Order, scratch: Path, environment: Mapping[str, str], interrupted: IsInterrupted
) -> Parcel:
    wrong = flaws(order.code_sha256, order.needs)
    if wrong:
        return Parcel(None, "", 0.0, unfit="; ".join(wrong))
    try:
        scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="crashbench-", dir=scratch) as folder:
            return _run(order, Path(folder), environment, interrupted)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            return Parcel(None, f"the run cannot be started: {error}", 0.0)
        place = error.filename or scratch
        return Parcel(None, "", 0.0, unfit=f"{place} cannot be written: {error.strerror}")


def _run(
    order: Order, folder: Path, environment: Mapping[str, str], interrupted: IsInterrupted
) -> Parcel:
    _require_room(folder.parent)
    results = folder / "results"
    ended = wait_for(
        [*OUR_PYTHON, "-m", *_words(order, folder, results)],
        limit_s=order.limit_s,
        interrupted=interrupted,
        environment=environment,
        folder=folder,
    )
    parcel = Parcel(ended.exit_code, ended.said, ended.took_s)
    if ended.complaint is None and (results / f"{order.run_id}.jsonl").exists():
        return msgspec.structs.replace(parcel, files=packed(results, order.run_id))
    _require_room(folder.parent)
    said = ended.complaint or f"{ended.said}\nIt left no finished history"
    return msgspec.structs.replace(parcel, said=said, no_verdict=True)


def _words(order: Order, folder: Path, results: Path) -> list[str]:
    """The module that carries it out, and what it is told; the files that it reads are written."""
    if order.whole is not None:
        whole = msgspec.structs.replace(order.whole, results=str(results))
        file = folder / "order.json"
        file.write_bytes(msgspec.json.encode(whole))
        return [MODULE, str(file)]
    if order.scenario_file is not None and order.scenario_text is not None:
        (folder / order.scenario_file).write_text(order.scenario_text, encoding="utf-8")
    return ["orchestrator", *order.words, f"--results={results}"]


def _require_room(scratch: Path) -> None:
    """Raises OSError (ENOSPC) where the disk is full: then the machine is at fault, not the run.

    Its history goes to `scratch`, the server's data to where temporary files go.
    """
    for place in (scratch, next(place for place in usual_places() if place.is_dir())):
        free_bytes = shutil.disk_usage(place).free
        if free_bytes < ROOM_BYTES:
            told = (
                f"only {free_bytes >> 20} MiB of the {ROOM_BYTES >> 20} MiB that a run needs are "
                "free"
            )
            raise OSError(errno.ENOSPC, told, str(place))
