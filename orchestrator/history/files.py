"""The files of one run: claimed before it starts, put in their final place when it is complete.

A run writes ``<run_id>.jsonl.partial`` and ``<run_id>.logs.partial/``; only a complete run takes
the place of an older one. A lock keeps two runs of one name apart; it dies with its process.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from orchestrator.errors import ResultsError

_LOCK_TRIES = 5
_LOCK_PAUSE_S = 0.02


class _Asked(msgspec.Struct):
    scenario_sha256: str


class _StartLine(msgspec.Struct):
    """As much of the first line as is needed here, of any version of the history."""

    run_id: str
    kind: str
    fields: _Asked


class RunFiles:
    """Where one run writes. `history` and `logs` are final, `partial` and `partial_logs` are not
    yet; `moved_aside` is what an earlier, unfinished run of the same name had left, if any."""

    def __init__(self, folder: Path, run_id: str) -> None:
        self.run_id = run_id
        self.folder = folder
        self.history = folder / f"{run_id}.jsonl"
        self.partial = folder / f"{run_id}.jsonl.partial"
        self.logs = folder / f"{run_id}.logs"
        self.partial_logs = folder / f"{run_id}.logs.partial"
        self.summary = folder / f"{run_id}.summary.json"
        self.moved_aside: Path | None = None

    def finish(self) -> None:
        """Put history and logs in their final place; an older run of the name gives way.

        Raises `ResultsError` when the file system refuses; the run then stays as ``.partial``.
        """
        try:
            self.summary.unlink(missing_ok=True)
            self.partial.rename(self.history)
            if self.logs.exists():
                shutil.rmtree(self.logs)
            self.partial_logs.rename(self.logs)
        except OSError as error:
            raise ResultsError(
                f"the run is complete, but {error.filename} cannot be put in its final place: "
                f"{error.strerror}. Its history is {self.partial}"
            ) from error


def require_writable(folder: Path) -> None:
    """Make the results folder where there is none, and see that a file can be made in it.

    For whoever is about to start much: said once, and before the first of it. Raises
    `ResultsError`.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _cannot_be_written(folder, error) from error


@contextmanager
def claim_run(
    folder: Path, run_id: str, scenario_sha256: str, *, overwrite: bool
) -> Iterator[RunFiles]:
    """Hold the name `run_id` in `folder` while the run lasts.

    Raises `ResultsError` when the folder cannot be written, another process holds the name, or a
    finished run of the name was asked for something else (other scenario text or seed) and
    `overwrite` is not set. Left-overs of an unfinished run are moved aside, never deleted.
    """
    files = RunFiles(folder, run_id)
    lock_path = folder / f".{run_id}.lock"
    lock = _lock(lock_path, files)
    try:
        _refuse_what_is_no_run(files)
        if not overwrite:
            _refuse_other_run(files, scenario_sha256)
        _make_room(files)
        try:
            yield files
        finally:
            _drop_unused(files)
    finally:
        lock_path.unlink(missing_ok=True)
        os.close(lock)


def _lock(path: Path, files: RunFiles) -> int:
    """Take the lock; its holder removes the file, so what was locked may no longer be there."""
    for _ in range(_LOCK_TRIES):
        lock = _open_lock(path, files)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(os.fstat(lock), path.stat()):
                return lock
        except (BlockingIOError, FileNotFoundError):
            pass  # held, or removed by its holder at this moment: look again
        os.close(lock)
        time.sleep(_LOCK_PAUSE_S)
    raise ResultsError(
        f"another process is carrying out {files.run_id} in {files.folder} at this moment. "
        "Wait for it, or take another --ordinal or --results"
    )


def _open_lock(path: Path, files: RunFiles) -> int:
    try:
        files.folder.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise _cannot_be_written(files.folder, error) from error


def _cannot_be_written(folder: Path, error: OSError) -> ResultsError:
    return ResultsError(
        f"the results folder {folder} cannot be written: {error.strerror}. "
        "Choose another one with --results"
    )


def _refuse_what_is_no_run(files: RunFiles) -> None:
    for path, fits in (
        (files.history, Path.is_file),
        (files.summary, Path.is_file),
        (files.logs, Path.is_dir),
    ):
        if path.exists() and not fits(path):
            wanted = "a file" if fits == Path.is_file else "a folder"
            raise ResultsError(
                f"{path} is in the way: the run would put {wanted} there. Move it elsewhere, or "
                "choose another folder with --results"
            )


def _refuse_other_run(files: RunFiles, scenario_sha256: str) -> None:
    if not files.history.exists():
        return
    try:
        with files.history.open("rb") as file:
            start = msgspec.json.decode(file.readline(), type=_StartLine).fields
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ResultsError(
            f"{files.history} is in the way and does not begin like a history ({error}). "
            "Move it elsewhere, or use --overwrite"
        ) from error
    if start.scenario_sha256 != scenario_sha256:
        raise ResultsError(
            f"{files.history} holds a run of the same name with another scenario text or seed. "
            "Keep it by taking another --ordinal or --results, or replace it with --overwrite"
        )


def _make_room(files: RunFiles) -> None:
    try:
        _move_aside(files)
        files.partial_logs.mkdir()
    except OSError as error:
        raise ResultsError(
            f"{error.filename} cannot be made or moved: {error.strerror}. "
            "Choose another folder with --results"
        ) from error


def _move_aside(files: RunFiles) -> None:
    for left in (files.partial, files.partial_logs):
        if left.exists():
            number = 1
            while (aside := left.with_name(f"{left.name}.{number}")).exists():
                number += 1
            left.rename(aside)
            if left == files.partial:
                files.moved_aside = aside


def _drop_unused(files: RunFiles) -> None:
    """A run that ended before its first line leaves no empty folder behind."""
    logs = files.partial_logs
    if not files.partial.exists() and logs.exists() and not any(logs.iterdir()):
        logs.rmdir()
