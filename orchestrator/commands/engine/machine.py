"""On a machine that takes part: whether it is fit for a matrix, and one run of it."""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import msgspec

from orchestrator.commands.engine.parcel import Order, Parcel, packed
from orchestrator.errors import CrashbenchError
from orchestrator.libraries.build import require_built
from orchestrator.libraries.library import find_library
from orchestrator.paths import ROOT
from orchestrator.run.environment import describe_code
from orchestrator.run.subprocess_run import IsInterrupted, wait_for
from worker_child.paths import OUR_PYTHON

ROOM_BYTES = 256 << 20
"""Less than this free where the run writes = the machine's disk is called full."""
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES})


@cache
def our_code() -> str:
    """The digest of our packages as they are here when first asked for."""
    return str(describe_code(ROOT)["sha256"])


def flaws(code_sha256: str, libraries: Sequence[tuple[str, str | None]]) -> list[str]:
    """Why this machine cannot take part, a sentence each; empty = it can.

    `libraries` are names or folders, each beside its folder's digest where it is an outside one.
    """
    if our_code() != code_sha256:
        return [
            f"it has other code ({our_code()} instead of {code_sha256}): bring the same Crashbench "
            "onto it, and start its Dask worker anew"
        ]
    found = []
    for name, sha256 in libraries:
        try:
            library = find_library(name)
            require_built(library)
        except CrashbenchError as error:
            found.append(str(error))
            continue
        if library.sha256() != sha256:
            found.append(f"its folder {name} holds another adapter: copy the same one there")
    return found


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
    wrong = flaws(order.code_sha256, [(order.library, order.adapter_sha256)])
    if wrong:
        return Parcel(None, "", 0.0, unfit="; ".join(wrong))
    try:
        scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="crashbench-", dir=scratch) as folder:
            return _run(order, Path(folder), environment, interrupted)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            return Parcel(None, f"the run cannot be started: {error}", 0.0)
        return Parcel(None, "", 0.0, unfit=f"{scratch} cannot be written: {error.strerror}")


def _run(
    order: Order, folder: Path, environment: Mapping[str, str], interrupted: IsInterrupted
) -> Parcel:
    _require_room(folder)
    if order.scenario_file is not None and order.scenario_text is not None:
        (folder / order.scenario_file).write_text(order.scenario_text, encoding="utf-8")
    results = folder / "results"
    ended = wait_for(
        [*OUR_PYTHON, "-m", "orchestrator", *order.words, f"--results={results}"],
        limit_s=order.limit_s,
        interrupted=interrupted,
        environment=environment,
        folder=folder,
    )
    if ended.complaint is not None:
        _require_room(folder)
        return Parcel(ended.exit_code, ended.said, ended.took_s)
    if not (results / f"{order.run_id}.jsonl").exists():
        return Parcel(None, f"{ended.said}\nIt left no finished history", ended.took_s)
    return Parcel(ended.exit_code, ended.said, ended.took_s, packed(results, order.run_id))


def _require_room(folder: Path) -> None:
    """Raises OSError (ENOSPC) where the disk is full: then the machine is at fault, not the run."""
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < ROOM_BYTES:
        told = (
            f"only {free_bytes >> 20} MiB of the {ROOM_BYTES >> 20} MiB that a run needs are free"
        )
        raise OSError(errno.ENOSPC, told, str(folder))
