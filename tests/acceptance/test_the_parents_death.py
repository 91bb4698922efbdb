"""However the parent dies, nothing of its run is left behind but a readable history."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from orchestrator.postgres.server import Server
from tests.acceptance.command_line import wait_for
from tests.short_folder import short_folder

SCENARIO = Path(__file__).parent.parent / "scenarios" / "tiny_kill.toml"
RUN_ID = "tiny_kill-pgqueuer-tuned-001"
_SEEDED = random.Random(20261121)
MOMENTS_S = [0.0, *(round(_SEEDED.uniform(1.1 * part, 1.1 * (part + 1)), 3) for part in range(5))]
"""Seconds after run_start, one in each fifth of the first 5.5; the run itself takes about seven."""
STARTED_LIMIT_S = 90.0
GONE_LIMIT_S = 60.0
"""On a machine that has much else to do; on an idle one it is a second or two."""


@pytest.fixture
def temporary() -> Iterator[Path]:
    with short_folder() as folder:
        yield folder


def living(processes: list[psutil.Process]) -> list[psutil.Process]:
    def lives(process: psutil.Process) -> bool:
        try:
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    return [process for process in processes if lives(process)]


def command_of(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def is_server(process: psutil.Process) -> bool:
    return "postgres" in command_of(process)


def is_server_or_worker(process: psutil.Process) -> bool:
    return is_server(process) or "--mode=child" in command_of(process)


def marked(run_id: str) -> list[psutil.Process]:
    """Every living process of the run that was started as a worker, wherever it has fled to."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("CRASHBENCH_RUN", "").startswith(f"{run_id}:"):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return living(found)


def kill_and_look(
    parent: subprocess.Popen[bytes], family: list[psutil.Process], temporary: Path, run_id: str
) -> None:
    """SIGKILL the parent; after a while all of its processes and directories are gone."""
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    servers_and_workers = [process for process in family if is_server_or_worker(process)]
    wait_for(
        lambda: not living(servers_and_workers) and not marked(run_id),
        GONE_LIMIT_S,
        "the end of every worker and of the server",
    )
    wait_for(
        lambda: not living(family) and not list(temporary.iterdir()),
        GONE_LIMIT_S,
        "the end of every process and directory of the run",
    )


def start(temporary: Path, results: Path, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "orchestrator", *words, f"--results={results}"],
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.database
@pytest.mark.parametrize("moment_s", MOMENTS_S)
def test_a_killed_parent_leaves_no_process_no_directory_and_a_readable_history(
    temporary: Path, tmp_path: Path, moment_s: float
) -> None:
    parent = start(temporary, tmp_path, f"--scenario={SCENARIO}")
    partial, finished = tmp_path / f"{RUN_ID}.jsonl.partial", tmp_path / f"{RUN_ID}.jsonl"
    family: list[psutil.Process] = []
    try:
        wait_for(
            lambda: partial.exists() and partial.stat().st_size > 0,
            STARTED_LIMIT_S,
            "the run_start line",
        )
        time.sleep(moment_s)
        family = psutil.Process(parent.pid).children(recursive=True)
    finally:
        kill_and_look(parent, family, temporary, RUN_ID)
    history = finished if finished.exists() else partial
    judged = subprocess.run(
        [sys.executable, "-m", "analysis", str(history)], capture_output=True, text=True
    )
    assert judged.returncode == (0 if history == finished else 3), judged.stdout + judged.stderr
    assert "Traceback" not in judged.stderr


FAULTS = {
    "pause": "what = 'pause', at_s = 0.5, pause_s = 60",
    "deploy": "what = 'deploy', at_s = 0.5, grace_s = 60, successor = 'at'",
    "terminate": "what = 'terminate', at_s = 0.5, again_after_s = 50, grace_s = 60",
    "poison": "what = 'poison', deaths = 6, respawn_after_s = 60",
    "kill_leader_only": "what = 'kill_leader_only', at_s = 0.5, survivors_for_s = 60",
    "same_identity": "what = 'same_identity', at_s = 0.5, respawn_after_s = 0.1",
    "kill_at_once": "what = 'kill_at_once', slots = [0, 1], at_s = 0.5, respawn_after_s = 0",
    "storm": "what = 'storm', slots = [0, 1], at_s = 0.5, rounds = 3, every_s = 0.7, "
    "respawn_after_s = 0.1",
    "kill_during_enqueue": "what = 'kill_during_enqueue', at_s = 0.5",
    "blackhole": "what = 'blackhole', slots = [0, 1], at_s = 0.5, for_s = 60",
    "reset": "what = 'reset', slots = [0, 1], at_s = 0.5, for_s = 60",
    "backend_terminate": "what = 'backend_terminate', at_s = 0.5",
    "database_restart": "what = 'database_restart', at_s = 0.5, down_s = 30",
    "database_crash": "what = 'database_crash', at_s = 0.5",
    "database_pause": "what = 'database_pause', at_s = 0.5, for_s = 60",
    "crash_loop": "what = 'crash_loop', at_s = 0.5, successors = 9, respawn_after_s = 0.1",
}
"""By a fault's word: an entry under which its parent is killed while the fault lasts."""
LIBRARY_FOR = {"kill_leader_only": "control_forking"}
"""By a fault's word: the library that it needs, where the usual one will not do."""


@pytest.mark.every_fault
@pytest.mark.database
@pytest.mark.parametrize("what", FAULTS)
def test_a_parent_that_is_killed_during_a_fault_leaves_nothing_stopped_and_no_process(
    temporary: Path, tmp_path: Path, what: str
) -> None:
    library = LIBRARY_FOR.get(what, "control_short_lease")
    parent = start(
        temporary,
        tmp_path,
        f"--scenario={SCENARIO}",
        f"--library={library}",
        "--preset=stock",
        "--set=workers.slots=2",
        f"--set=faults=[{{ {FAULTS[what]} }}]",
    )
    run_id = f"tiny_kill-{library}-stock-001"
    partial = tmp_path / f"{run_id}.jsonl.partial"
    family: list[psutil.Process] = []
    try:
        wait_for(
            lambda: partial.exists() and b'"kind":"fault_injected"' in partial.read_bytes(),
            STARTED_LIMIT_S,
            "the fault",
        )
        family = psutil.Process(parent.pid).children(recursive=True)
    finally:
        kill_and_look(parent, family, temporary, run_id)


@pytest.mark.every_fault
@pytest.mark.database
def test_a_parent_that_is_killed_while_its_server_is_down_leaves_it_down_and_no_process(
    temporary: Path, tmp_path: Path
) -> None:
    parent = start(
        temporary,
        tmp_path,
        f"--scenario={SCENARIO}",
        "--library=control_short_lease",
        "--preset=stock",
        f"--set=faults=[{{ {FAULTS['database_restart']} }}]",
    )
    run_id = "tiny_kill-control_short_lease-stock-001"
    partial = tmp_path / f"{run_id}.jsonl.partial"
    family: list[psutil.Process] = []

    def servers() -> list[psutil.Process]:
        children = psutil.Process(parent.pid).children(recursive=True)
        return [one for one in living(children) if is_server(one)]

    try:
        wait_for(
            lambda: partial.exists() and b'"kind":"fault_injected"' in partial.read_bytes(),
            STARTED_LIMIT_S,
            "the fault",
        )
        wait_for(lambda: not servers(), 25.0, "the end of the server")
        family = psutil.Process(parent.pid).children(recursive=True)
    finally:
        kill_and_look(parent, family, temporary, run_id)


DATABASE_FAULTS = {
    "closed and pinned": ("read_only", "pool_exhaustion", "pinned_snapshot"),
    "locked": ("table_lock",),
}
"""The words of faults that harm the database of a run, by what it is then."""


@pytest.mark.every_fault
@pytest.mark.database
@pytest.mark.parametrize("what", DATABASE_FAULTS)
def test_a_parent_that_is_killed_during_a_fault_leaves_no_database_on_a_given_server(
    temporary: Path, tmp_path: Path, server: Server, what: str
) -> None:
    words = DATABASE_FAULTS[what]
    entries = ", ".join(f"{{ what = '{word}', at_s = 0.5, for_s = 60 }}" for word in words)
    parent = start(
        temporary,
        tmp_path,
        f"--scenario={SCENARIO}",
        "--library=control_short_lease",
        "--preset=stock",
        f"--dsn={server.dsn}",
        f"--set=faults=[{entries}]",
    )
    run_id = "tiny_kill-control_short_lease-stock-001"
    partial = tmp_path / f"{run_id}.jsonl.partial"
    family: list[psutil.Process] = []
    try:
        wait_for(
            lambda: (
                partial.exists()
                and partial.read_bytes().count(b'"kind":"fault_injected"') == len(words)
            ),
            90.0,
            "the faults",
        )
        assert databases_of_runs(server), "it is there while the fault lasts"
        family = psutil.Process(parent.pid).children(recursive=True)
    finally:
        kill_and_look(parent, family, temporary, run_id)
    assert databases_of_runs(server) == []


def databases_of_runs(server: Server) -> list[str]:
    """The names of the databases that runs have made on a given server."""
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        names = connection.execute("SELECT datname FROM pg_database").fetchall()
    return [name for (name,) in names if name.startswith("crashbench_")]
