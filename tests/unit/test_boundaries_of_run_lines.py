"""What a run's first and last line say of it, where one thing more or less contradicts the rest."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from analysis.checks.run_lines import CHECKS
from tests.unit.stand_in_history import stand_in

HEX = "0123456789abcdef"
OTHER_HEX = HEX[::-1]


def said(
    *,
    workload: dict[str, Any] | None = None,
    scenario: dict[str, Any] | None = None,
    start: dict[str, Any] | None = None,
    bytes_written: int = 700,
    **history: Any,
) -> list[str]:
    """What the checks say of a sound run with these changes."""
    plain = {"fan_out": 0, "dedup": None, "cache": None, "closed_loop": False, "endless": False}
    asked = {"name": "load", "seed": 1, "server": "check_off", "faults": ()} | (scenario or {})
    told: dict[str, Any] = {
        "scenario_name": "load",
        "library": "river",
        "preset": "tuned",
        "ordinal": 7,
        "seed": 1,
        "scenario": SimpleNamespace(**asked, workload=SimpleNamespace(**plain | (workload or {}))),
        "scenario_sha256": HEX * 4,
        "needs": (),
        "offers": {},
        "planned_stream_jobs": 60,
        "preset_hash": HEX,
        "settings": {"pool": 2},
        "changed_settings": {},
        "environment": {},
    }
    found: dict[str, Any] = {
        "run_id": "load-river-tuned-007",
        "version": 3,
        "by_hand": False,
        "scenario_digest": HEX * 4,
        "bytes_beside_end": 700,
    }
    whole = stand_in(
        start=SimpleNamespace(**told | (start or {})),
        end=SimpleNamespace(bytes_written=bytes_written),
        **found | history,
    )
    return [sentence for check in CHECKS for sentence in check(whole)]


def test_lines_that_agree_say_nothing() -> None:
    assert said() == []


@pytest.mark.parametrize(
    ("version", "counted", "told"),
    [
        (1, 700, False),
        (1, 0, True),
        (1, 1, True),
        (1, 699, True),
        (2, 0, True),
        (2, 701, True),
        (3, 0, True),
        (3, 700, False),
    ],
)
def test_run_end_counts_the_bytes_beside_it(version: int, counted: int, told: bool) -> None:
    sentence = f"run_end says that {counted} bytes precede it; the file has 700 beside that line."
    assert said(version=version, bytes_written=counted) == [sentence] * told


@pytest.mark.parametrize(
    ("version", "digest", "told"),
    [
        (1, OTHER_HEX * 4, False),
        (2, OTHER_HEX * 4, True),
        (3, OTHER_HEX * 4, True),
        (3, HEX * 4, False),
        (3, None, False),
    ],
)
def test_the_scenarios_digest_is_that_of_the_scenario(
    version: int, digest: str | None, told: bool
) -> None:
    sentence = f"scenario_sha256 is {HEX}..., the scenario's digest is {OTHER_HEX}..."
    assert said(version=version, scenario_digest=digest) == [sentence] * told


def test_a_run_is_called_by_what_its_first_line_says() -> None:
    assert said(run_id="load-river-tuned-008") == [
        "The run is called 'load-river-tuned-008'; by its run_start it is 'load-river-tuned-007'."
    ]
    assert said(start={"ordinal": 1234}, run_id="load-river-tuned-1234") == []
    assert said(scenario={"name": "lead"}) == [
        "run_start names the scenario 'load', the scenario itself is 'lead'."
    ]
    assert said(scenario={"seed": 2}) == ["run_start has the seed 1, its scenario 2."]


NEEDED = {"fan_out": 3, "cache": object()}
OFFERED = {"fan_out": "it enqueues", "dedup": "by key", "cache": "of results"}
NEEDS = "run_start needs {} of a library; by its scenario that is ['fan_out', 'cache']."


@pytest.mark.parametrize(
    ("needs", "right"),
    [
        (("fan_out", "cache"), True),
        (("cache", "fan_out"), False),
        (("fan_out",), False),
        ((), False),
        (("fan_out", "dedup", "cache"), False),
    ],
)
def test_a_library_is_needed_to_do_what_the_scenario_asks_for(
    needs: tuple[str, ...], right: bool
) -> None:
    found = said(workload=NEEDED, start={"needs": needs, "offers": OFFERED})
    assert found == [NEEDS.format([*needs])] * (not right)


def test_a_library_that_lacks_what_is_needed_is_not_run() -> None:
    needs = {"needs": ("fan_out", "cache")}
    assert said(workload=NEEDED, start=needs) == [
        "The library was run although it does not offer fan_out, cache."
    ]
    assert said(workload=NEEDED, start={**needs, "offers": {"cache": "", "dedup": ""}}) == [
        "The library was run although it does not offer fan_out."
    ]


@pytest.mark.parametrize(
    ("cut", "planned", "told"),
    [
        ({}, 60, False),
        ({}, 0, False),
        ({}, None, True),
        ({"closed_loop": True}, None, False),
        ({"endless": True}, None, False),
        ({"endless": True}, 60, False),
    ],
)
def test_a_stream_with_an_end_says_how_many_jobs_it_has(
    cut: dict[str, bool], planned: int | None, told: bool
) -> None:
    sentence = "run_start does not say how many jobs the stream has, although it has an end."
    assert said(workload=cut, start={"planned_stream_jobs": planned}) == [sentence] * told


@pytest.mark.parametrize(
    ("preset_hash", "told"),
    [
        (HEX, False),
        (None, False),
        ("", True),
        (HEX[1:], True),
        (f"{HEX}0", True),
        (HEX.upper(), True),
        (f"{HEX}\n", True),
    ],
)
def test_a_presets_hash_has_16_hex_digits(preset_hash: str | None, told: bool) -> None:
    sentence = f"preset_hash is {preset_hash!r}, and not 16 hex digits."
    assert said(start={"preset_hash": preset_hash}) == [sentence] * told


def under(preset: str, **changed: Any) -> list[str]:
    """What is said of a preset with these settings changed; `pool` is 2 in the end."""
    return said(
        start={"preset": preset, "changed_settings": changed},
        run_id=f"load-river-{preset}-007",
    )


@pytest.mark.parametrize("preset", ["tuned.0123abcd", "stock.more.0123abcd"])
def test_the_preset_of_changed_settings_ends_on_eight_hex_digits(preset: str) -> None:
    assert under(preset, pool=2) == []
    assert under(preset) == [f"The preset {preset!r} and the changed settings do not go together."]


@pytest.mark.parametrize(
    "preset", ["tuned", "tuned.0123abc", "tuned.0123abcde", "tuned.0123ABCD", "tuned.0123abcd.x"]
)
def test_the_preset_of_settings_as_they_are_does_not(preset: str) -> None:
    assert under(preset) == []
    assert under(preset, pool=2) == [
        f"The preset {preset!r} and the changed settings do not go together."
    ]


@pytest.mark.parametrize("changed", [{"pool": 3}, {"batch": 2}, {"pool": 2, "batch": 1}])
def test_a_changed_setting_is_in_force(changed: dict[str, int]) -> None:
    assert under("tuned.0123abcd", **changed) == [
        "A setting that was changed has another value among the settings."
    ]


@pytest.mark.parametrize(("version", "told"), [(1, 0), (2, 3), (3, 3)])
def test_the_first_version_is_not_asked_what_it_says_beside_its_scenario(
    version: int, told: int
) -> None:
    wrong = {"needs": ("dedup",), "planned_stream_jobs": None, "preset_hash": "none"}
    assert len(said(start=wrong, version=version)) == told


@pytest.mark.parametrize(
    ("condition", "interval", "told"),
    [
        ("check_off", "0", False),
        ("check_off", "100ms", True),
        ("check_100ms", "100ms", False),
        ("check_100ms", "0", True),
        ("check_100ms", None, False),
    ],
)
def test_the_server_was_under_the_condition_that_was_asked_for_where_it_can_say(
    condition: str, interval: str | None, told: bool
) -> None:
    settings = {} if interval is None else {"client_connection_check_interval": interval}
    found = said(
        scenario={"server": condition},
        start={"environment": {"postgres": {"settings": settings}}},
    )
    sentence = (
        f"The run was to be under the server condition {condition}, and its server's "
        f"client_connection_check_interval was {interval}."
    )
    assert found == [sentence] * told
    assert said(start={"environment": {"postgres": {}}}) == []
