"""The harness's own share: a workload against bare pgqueuer, and the same under the harness.

Both do the same jobs at the same planned instants, with the settings of the preset stock, on a
fresh server each, and commit the same effects: those are the job's work. What the harness adds is
its emitter, the parent that plans, reads, records, samples and watches on the same cores, and its
executor around the library's. Pairs alternate which comes first. One more run of each scenario is
watched from outside and says what of a core each process took meanwhile. The limits are the
project's aims: under the harness a queue is to keep 97 % of its throughput and to gain at most 5 %
in pickup p99.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from analysis.history.load import load
from orchestrator.scenario.load import load_scenario
from orchestrator.scenario.types import Scenario
from tests.benchmarks.bare_run import run_bare
from tests.benchmarks.figure import Costs, Effort, Figure, ratio, stated
from tests.benchmarks.main_job import phase_ns
from tests.benchmarks.one_run import one_run
from tests.benchmarks.process_cpu import OUR_OWN, CpuWatch
from tests.benchmarks.stamps import Stamp, pickup_p99_ms, stamps_of, throughput_per_s

THROUGHPUT_LIMIT = 0.97
PICKUP_LIMIT = 1.05
SCENARIOS = ("saturated", "paced")
PRESET = "stock"
PAIRS = {"full": 12, "quick": 2}
_FOLDER = Path(__file__).parent


def measure(effort: Effort) -> list[Figure]:
    """Throughput where the machine is saturated, and pickup p99 where it is not."""
    saturated, paced = (load_scenario(str(_FOLDER / f"{name}.toml")) for name in SCENARIOS)
    pairs = PAIRS[effort]
    warmup_s = paced.workload.warmup_s
    rates = _compared(saturated, pairs, throughput_per_s)
    pickups = _compared(paced, pairs, lambda stamps: pickup_p99_ms(stamps, warmup_s))
    return [
        ratio(
            "throughput under the harness, saturated",
            rates,
            THROUGHPUT_LIMIT,
            unit="jobs/s",
            at_least=True,
        ),
        ratio("pickup p99 under the harness", pickups, PICKUP_LIMIT, unit="ms"),
        *(_own_cpu(name) for name in SCENARIOS),
    ]


def _compared(
    scenario: Scenario, pairs: int, figure: Callable[[list[Stamp]], float]
) -> list[Costs]:
    found = []
    for number in range(pairs):
        bare_first = number % 2 == 0
        before = run_bare(scenario, PRESET) if bare_first else None
        harness = figure(run_under_harness(scenario.name))
        bare = figure(before or run_bare(scenario, PRESET))
        found.append(Costs(harness, bare))
    return found


def run_under_harness(name: str) -> list[Stamp]:
    """Carry the scenario out under the harness; one stamp a job."""
    with TemporaryDirectory() as folder:
        path = one_run(str(_FOLDER / f"{name}.toml"), Path(folder), "--preset", PRESET)
        return stamps_of(path.read_bytes())


def _own_cpu(name: str) -> Figure:
    """What the harness's processes take of a core from T = 0 to the stop of the workers."""
    with TemporaryDirectory() as folder, CpuWatch() as watch:
        path = one_run(str(_FOLDER / f"{name}.toml"), Path(folder), "--preset", PRESET)
        history = load(path)
    shares = watch.shares(phase_ns(history, "load"), phase_ns(history, "stop"))
    each = [f"{role} {share:.1%}" for role, share in sorted(shares.items())]
    own = sum(shares.get(role, 0.0) for role in OUR_OWN)
    return stated(f"the harness's own CPU, {name}", f"{own:.1%}", f"of a core: {', '.join(each)}")
