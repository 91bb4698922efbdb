"""What a run records about its server: version, settings, durability, where its data lie."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg

SETTINGS = (
    "autovacuum",
    "client_connection_check_interval",
    "commit_delay",
    "data_checksums",
    "effective_cache_size",
    "effective_io_concurrency",
    "fsync",
    "full_page_writes",
    "jit",
    "maintenance_work_mem",
    "max_connections",
    "max_wal_size",
    "random_page_cost",
    "shared_buffers",
    "shared_preload_libraries",
    "synchronous_commit",
    "synchronous_standby_names",
    "wal_buffers",
    "wal_level",
    "wal_sync_method",
    "work_mem",
)
"""The settings that can move a figure. Left out: what a version lacks or a role may not read."""

VOLATILE_FILE_SYSTEMS = frozenset({"tmpfs", "ramfs"})

_WAL_BLOCK_BYTES = 8192
_SYNC_SAMPLES = 40
_SYNC_LIMIT_S = 0.25


def server_facts(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """Version, settings and the way of the connection, asked of the server itself."""
    rows = connection.execute(
        "SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY(%s) ORDER BY name",
        [list(SETTINGS)],
    ).fetchall()
    address = connection.execute("SELECT inet_server_addr() IS NULL").fetchone()
    assert address is not None
    return {
        "version": connection.info.parameter_status("server_version"),
        "settings": dict(rows),
        "transport": "socket" if address[0] else "tcp",
    }


def durability(settings: Mapping[str, str], file_system: str | None) -> str:
    """One phrase: ``durable``, or what an acknowledged commit does not survive, and why."""
    faults = [f"{name} off" for name in ("fsync", "full_page_writes") if settings[name] == "off"]
    if settings["synchronous_commit"] == "off":
        faults.append("synchronous_commit off")
    if file_system in VOLATILE_FILE_SYSTEMS:
        faults.append(f"data on {file_system}")
    return "durable" if not faults else f"not durable: {', '.join(faults)}"


def file_system_type(path: Path, mounts: str | None = None) -> str | None:
    """The type of the file system that holds `path`, e.g. ``ext4``; None when unknown.

    `mounts` is the text of /proc/self/mountinfo (proc_pid_mountinfo(5)).
    """
    if mounts is None:
        mounts = Path("/proc/self/mountinfo").read_text(errors="replace")
    place = path.resolve()
    best: tuple[int, str] | None = None
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        mount_point = Path(before.split()[4].replace("\\040", " "))
        depth = len(mount_point.parts)
        # Of two mounts on one point the later one is on top.
        if place.is_relative_to(mount_point) and (best is None or depth >= best[0]):
            best = (depth, after.split()[0])
    return best[1] if best else None


def fdatasync_us(directory: Path) -> float:
    """The median time in microseconds of writing one WAL block and fdatasync(2), in `directory`."""
    probe = directory / "fdatasync-probe"
    descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        return statistics.median(_sync_times_us(descriptor))
    finally:
        os.close(descriptor)
        probe.unlink()


def _sync_times_us(descriptor: int) -> list[float]:
    block = bytes(_WAL_BLOCK_BYTES)
    # Allocated and synced beforehand, as PostgreSQL's WAL files are: only data blocks move then.
    os.write(descriptor, block * _SYNC_SAMPLES)
    os.fsync(descriptor)
    times_us: list[float] = []
    deadline = time.monotonic() + _SYNC_LIMIT_S
    for sample in range(_SYNC_SAMPLES):
        started_ns = time.monotonic_ns()
        os.pwrite(descriptor, block, sample * _WAL_BLOCK_BYTES)
        os.fdatasync(descriptor)
        times_us.append((time.monotonic_ns() - started_ns) / 1000)
        if time.monotonic() > deadline:
            break
    return times_us
