"""What travels between a command and the machines: an order there, a parcel of files back.

Both are plain bytes. An order holds words alone, never a connection string.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from orchestrator.commands.engine.lane import LaneOrder, lane_order_of
from orchestrator.commands.engine.needs import Needs, needs_of
from orchestrator.errors import ResultsError
from orchestrator.history.files import RunFiles, claim_run
from orchestrator.run.request import Request
from orchestrator.run.subprocess_run import Ended, longest_s, run_argv

_LEVEL = 6
_SCENARIO_FILE = ".toml"


class Order(msgspec.Struct, frozen=True):
    """One run that a machine is to carry out."""

    run_id: str
    words: list[str]
    """Of the command line, behind the program; the results folder is the machine's own. Empty =
    no words lead to the scenario, and `whole` has all of it."""
    limit_s: float
    code_sha256: str
    """Of the packages of whoever asks; see `describe_code`."""
    needs: Needs
    scenario_file: str | None = None
    scenario_text: str | None = None
    """Of a scenario that is not shipped: its file's name, and what it says."""
    whole: LaneOrder | None = None


class PackedFile(msgspec.Struct, frozen=True):
    """One file, compressed."""

    name: str
    """As seen from the results folder."""
    sha256: str
    """Of the file itself, in hex."""
    zlib: bytes


class Parcel(msgspec.Struct, frozen=True):
    """How a run ended on its machine, and all files of one that came to a verdict."""

    exit_code: int | None
    said: str
    took_s: float
    files: list[PackedFile] = []
    no_verdict: bool = False
    """Though the exit code may be one; see `Ended`."""
    unfit: str = ""
    """A sentence on why the machine, not the run, is at fault; then nothing was carried out."""


def order_of(request: Request, code_sha256: str, server_version: str | None = None) -> bytes:
    """What a machine is told of `request`. Raises `ResultsError` where its scenario is gone."""
    order = Order(
        run_id=request.run_id,
        words=[],
        limit_s=longest_s(request.scenario),
        code_sha256=code_sha256,
        needs=needs_of([request], server_version),
    )
    source = request.resolved.source
    change = msgspec.structs.replace
    if source is None:
        order = change(order, whole=lane_order_of(request))
    else:
        order = change(order, **_named(request, source))
    return msgspec.msgpack.encode(order)


def _named(request: Request, source: str) -> dict[str, Any]:
    """The fields of an order whose scenario has a name."""
    file = Path(source) if source.endswith(_SCENARIO_FILE) or "/" in source else None
    left_out = ("--results=", "--library=", *(("--scenario=",) if file else ()))
    argv = run_argv(request)
    words = [
        word for word in argv[argv.index("orchestrator") + 1 :] if not word.startswith(left_out)
    ]
    words += [f"--scenario={file.name}"] if file else []
    words += [f"--library={request.library_given}"]
    try:
        text = file.read_text(encoding="utf-8") if file else None
    except OSError as error:
        raise ResultsError(f"the scenario {file} can no longer be read: {error}") from error
    return {
        "words": words,
        "scenario_file": file.name if file else None,
        "scenario_text": text,
    }


def packed(folder: Path, run_id: str) -> list[PackedFile]:
    """Every file of a finished run in `folder`. Raises OSError."""
    return [_pack(folder, path) for path in _files_of(RunFiles(folder, run_id))]


def receive(request: Request, data: bytes) -> Ended:
    """Put a run's files in their place, and tell how it ended.

    Nothing stands there under its final name before all of it has arrived whole. A parcel that was
    damaged on its way, or that the results folder has no room for, is an `Ended` without a verdict.
    """
    parcel = msgspec.msgpack.decode(data, type=Parcel)
    ended = Ended(parcel.exit_code, parcel.said, parcel.took_s, no_verdict=parcel.no_verdict)
    if ended.complaint is not None:
        return ended
    try:
        _put(request, {file.name: _unpacked(file) for file in parcel.files})
    except (ResultsError, OSError, zlib.error) as error:
        return Ended(None, f"its files cannot be put into {request.results}: {error}", ended.took_s)
    return ended


def _files_of(files: RunFiles) -> Iterator[Path]:
    yield files.history
    yield from (files.summary,) if files.summary.exists() else ()
    yield from sorted(path for path in files.logs.rglob("*") if path.is_file())


def _pack(folder: Path, path: Path) -> PackedFile:
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    return PackedFile(str(path.relative_to(folder)), digest, zlib.compress(data, _LEVEL))


def _unpacked(file: PackedFile) -> bytes:
    data = zlib.decompress(file.zlib)
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise ResultsError(f"{file.name} arrived with another checksum than it was sent with")
    return data


def _put(request: Request, files: dict[str, bytes]) -> None:
    """The summary comes last: it has to be younger than its history."""
    wanted = RunFiles(request.results, request.run_id)
    with claim_run(
        request.results,
        request.run_id,
        request.resolved.digest,
        overwrite=request.overwrite,
    ) as claimed:
        summary = files.pop(wanted.summary.name, None)
        history = files.pop(wanted.history.name, None)
        if history is None:
            raise ResultsError(f"{wanted.history.name} is not among what arrived")
        claimed.partial.write_bytes(history)
        for name, data in files.items():
            path = claimed.partial_logs / Path(name).relative_to(wanted.logs.name)
            if ".." in path.parts:
                raise ResultsError(f"{name} is no place within the run's logs")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        claimed.finish()
        if summary is not None:
            wanted.summary.write_bytes(summary)
