"""The world refuses: no room on the disk, no room on the server, sessions that would change what is
measured. Each is one sentence and exit code 2, and what was written before is kept."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from orchestrator.postgres.server import Server
from tests.histories.planted import PLANTED

ROOT = Path(__file__).resolve().parents[2]
SCENARIO = ROOT / "tests" / "scenarios" / "tiny_kill.toml"
RUN_ID = "tiny_kill-pgqueuer-tuned-001"
LIMIT_S = 90.0
KIB = 1024

pytestmark = pytest.mark.database

MakeDisk = Callable[[int], Path]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[MakeDisk]:
    """Mounts a small file system in memory."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    mounted: list[Path] = []

    def mount(kib: int) -> Path:
        place = tmp_path / "small"
        place.mkdir()
        done = subprocess.run(
            ["/bin/mount", "-t", "tmpfs", "-o", f"size={kib}k", "none", str(place)],
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["/bin/umount", str(place)], check=True)


def dsn_of(server: Server) -> str:
    return make_conninfo(server.dsn, dbname="postgres")


def crashbench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "orchestrator", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )


def assert_refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize("kib", [4, 40])
def test_a_disk_that_is_full_within_the_run(server: Server, disk: MakeDisk, kib: int) -> None:
    results = disk(kib)
    arguments = (f"--scenario={SCENARIO}", f"--results={results}", f"--dsn={dsn_of(server)}")
    assert_refused(crashbench("run", *arguments), "the history", "No space left on device")
    assert (results / f"{RUN_ID}.jsonl.partial").exists()


def test_a_disk_that_holds_the_history_and_not_the_summary(server: Server, disk: MakeDisk) -> None:
    results = disk(96)
    arguments = (f"--scenario={SCENARIO}", f"--results={results}", f"--dsn={dsn_of(server)}")
    assert_refused(crashbench("run", *arguments), "the summary", "No space left on device")
    assert [path.name for path in sorted(results.iterdir()) if path.name[0] != "."] == [
        f"{RUN_ID}.jsonl",
        f"{RUN_ID}.logs",
    ]


def test_a_disk_that_is_full_when_a_history_is_judged_again(disk: MakeDisk) -> None:
    results = disk(32)
    history = PLANTED["a_crash"].plant().write(results, "a_crash")
    (results / "filler").write_bytes(bytes(32 * KIB - _pages(history)))
    assert_refused(crashbench("judge", str(history)), "the summary", "No space left on device")
    assert not list(results.glob("*.tmp"))


def _pages(path: Path) -> int:
    return -(-path.stat().st_size // 4096) * 4096


def test_an_output_that_takes_nothing_costs_the_answer_and_not_the_history(
    server: Server, tmp_path: Path
) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "orchestrator", "run", f"--scenario={SCENARIO}"),
                *(f"--results={tmp_path}", f"--dsn={dsn_of(server)}"),
            ],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=LIMIT_S,
        )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "No space left on device" in done.stderr


@pytest.mark.parametrize(
    ("clause", "words"),
    [
        ("SET search_path = 'nowhere'", "have search_path = nowhere"),
        ("SET statement_timeout = '50ms'", "have statement_timeout = 50ms (set for the role)"),
        ("CONNECTION LIMIT 5", "the role's own limit (CONNECTION LIMIT 5)"),
    ],
)
def test_a_role_under_which_nothing_could_be_concluded(
    server: Server, tmp_path: Path, clause: str, words: str
) -> None:
    name = f"role_{os.urandom(4).hex()}"
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN CREATEDB")
        connection.execute(f"ALTER ROLE {name} {clause}")
    try:
        dsn = make_conninfo(dsn_of(server), user=name)
        done = crashbench("run", f"--scenario={SCENARIO}", f"--results={tmp_path}", f"--dsn={dsn}")
        assert_refused(done, words)
    finally:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute(SQL("DROP ROLE {}").format(Identifier(name)))
    assert not list(tmp_path.glob("*.jsonl*"))
