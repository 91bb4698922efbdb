"""What the proxy costs: ``pgbench -S`` and a claim loop through it and without it, in turns.

No limit is set: only crash points go through it, and none of them is judged by microseconds. It
asks at both sides of each round trip, as in an enumeration, and is never told to stop. Its clients
are processes of their own, so that they share no interpreter with it.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict

from orchestrator.postgres import binaries
from orchestrator.postgres.server import Server, open_server
from orchestrator.processes.janitor import Janitor
from orchestrator.proxy.points import RoundTrip, Side
from orchestrator.proxy.proxy import Proxy
from tests.benchmarks.claim_loop import CREATE, Pace
from tests.benchmarks.figure import Costs, Effort, Figure, stated, stated_ratio

ROUNDS = {"full": 7, "quick": 3}
SECONDS = {"full": 3, "quick": 1}
JOBS = {"full": 2000, "quick": 400}
ROUND_TRIPS = {"full": 4000, "quick": 1000}
_TPS = re.compile(r"^tps = ([\d.]+)", re.MULTILINE)
_LIMIT_S = 120.0


def measure(effort: Effort) -> list[Figure]:
    """Rates as parts of the direct ones, and microseconds more a round trip."""
    reads: list[Costs] = []
    claims: list[Costs] = []
    added_us: list[float] = []
    with (
        _server() as server,
        TemporaryDirectory(prefix="cb-") as folder,
        Proxy(server.worker_dsn, Path(folder) / "p", on_round_trip=_goes_on) as proxy,
    ):
        direct, through = server.worker_dsn, proxy.dsn(server.worker_dsn)
        for _ in range(ROUNDS[effort]):
            reads.append(Costs(_tps(through, effort), _tps(direct, effort)))
            ours, bare = _pace(through, effort), _pace(direct, effort)
            claims.append(Costs(ours.jobs_per_s, bare.jobs_per_s))
            added_us.append(ours.round_trip_us - bare.round_trip_us)
        assert proxy.facts().unexplained == 0, "what was measured passed as protocol"
    spread = f"{min(added_us):.0f}..{max(added_us):.0f} in {len(added_us)} rounds"
    return [
        stated_ratio("pgbench -S through the proxy", reads, unit="tps"),
        stated_ratio("claims through the proxy", claims, unit="jobs/s"),
        stated("a round trip, proxy", f"+{statistics.median(added_us):.0f} us", spread),
    ]


@contextmanager
def _server() -> Iterator[Server]:
    with Janitor() as janitor, open_server(None, run_id="bench", janitor=janitor) as server:
        with psycopg.connect(server.worker_dsn, autocommit=True) as connection:
            connection.execute(CREATE)
        _pgbench(server.worker_dsn, "--initialize", "--quiet")
        yield server


def _goes_on(round_trip: RoundTrip, side: Side) -> bool:
    return False


def _tps(dsn: str, effort: Effort) -> float:
    said = _pgbench(dsn, "--select-only", "--no-vacuum", f"--time={SECONDS[effort]}")
    found = _TPS.search(said)
    assert found is not None, said
    return float(found[1])


def _pgbench(dsn: str, *options: str) -> str:
    where = conninfo_to_dict(dsn)
    place = [f"--host={where['host']}", f"--port={where['port']}", f"--username={where['user']}"]
    argv = [binaries.locate().program("pgbench"), *place, *options, str(where["dbname"])]
    done = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=_LIMIT_S)
    return done.stdout


def _pace(dsn: str, effort: Effort) -> Pace:
    argv = [sys.executable, "-m", "tests.benchmarks.claim_loop"]
    amounts = [str(JOBS[effort]), str(ROUND_TRIPS[effort])]
    done = subprocess.run([*argv, dsn, *amounts], check=True, capture_output=True, timeout=_LIMIT_S)
    return msgspec.json.decode(done.stdout, type=Pace)
