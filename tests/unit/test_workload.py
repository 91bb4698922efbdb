"""The workload: the same jobs byte for byte everywhere, and made as the file says."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

import msgspec
import pytest

from orchestrator.errors import UnplannedJobError
from orchestrator.scenario.draws import WORD, LogUniform, Weighted, power_law, rational
from orchestrator.scenario.job_kinds import CLASSES, KINDS, length_bounds_us
from orchestrator.scenario.load import load_scenario
from orchestrator.scenario.workload import PlannedJob, Workload
from worker_child.protocol import Plan

REPOSITORY = Path(__file__).resolve().parents[2]

ALL_FEATURES = [
    "workload.curve={ shape = 'burst', factor = 10, from_s = 10, length_s = 5 }",
    "workload.tenants={ count = 50, distribution = 'power_law', exponent = 1.1 }",
    "workload.payload={ min_bytes = 300, max_bytes = 3000 }",
    "workload.kinds.tenant_snapshot={ profile = 'cpu', tenant_scoped = false }",
    "workload.errors=[{ share = 0.2, error_class = 'transient', failures = 2 },"
    " { share = 0.1, error_class = 'rate_limit', from_s = 5, to_s = 20 }]",
    "over_capacity=true",
]


def workload(*overrides: str, name: str = "crash_recovery") -> Workload:
    return Workload(load_scenario(name, overrides, cores=2))


def digest(jobs: Iterable[PlannedJob]) -> str:
    """Of everything that a job is: payload, class and intended instant."""
    whole = hashlib.sha256()
    for job in jobs:
        whole.update(b"%d %s " % (job.intended_ns, job.job_class.encode()))
        whole.update(job.payload + b"\n")
    return whole.hexdigest()


@pytest.mark.parametrize(
    ("overrides", "written_down"),
    [
        ([], "9efc3737a70f4e6962305c10e73d2357d307c677c3b47270a7cda1db10a35a9e"),
        (ALL_FEATURES, "e658c1bcea02375204624018afa202a8d836c4f26e82794c8c307d122053f6c3"),
    ],
)
def test_the_first_thousand_jobs_are_the_ones_written_down(
    overrides: Sequence[str], written_down: str
) -> None:
    assert digest(islice(workload(*overrides).jobs(), 1000)) == written_down


def test_the_held_jobs_are_the_ones_written_down() -> None:
    held = workload(name="crash_recovery_exact").held()
    assert digest(held) == "a873386e27c59d3c2e8026900d5394cf49eeacfba95b57524bb00afb6be29210"


@pytest.mark.parametrize("hash_seed", ["0", "1", "4711"])
def test_the_jobs_do_not_depend_on_the_hash_seed_the_locale_or_the_time_zone(
    hash_seed: str,
) -> None:
    program = (
        "from tests.unit.test_workload import ALL_FEATURES, digest, islice, workload;"
        "print(digest(islice(workload(*ALL_FEATURES).jobs(), 200)), end='')"
    )
    environment = os.environ | {
        "PYTHONHASHSEED": hash_seed,
        "LC_ALL": "C",
        "TZ": "Asia/Kathmandu",
    }
    printed = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
    assert printed == digest(islice(workload(*ALL_FEATURES).jobs(), 200))


def test_another_seed_gives_other_jobs_at_other_times() -> None:
    ours, other = workload(), workload("seed=2")
    assert [ours.job(i).plan.length_us for i in range(9)] != [
        other.job(i).plan.length_us for i in range(9)
    ]
    assert ours.job(5).intended_ns != other.job(5).intended_ns


def test_the_order_in_which_the_file_names_the_kinds_changes_nothing() -> None:
    shuffled = "workload.mix={ tenant_rollup = 0.5, entity_update = 0.25, entity_enrich = 0.25 }"
    ordered = "workload.mix={ entity_update = 0.25, entity_enrich = 0.25, tenant_rollup = 0.5 }"
    one, other = (workload(mix, "over_capacity=true") for mix in (shuffled, ordered))
    assert digest(islice(one.jobs(), 200)) == digest(islice(other.jobs(), 200))


def test_a_job_can_be_made_again_without_its_neighbours() -> None:
    jobs = workload(*ALL_FEATURES)
    listed = list(islice(jobs.jobs(), 300))
    assert [jobs.job(index) for index in reversed(range(300))] == listed[::-1]
    assert jobs.by_id("j000123") == listed[123]


def test_an_endless_stream_begins_with_the_jobs_of_the_finite_one() -> None:
    endless, finite = (
        workload(name="crash_recovery_repeated"),
        workload(
            "faults=[]", "expectations={}", "workload.endless=false", name="crash_recovery_repeated"
        ),
    )
    assert endless.stream_jobs is None
    assert finite.stream_jobs == 300
    assert list(islice(endless.jobs(), 300)) == list(finite.jobs())
    assert endless.job(10_000_000).plan.job_id == "j10000000"


def test_the_payload_is_the_plan_and_has_the_size_that_was_drawn() -> None:
    sizes = set()
    for job in workload("workload.payload={ min_bytes = 300, max_bytes = 302 }").jobs():
        assert msgspec.json.decode(job.payload, type=Plan) == job.plan
        sizes.add(len(job.payload))
    assert sizes == {300, 301, 302}


def _deflated(text: bytes, strategy: int) -> int:
    """Bytes."""
    deflate = zlib.compressobj(9, strategy=strategy)
    return len(deflate.compress(text) + deflate.flush())


def test_padding_does_not_shrink_under_compression() -> None:
    """PostgreSQL's takes out what repeats, and writes no digit shorter than the others."""
    pads = [job.plan.pad for job in islice(workload().jobs(), 50)]
    assert len(set(pads)) == 50
    long = [pad.encode() for pad in pads if len(pad) > 100]
    assert long
    for pad in long:
        without_repeats = _deflated(pad, zlib.Z_DEFAULT_STRATEGY)
        assert without_repeats > 0.95 * _deflated(pad, zlib.Z_HUFFMAN_ONLY)


def test_kinds_come_in_their_shares() -> None:
    jobs = list(workload().jobs())
    kinds = Counter(job.plan.kind for job in jobs)
    classes = Counter(job.job_class for job in jobs)
    assert set(kinds) == set(KINDS)
    for name, share in (("short", 0.90), ("medium", 0.08), ("long", 0.02)):
        assert classes[name] / len(jobs) == pytest.approx(share, abs=0.02)


def test_each_kind_has_the_class_profile_and_scope_of_the_methodology() -> None:
    for job in workload().jobs():
        shape, plan = KINDS[job.plan.kind], job.plan  # type: ignore[index]
        low_us, high_us = length_bounds_us(shape.job_class, 0.05)
        assert job.job_class == shape.job_class
        assert plan.profile == shape.profile
        assert (plan.tenant is not None) == shape.tenant_scoped
        assert low_us <= plan.length_us <= high_us
        assert plan.cpu_iterations == 0


def test_every_query_of_a_db_job_is_planned_under_a_hundred_milliseconds() -> None:
    jobs = [
        job.plan
        for job in workload(
            "workload.time_scale=1", "over_capacity=true", "limits.drain_s=400"
        ).jobs()
    ]
    for plan in jobs:
        if plan.profile == "db":
            assert plan.length_us / plan.queries <= 80_000
            assert plan.length_us > (plan.queries - 1) * 80_000
        else:
            assert plan.queries == 0


def test_an_overridden_kind_burns_a_fixed_count_of_cpu_rounds() -> None:
    override = "workload.kinds.tenant_snapshot={ profile = 'cpu', class = 'medium' }"
    jobs = list(workload(override, "over_capacity=true").jobs())
    burning = [job for job in jobs if job.plan.kind == "tenant_snapshot"]
    assert burning
    for job in burning:
        assert job.job_class == "medium"
        assert job.plan.cpu_iterations == 2 * job.plan.length_us
        assert job.plan.queries == 0


def test_time_scale_leaves_short_jobs_alone() -> None:
    assert length_bounds_us("short", 0.05) == (5_000, 250_000)
    assert length_bounds_us("medium", 0.05) == (50_000, 1_500_000)
    assert length_bounds_us("long", 0.05) == (1_500_000, 15_000_000)


def test_tenants_follow_their_distribution() -> None:
    def counts(tenants: str) -> Counter[str | None]:
        jobs = workload(f"workload.tenants={tenants}").jobs()
        return Counter(job.plan.tenant for job in jobs if job.plan.tenant)

    uniform = counts("{ count = 4 }")
    assert set(uniform) == {"t0000", "t0001", "t0002", "t0003"}
    assert max(uniform.values()) < 1.2 * min(uniform.values())
    skewed = counts("{ count = 4, distribution = 'skewed', noisy_share = 0.7 }")
    assert skewed["t0000"] / skewed.total() == pytest.approx(0.7, abs=0.03)
    falling = counts("{ count = 4, distribution = 'power_law', exponent = 1 }")
    assert falling["t0000"] / falling["t0001"] == pytest.approx(2, rel=0.15)


def test_planned_errors_hit_their_share_in_their_window_and_no_other_job() -> None:
    errors = (
        "workload.errors=[{ share = 0.5, error_class = 'transient', failures = 3,"
        " from_s = 40, to_s = 80, kinds = ['entity_update'] },"
        " { share = 1, error_class = 'rate_limit', kinds = ['tenant_rollup'] }]"
    )
    hit = eligible = 0
    for job in workload(errors, "over_capacity=true").jobs():
        in_window = 40e9 <= job.intended_ns < 80e9
        if job.plan.kind == "tenant_rollup":
            assert job.plan.fail == ("rate_limit",)
        elif job.plan.kind == "entity_update" and in_window:
            assert job.plan.fail in ((), ("transient",) * 3)
            hit, eligible = hit + bool(job.plan.fail), eligible + 1
        else:
            assert job.plan.fail == ()
    assert hit / eligible == pytest.approx(0.5, abs=0.08)


def test_two_injections_may_hit_one_job_and_their_failures_add_up() -> None:
    errors = (
        "workload.errors=[{ share = 1, error_class = 'transient', failures = 2 },"
        " { share = 1, error_class = 'permanent' }]"
    )
    job = workload(errors, "over_capacity=true").job(3)
    assert job.plan.fail == ("transient", "transient", "permanent")


def test_held_jobs_have_ids_and_lengths_of_their_own() -> None:
    jobs = workload(name="crash_recovery_exact")
    assert [job.plan.job_id for job in jobs.held()] == [f"h{index:06d}" for index in range(12)]
    assert {job.plan.length_us for job in jobs.held()} == {50_000}
    assert jobs.by_id("h000011") == jobs.held()[11]
    assert all(job.plan.hold is None for job in jobs.jobs())


@pytest.mark.parametrize(
    "job_id",
    ["j003600", "j0000001", "j1", "h000000", "x000001", "j00000\u0661", "", "j", "j000001/3"],
)
def test_an_id_that_was_never_planned_is_refused(job_id: str) -> None:
    with pytest.raises(UnplannedJobError, match="is not of this workload"):
        workload().by_id(job_id)


def test_log_uniform_lengths_reach_both_ends_and_ascend_with_the_draw() -> None:
    for name in CLASSES:
        low_us, high_us = length_bounds_us(name, 1.0)
        lengths = LogUniform(low_us, high_us)
        drawn = [lengths.at(share * (WORD - 1) // 1000) for share in range(1001)]
        assert drawn == sorted(drawn)
        assert (drawn[0], drawn[-1]) == (low_us, high_us)
        assert drawn[500] == pytest.approx((low_us * high_us) ** 0.5, abs=0.5)


def test_a_weight_of_nought_is_never_chosen() -> None:
    choice = Weighted([rational(weight) for weight in (0, 0.25, 0, 0.75, 0)])
    assert choice.at(0) == 1
    assert choice.at(WORD // 4 - 1) == 1
    assert choice.at(WORD // 4) == 3
    assert choice.at(WORD - 1) == 3


def test_power_law_weights_are_powers() -> None:
    assert [float(weight) for weight in power_law(4, 2.0)] == pytest.approx(
        [1, 1 / 4, 1 / 9, 1 / 16]
    )
    assert [float(weight) for weight in power_law(3, 0.0)] == [1, 1, 1]
