"""`--setting KEY=VALUE`: one of the library's own settings on top of a preset."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from orchestrator.commands.reproduce import read_request
from orchestrator.documents.examples import EXAMPLES, line_of
from orchestrator.errors import AdapterError, SettingError, UnknownSettingError
from orchestrator.history.records import RunStart
from orchestrator.libraries.new_adapter import new_adapter
from orchestrator.run.request import Request, make_request
from orchestrator.scenario.load import load_scenario, resolved
from worker_child.adapters import LIBRARIES, load_adapter
from worker_child.adapters.contract import Workers

SCENARIO = load_scenario("crash_recovery_short", cores=2)


def asked(*words: str, library: str = "pgqueuer", preset: str = "stock") -> Request:
    return make_request(
        SCENARIO,
        library=library,
        preset=preset,
        ordinal=1,
        dsn=None,
        results=Path("results"),
        overwrite=False,
        settings=words,
    )


def test_the_predicted_bound_follows_a_changed_setting() -> None:
    stock, changed = asked(), asked("heartbeat_timeout_s=4")
    assert stock.preset.rescue is not None
    assert changed.preset.rescue is not None
    assert (stock.preset.rescue.lease_s, changed.preset.rescue.lease_s) == (30.0, 4.0)
    assert changed.preset.periods_s["heartbeat"] == 2.0


def test_the_runs_name_has_the_preset_and_eight_digits_of_what_was_changed() -> None:
    changed = asked("heartbeat_timeout_s=4")
    assert changed.run_id == "crash_recovery_short-pgqueuer-stock.d80b73c4-001"
    assert changed.setting_words == ("heartbeat_timeout_s=4.0",)
    both = asked("heartbeat_timeout_s=4", "dequeue_timeout_s=1")
    assert both.run_id == asked("dequeue_timeout_s=1.0", "heartbeat_timeout_s=4").run_id
    assert both.run_id != changed.run_id


def test_a_setting_that_is_as_it_was_changes_nothing() -> None:
    assert asked("heartbeat_timeout_s=30").run_id == asked().run_id


def test_the_hash_of_the_preset_does_not_change_with_the_workers() -> None:
    few = load_scenario("crash_recovery_short", ["workers.concurrency=18"], cores=2)
    request = make_request(
        few,
        library="pgqueuer",
        preset="stock",
        ordinal=1,
        dsn=None,
        results=Path("results"),
        overwrite=False,
    )
    assert request.preset.settings != asked().preset.settings
    assert request.preset_hash == asked().preset_hash
    assert request.preset_hash != asked("heartbeat_timeout_s=4").preset_hash


def test_an_unknown_setting_is_told_the_nearest_one() -> None:
    with pytest.raises(UnknownSettingError, match='did you mean "heartbeat_timeout_s"') as refusal:
        asked("heartbeat_timeot_s=4")
    assert refusal.value.exit_code == 2


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("heartbeat_timeout_s", "expected KEY=VALUE"),
        ("heartbeat_timeout_s=soon", "soon is a text, and a number is wanted .*has 30.0"),
        ("heartbeat_timeout_s=none", "is a text, and a number is wanted"),
        ("shutdown_on_listener_failure=1", "a whole number, and true or false is wanted"),
        ("batch_size=2.5", "a number, and a whole number is wanted"),
        ("batch_size=30", "at least twice as many"),
        ("driver=[", "not a TOML value"),
        ("driver=libpq", "'libpq', and this adapter can run with 'asyncpg' and 'psycopg'"),
        ("mode=drain", "can run with 'continuous'"),
        ("max_concurrent_tasks=4", "change it there, with --set workers.concurrency="),
    ],
)
def test_a_value_that_cannot_be_taken_says_why(word: str, says: str) -> None:
    with pytest.raises(SettingError, match=says):
        asked(word)


def test_a_setting_given_twice_is_refused() -> None:
    with pytest.raises(SettingError, match="given twice"):
        asked("batch_size=2", "batch_size=3")


def resolve(library: str, preset: str, changes: Mapping[str, Any]) -> Any:
    workers = Workers(1, 10, 5, 5, 6.0)
    return load_adapter(library).preset(preset, workers, changes)


def test_the_bounds_of_the_other_libraries_follow_as_well() -> None:
    quicker = resolve("procrastinate", "tuned", {"rescue_cron": "* * * * * */5"})
    assert (quicker.rescue.interval_s, quicker.periods_s["rescue"]) == (5.5, 5.0)
    freeing = resolve("graphile_worker", "stock", {"free_dead_pools_every_ms": 250})
    assert (freeing.rescue.lease_s, freeing.rescue.interval_s) == (0.0, 0.25)
    patient = resolve("river", "tuned", {"rescue_stuck_jobs_after_s": 40.0})
    assert patient.rescue.lease_s == 40.0
    assert resolve("river", "stock", {"job_complete_tx": True}).acknowledges_in_transaction


@pytest.mark.parametrize(
    ("library", "preset", "changes", "says"),
    [
        ("procrastinate", "tuned", {"rescue_cron": "0 * * * *"}, "no bound of a rescue can be"),
        ("procrastinate", "tuned", {"rescue_cron": None}, "set all three, or none"),
        ("river", "tuned", {"job_timeout_s": 50.0}, "wants at least job_timeout_s, here 50"),
        ("control_holding", "stock", {"poll_s": 1.0}, "is a control"),
    ],
)
def test_where_no_bound_can_be_derived_the_adapter_says_so(
    library: str, preset: str, changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(Exception, match=says) as refusal:
        resolve(library, preset, changes)
    assert type(refusal.value).__name__ == "UnusableSettingsError"


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_follows_from_the_workers_is_named_and_really_follows(library: str) -> None:
    adapter = load_adapter(library)
    preset = adapter.preset("stock", Workers(1, 10, 5, 5, 6.0))
    other = adapter.preset("stock", Workers(1, 12, 7, 9, 6.0))
    assert preset.from_workers.keys() <= preset.settings.keys()
    assert all(preset.settings[name] != other.settings[name] for name in preset.from_workers)


def test_the_template_takes_changed_settings(tmp_path: Path) -> None:
    outside = new_adapter("takes_changes", "python", tmp_path)
    request = asked("lease_s=4", library=str(outside))
    assert request.preset.rescue is not None
    assert request.preset.rescue.lease_s == 4.0


def test_an_adapter_that_knows_of_no_changes_works_without_and_is_refused_with_them(
    tmp_path: Path,
) -> None:
    outside = new_adapter("knows_of_none", "python", tmp_path)
    inbox = outside / "inbox.py"
    text = inbox.read_text()
    signature = (
        "    def preset(\n"
        "        self, name: str, workers: Workers, changes: Mapping[str, Any] = NO_CHANGES\n"
        "    ) -> Preset:\n"
        "        return resolve(name, workers, changes)\n"
    )
    assert signature in text
    old = "    def preset(self, name, workers):\n        return resolve(name, workers)\n"
    inbox.write_text(text.replace(signature, old))
    assert asked(library=str(outside)).preset.name == "stock"
    with pytest.raises(SettingError, match="takes no changed settings"):
        asked("lease_s=4", library=str(outside))


def test_an_adapter_that_passes_over_a_change_is_caught(tmp_path: Path) -> None:
    outside = new_adapter("passes_over", "python", tmp_path)
    presets = outside / "presets.py"
    presets.write_text(presets.read_text().replace("        **changes,\n", ""))
    with pytest.raises(AdapterError, match="did not take lease_s"):
        asked("lease_s=4", library=str(outside))


def test_reproduce_repeats_the_changed_settings_under_the_same_name(tmp_path: Path) -> None:
    example, old = EXAMPLES["run_start"], asked("heartbeat_timeout_s=4", preset="tuned")
    assert isinstance(example, RunStart)
    start = msgspec.structs.replace(
        example,
        scenario_name=SCENARIO.name,
        scenario=resolved(SCENARIO),
        library="pgqueuer",
        preset=old.preset.name,
        settings=old.preset.settings,
        changed_settings=dict(old.changes),
        library_version=old.adapter.version(),
    )
    path = tmp_path / "run.jsonl"
    path.write_text(line_of(start) + "\n")
    again, changed = read_request(path, library=None, results=None, ordinal=7, dsn=None)
    assert (start.base_preset, again.base_preset) == ("tuned", "tuned")
    assert again.preset == old.preset
    assert again.run_id == "crash_recovery_short-pgqueuer-tuned.d80b73c4-007"
    assert changed == []
