"""A scenario that cannot be used is refused whole, with everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from orchestrator.errors import ScenarioError
from orchestrator.scenario.checks import FAILURE_BYTES, PLAN_BYTES
from orchestrator.scenario.load import load_scenario, resolved, scenario_from_resolved
from tests.unit.one_flaw import the_only_flaw
from worker_child.protocol import Plan

FLAWS: list[tuple[str, list[str], str]] = [
    # (scenario, overrides, the one flaw)
    ("crash_recovery", ["workload.rate_per_sec=3"], 'did you mean "rate_per_s"?'),
    ("crash_recovery", ["server=check_1s"], "'check_1s' is unknown; did you mean \"check_100ms\"?"),
    ("crash_recovery", ["colour=blue"], "colour: unknown key at the top of the file; there are "),
    ("crash_recovery", ["limits.redy_s=3"], 'unknown key in [limits]; did you mean "ready_s"?'),
    ("crash_recovery", ["faults.0.slto=1"], 'unknown key in [faults.0]; did you mean "slot"?'),
    ("crash_recovery", ["workload.mix.entity_updat=0"], 'did you mean "entity_update"?'),
    ("crash_recovery", ["workload.rate_per_s=fast"], "'fast': expected `float`, got `str`"),
    ("crash_recovery", ["workload.rate_per_s=-3"], "workload.rate_per_s = -3: expected"),
    ("crash_recovery", ["workload.rate_per_s=inf"], "workload.rate_per_s = inf: expected"),
    ("crash_recovery", ["workload.rate_per_s=nan"], "workload.rate_per_s = nan: expected"),
    ("crash_recovery", [f"seed={10**40}"], f"seed = {10**40}: "),
    ("crash_recovery", [f"workload.rate_per_s={10**400}"], "workload.rate_per_s = 1"),
    ("crash_recovery", ["workload.duration_s=1979-05-27"], "expected `float`"),
    ("crash_recovery", ["description=''"], "description = ''"),
    ("crash_recovery", ["name='no spaces'"], "name = 'no spaces': expected"),
    ("crash_recovery", ["workers=3"], "workers = 3: expected a table"),
    (
        "crash_recovery",
        ["workload.curve={ factor = 2 }"],
        "curve.shape is missing; there are ",
    ),
    ("crash_recovery", ["workload.curve={ shape = [] }"], "workload.curve.shape = [] is unknown"),
    ("crash_recovery", ["workload.curve.shape=burts"], 'did you mean "burst"?'),
    ("crash_recovery", ["workload.curve={ shape = 'ramp' }"], "curve.to_factor is missing"),
    (
        "crash_recovery",
        ["workload.curve={ shape = 'burst', factor = 1, from_s = 119, length_s = 2 }"],
        "the burst ends at 121 s, after duration_s = 120",
    ),
    (
        "crash_recovery",
        ["workload.curve={ shape = 'points', points = [[0, 1], [9, 1], [8, 1]] }"],
        "seconds must ascend",
    ),
    (
        "crash_recovery",
        ["workload.curve={ shape = 'points', points = [[1, 1]] }"],
        "the first is at 1 s; it must be at 0",
    ),
    (
        "crash_recovery",
        ["workload.curve={ shape = 'ramp', from_factor = 0, to_factor = 0 }"],
        "not one job would come",
    ),
    ("crash_recovery", ["workload.rate_per_s=0.001"], "not one job in 120 s"),
    ("crash_recovery", ["workload.mix.entity_update=0.5"], "workload.mix sums to 1.1"),
    ("crash_recovery", ["workload.mix={}"], "workload.mix sums to 0"),
    ("crash_recovery", ["workload.time_scale=0.004"], "the shortest length of medium jobs"),
    ("crash_recovery", ["workload.time_scale=0.0083"], "the longest length of medium jobs"),
    ("crash_recovery", ["workload.warmup_s=120"], "leaves nothing of duration_s = 120"),
    ("crash_recovery", ["workload.tenants.distribution=skewed"], "noisy_share is missing"),
    ("crash_recovery", ["workload.tenants.exponent=1"], "exponent belongs to power_law"),
    (
        "crash_recovery",
        ["workload.tenants={ count = 1, distribution = 'skewed', noisy_share = 0.5 }"],
        "skewed needs a quiet tenant",
    ),
    ("crash_recovery", ["workload.payload.min_bytes=100"], "plan alone may take 200 bytes"),
    ("crash_recovery", ["workload.payload.max_bytes=255"], "is below min_bytes = 256"),
    (
        "crash_recovery",
        ["workload.errors=[{ share = 0.1, error_class = 'transent' }]"],
        'did you mean "transient"?',
    ),
    (
        "crash_recovery",
        ["workload.errors=[{ share = 0.1, error_class = 'transient', from_s = 9, to_s = 9 }]"],
        "workload.errors.0.to_s = 9 is not after from_s = 9",
    ),
    (
        "crash_recovery",
        ["workload.errors=[{ share = 0.1, error_class = 'transient', from_s = 120 }]"],
        "is not before duration_s = 120",
    ),
    (
        "crash_recovery_exact",
        ["workload.errors=[{ share = 0, error_class = 'permanent', kinds = ['tenant_rollup'] }]"],
        "tenant_rollup has no share in workload.mix",
    ),
    ("crash_recovery", ["limits.drain_s=15"], "the last job may take 15 s"),
    ("crash_recovery_exact", ["workload.endless=true"], "the stream must end before"),
    (
        "crash_recovery",
        ["workload.rate_per_s=80"],
        "123.1% of the workers' total concurrency of 20",
    ),
    ("crash_recovery", ["workload.rate_per_s"], "expected key.key=value"),
    ("crash_recovery", ["=3"], "expected key.key=value"),
    ("crash_recovery", ["workload.rate_per_s=[3"], "is not a TOML value"),
    ("crash_recovery", ["faults.1.at_s=3"], "there is no such place in the file"),
    ("crash_recovery", ["seed.x=3"], "there is no such place in the file"),
    ("crash_recovry", [], 'no such scenario is shipped; did you mean "crash_recovery"?'),
    ("/nowhere/mine.toml", [], "the file cannot be read: No such file or directory"),
]


@pytest.mark.parametrize(("name", "overrides", "text"), FLAWS, ids=[row[2] for row in FLAWS])
def test_a_flaw_is_named_and_nothing_else_is_blamed(
    name: str, overrides: list[str], text: str
) -> None:
    assert text in the_only_flaw(name, overrides)


def test_all_flaws_of_a_file_come_in_one_error(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(
        """
        seed = "x"
        descriptio = "misspelt"
        [workload]
        duration_s = 20
        rate_per_s = -3
        time_scale = 0.001
        [workload.mix]
        entity_update = 0.5
        [worker]
        concurrency = 3
        [[faults]]
        at_s = 500
        when = { flight = 3 }
        [expectations]
        certificates = 9
        """
    )
    with pytest.raises(ScenarioError) as caught:
        load_scenario(str(path), ["limits.drain_s=none"])
    expected = [
        "descriptio: unknown key",
        "worker: unknown key",
        "description is missing",
        "seed = 'x'",
        "workload.rate_per_s = -3",
        "workers is missing",
        "faults.0.when.flight: unknown key",
        "limits.drain_s = 'none'",
        "workload.mix sums to 0.5",
        "workload.time_scale = 0.001",
        "faults.0 has at_s and when",
        "faults.0.at_s = 500",
        "expectations.certificates = 9",
    ]
    for flaw, beginning in zip(caught.value.flaws, expected, strict=True):
        assert flaw.startswith(beginning)
    for flaw in caught.value.flaws:
        assert f"\n  - {flaw}" in str(caught.value)


def test_malformed_toml_names_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "torn.toml"
    path.write_text("seed = 1\nrate = = 3\n")
    with pytest.raises(ScenarioError, match=r"not TOML: .* \(at line 2, column 8\)"):
        load_scenario(str(path))


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "binary.toml"
    path.write_bytes(b"seed = \xff")
    with pytest.raises(ScenarioError, match="byte 7 is not UTF-8"):
        load_scenario(str(path))


def test_a_file_of_nothing_but_brackets_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep.toml"
    path.write_text(f"seed = {'[' * 20_000}")
    with pytest.raises(ScenarioError, match="nested too deeply"):
        load_scenario(str(path))


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="the file cannot be read: Is a directory"):
        load_scenario(str(tmp_path))


def _places(table: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if at:
        yield at
    keys = list(table) if isinstance(table, dict) else []
    keys = list(range(len(table))) if isinstance(table, list) else keys
    for key in keys:
        yield from _places(table[key], (*at, key))


@pytest.mark.parametrize("name", ["crash_recovery_repeated", "crash_recovery_exact"])
@pytest.mark.parametrize("nonsense", [{"nonsense": [1]}, [[None]], -1.5])
def test_nonsense_at_any_place_is_a_flaw_of_that_place_and_never_a_crash(
    name: str, nonsense: object
) -> None:
    whole = resolved(load_scenario(name))
    for place in _places(whole):
        table = msgspec.json.decode(msgspec.json.encode(whole))
        inner = table
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = nonsense
        with pytest.raises(ScenarioError) as caught:
            scenario_from_resolved(table)
        path = ".".join(map(str, place))
        assert any(flaw.startswith(path) for flaw in caught.value.flaws), path


def test_no_plan_is_longer_than_a_payload_must_allow() -> None:
    longest = Plan(
        job_id="j000000000",
        kind="document_batch_analyze",
        profile="external_api",
        length_us=10**11,
        tenant="t9999",
        cpu_iterations=2 * 10**11,
        fail=("rate_limit",) * 7,
        hold="completed",
        pad="x",
    )
    assert len(msgspec.json.encode(longest)) <= PLAN_BYTES + 7 * FAILURE_BYTES
