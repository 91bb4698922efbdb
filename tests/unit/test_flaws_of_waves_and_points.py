"""What is wrong with held jobs, waves and crash points is named, and nothing else is."""

from __future__ import annotations

import pytest

from tests.unit.one_flaw import the_only_flaw

WAVES = "workload.waves=[{}, {}]"
DELAYED = "at_point = { statement = 'COMMIT', side = 'delayed' }"
POINT = "at_point = { statement = 'COMMIT', side = 'before' }"
HELD = "workload.held=[{ point = 'started', count = 2 }]"

FLAWS: list[tuple[str, list[str], str]] = [
    # (scenario, overrides, the one flaw)
    (
        "crash_recovery",
        ["faults=[{ when_held = true }]", "nobody_left=true"],
        "neither workload.held nor workload.waves holds any jobs",
    ),
    ("crash_recovery", [HELD], "it must be the run's only fault: when_held = true"),
    ("crash_recovery_exact", ["workers.slots=2"], "with held jobs there must be one"),
    ("crash_recovery", ["list_round_trips=true"], "only a stream that comes in waves has it"),
    ("crash_recovery", ["workload.idle_s=1"], "only a stream that comes in waves has it"),
    ("crash_recovery", [WAVES], "in workload.waves a fault has the trigger at_point, or when_held"),
    (
        "crash_recovery_no_fault",
        [WAVES, "workload.errors=[{ share = 0.1, error_class = 'transient' }]"],
        "workload.errors does not go with workload.waves",
    ),
    (
        "crash_recovery",
        [f"faults=[{{ respawn_after_s = 1, {POINT} }}]"],
        "faults.0.at_point needs jobs that come in workload.waves",
    ),
    (
        "crash_recovery",
        [WAVES, f"faults=[{{ slot = 1, {POINT} }}]", "workers.slots=2"],
        "the proxy stands before the worker of slot 0",
    ),
    (
        "crash_recovery",
        ["faults=[{ what = 'stall', stall_s = 1, at_s = 9 }]", "workers.slots=2"],
        "faults.0.at_s is no trigger of a stall; it has at_point",
    ),
    (
        "crash_recovery",
        [WAVES, f"faults=[{{ what = 'stall', stall_s = 1, {POINT} }}]"],
        "faults.0.rescuer_slot = 1: it must be another slot than 0, below workers.slots = 1",
    ),
    (
        "crash_recovery_no_fault",
        ["workload.waves=[{ hold = 'effect' }, {}]", "workers.slots=1"],
        "workload.waves: held jobs wait for one kill, and it must be the run's only fault",
    ),
    (
        "crash_recovery",
        [
            "workload.waves=[{ hold = 'effect', count = 99 }, {}]",
            "faults=[{ when_held = true, respawn_after_s = 1 }]",
        ],
        "workload.waves: 99 jobs cannot be held at once by concurrency",
    ),
    (
        "crash_recovery",
        [WAVES, f"faults=[{{ respawn_after_s = 1, {DELAYED} }}]"],
        "faults.0.deliver_within_s is missing: the side is delayed",
    ),
    (
        "crash_recovery",
        [WAVES, f"faults=[{{ deliver_within_s = 1, {DELAYED} }}]", "workers.slots=2"],
        "faults.0.respawn_after_s is missing: a late request waits for the next process",
    ),
    (
        "crash_recovery",
        ["faults=[{ at_s = 9, respawn_after_s = 1, deliver_within_s = 1 }]"],
        "faults.0.deliver_within_s needs a round trip, at_point.side = delayed",
    ),
    (
        "crash_recovery",
        [
            WAVES,
            f"faults=[{{ respawn_after_s = 1, deliver_within_s = 4, {DELAYED} }}]",
            "limits.sessions_gone_s=35",
        ],
        "limits.sessions_gone_s = 35: a late request may take 35 s from the kill",
    ),
    (
        "crash_recovery",
        [
            "workload.waves=[{}, { hold = 'effect' }]",
            "faults=[{ when_held = true, respawn_after_s = 1 }]",
        ],
        "workload.waves: one wave alone may hold its jobs, and not the last",
    ),
    (
        "crash_recovery",
        [
            "workload.waves=[{ hold = 'effect' }, { hold = 'started' }, {}]",
            "faults=[{ when_held = true, respawn_after_s = 1 }]",
        ],
        "workload.waves: one wave alone may hold its jobs, and not the last",
    ),
    (
        "crash_recovery",
        [
            "workload.waves=[{ hold = 'effect' }, {}]",
            "faults=[{ what = 'kill_at_once', slots = [0], when_held = true }]",
            "nobody_left=true",
            "workers.slots=1",
        ],
        "faults.0.when_held is no trigger of a kill_at_once",
    ),
    (
        "crash_recovery",
        [WAVES, f"faults=[{{ what = 'stall', stall_s = 1, {DELAYED} }}]", "workers.slots=2"],
        "faults.0.at_point.side = delayed goes with a kill alone",
    ),
    (
        "backend_terminate",
        ["faults.0.which=acknowledging"],
        'faults.0.which = "acknowledging": which = "acknowledging" and at_point need each other',
    ),
    (
        "backend_terminate",
        [WAVES, f"faults=[{{ what = 'backend_terminate', {POINT} }}]"],
        'faults.0.which = "all": which = "acknowledging" and at_point need each other',
    ),
    (
        "crash_recovery",
        [
            WAVES,
            f"faults=[{{ what = 'stall', stall_s = 1, {POINT}, list_rescuer = true, "
            "rescuer_at = { statement = 'COMMIT', side = 'after' } }]",
            "workers.slots=2",
        ],
        "faults.0.list_rescuer does not go with rescuer_at",
    ),
    (
        "acknowledgement_lost",
        ["faults.0.at_point={ side = 'before' }"],
        "faults.0.at_point.side = before: without a statement it is the acknowledgement",
    ),
    (
        "acknowledgement_lost",
        ["faults.0.at_point={ side = 'after', phase = 'idle' }"],
        "faults.0.at_point.phase: without a statement it is the acknowledgement, once",
    ),
    (
        "acknowledgement_lost",
        ["faults.0.at_point={ side = 'after', ordinal = 2 }"],
        "faults.0.at_point.ordinal: without a statement it is the acknowledgement, once",
    ),
    *(
        (
            "crash_recovery",
            [
                WAVES,
                f"faults=[{{ what = 'stall', stall_s = 1, {POINT}, "
                f"rescuer_at = {{ statement = 'COMMIT', {given} }} }}]",
                "workers.slots=2",
            ],
            says,
        )
        for given, says in (
            ("side = 'delayed'", "faults.0.rescuer_at.side = delayed goes with a kill alone"),
            (
                "side = 'after', phase = 'idle'",
                "faults.0.rescuer_at.phase: the rescuer is new, and has none",
            ),
            (
                "side = 'after', wave = 0",
                "faults.0.rescuer_at.wave: the rescuer is new, and has none",
            ),
        )
    ),
    ("crash_recovery_exact", ["workload.held.0.count=17"], "21 jobs cannot be held at once"),
]


@pytest.mark.parametrize(("name", "overrides", "text"), FLAWS, ids=[row[2] for row in FLAWS])
def test_a_flaw_of_what_is_held_or_met_is_named_and_nothing_else_is_blamed(
    name: str, overrides: list[str], text: str
) -> None:
    assert text in the_only_flaw(name, overrides)
