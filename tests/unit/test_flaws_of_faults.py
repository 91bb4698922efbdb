"""What is wrong with a fault's time, target or repetition is named, and nothing else is."""

from __future__ import annotations

import pytest

from tests.unit.one_flaw import the_only_flaw

PRODUCERS = (
    "{ what = 'kill_during_enqueue', at_s = 9, rounds = 2 }",
    "{ what = 'kill_during_enqueue', at_s = 11.2 }",
)

FLAWS: list[tuple[str, list[str], str]] = [
    # (scenario, overrides, the one flaw)
    (
        "read_only_short",
        [
            "faults=[{ what = 'read_only', at_s = 5, for_s = 9 }, "
            "{ what = 'read_only', at_s = 6, for_s = 1 }]",
            "expectations.certificates=2",
        ],
        "faults.1 is a second read_only: one entry of it, or `repeat`",
    ),
    (
        "table_lock_short",
        [
            "faults=[{ what = 'table_lock', at_s = 5, for_s = 1 }, "
            "{ what = 'kill', at_s = 6, respawn_after_s = 0 }]",
            "expectations.certificates=2",
        ],
        "faults.0 takes the server or the queue away, from the run's own eyes as well",
    ),
    ("crash_recovery", ["faults.0.at_s=120"], "the stream is over at duration_s = 120"),
    ("crash_recovery", ["faults.0.slot=1"], "workers.slots = 1 makes slot 0 alone"),
    ("crash_recovery", ["faults.0.what=lightning"], "'lightning' is unknown; there are "),
    (
        "crash_recovery",
        ["faults=[{ what = 'kill_at_once', slots = [0, 1], at_s = 9, respawn_after_s = 1 }]"],
        "faults.0.slots = 1: workers.slots = 1 makes slot 0 alone",
    ),
    (
        "crash_recovery",
        [
            "faults=[{ what = 'kill_at_once', slots = [0, 0], when = { completed = 1 } }]",
            "nobody_left=true",
        ],
        "faults.0.slots names a slot twice",
    ),
    (
        "storm",
        ["faults.0.respawn_after_s=2.5"],
        "faults.0.at_s = 62.5: slot 0 is still empty at that time",
    ),
    ("storm", ["faults.0.rounds=40"], "and the last of it at 157.5 s: the stream is over"),
    (
        "crash_loop",
        ["faults.0.at_s=none", "faults.0.when={ completed = 1 }"],
        "faults.0.when is no trigger of a crash_loop; it has at_s",
    ),
    ("deploy", ["faults.0.every_s=none"], "faults.0.every_s is missing, or at_s: several slots"),
    (
        "deploy",
        ["faults.0.slots=[0]", "expectations.certificates=1"],
        "faults.0.every_s is given, and only one slot is told",
    ),
    (
        "terminate",
        ["faults.0.again_after_s=30"],
        "faults.0.again_after_s = 30: it must come before the kill, grace_s = 30",
    ),
    ("crash_recovery", ["faults=[{}]", "nobody_left=true"], "faults.0 has no trigger"),
    ("crash_recovery", ["faults.0.when={ completed = 1 }"], "faults.0 has at_s and when"),
    (
        "crash_recovery",
        ["faults=[{ when = {} }]", "nobody_left=true"],
        "name completed, in_flight or both",
    ),
    (
        "crash_recovery",
        ["faults=[{ when = { completed = 3601 } }]", "nobody_left=true"],
        "only 3600 jobs",
    ),
    (
        "crash_recovery",
        ["faults=[{ when = { in_flight = 21 } }]", "nobody_left=true"],
        "is only 20",
    ),
    (
        "crash_recovery",
        ["faults=[{ repeat = 2, respawn_after_s = 1 }]"],
        "set workload.endless = true",
    ),
    (
        "crash_recovery_repeated",
        ["faults.0.respawn_after_s=none"],
        "a repeated kill needs a new victim",
    ),
    (
        "crash_recovery_repeated",
        ["faults=[{ repeat = 20, respawn_after_s = 1 }, { at_s = 20 }]", "nobody_left=true"],
        "faults.0.repeat stands beside other faults",
    ),
    (
        "crash_recovery_repeated",
        ["faults=[]", "expectations.certificates=0"],
        "nothing would ever cut the stream",
    ),
    (
        "crash_recovery_repeated",
        ["faults=[{ at_s = 5 }]", "expectations.certificates=1", "nobody_left=true"],
        "no fault may come before duration_s = 10",
    ),
    (
        "crash_recovery_repeated",
        ["workload.curve={ shape = 'ramp', to_factor = 1.5 }"],
        'its shape must be "steady"',
    ),
    (
        "crash_recovery",
        ["faults=[{ at_s = 60, respawn_after_s = 15 }, { at_s = 75 }]", "nobody_left=true"],
        "faults.1.at_s = 75: slot 0 is still empty",
    ),
    (
        "crash_recovery",
        ["faults=[{ at_s = 60 }, { at_s = 90 }]", "nobody_left=true"],
        "faults.1.at_s = 90: slot 0 is still empty",
    ),
    (
        "crash_recovery",
        ["faults.0.respawn_after_s=none"],
        "faults.0.respawn_after_s is missing: the only slot would stay empty",
    ),
    (
        "crash_one_of_many",
        ["faults=[{ slot = 1, at_s = 10 }, { slot = 0, at_s = 12 }]", "workers.slots=2"],
        "faults.1.respawn_after_s is missing: the last of the 2 slots would stay empty",
    ),
    (
        "crash_recovery_exact",
        ["faults.0.respawn_after_s=none"],
        "faults.0.respawn_after_s is missing: the only slot would stay empty",
    ),
    (
        "crash_recovery",
        ["faults=[{ when = { completed = 9 } }, { at_s = 60, respawn_after_s = 1 }]"],
        "faults.0.respawn_after_s is missing: the only slot would stay empty",
    ),
    ("crash_recovery", ["expectations.certificates=2"], " = 2: it plans 1 fault"),
    (
        "cache_dedup_crash",
        ["faults=[{ what = 'kill_during_enqueue', at_s = 9 }]"],
        "faults.0: the callers of workload.cache enqueue nothing by themselves",
    ),
    (
        "notify_latency",
        ["faults=[{ what = 'kill_during_enqueue', at_s = 9, batch = 2 }]"],
        "faults.0.batch = 2: a closed loop sends one job at a time",
    ),
    (
        "crash_recovery",
        [f"faults=[{', '.join(PRODUCERS)}]"],
        "faults.1.at_s = 11.2: less than 0.5 s from another kill_during_enqueue",
    ),
    ("blackhole", ["faults.0.slots=[0, 2]"], "faults.0.slots = 2: workers.slots = 2 makes slots"),
]


@pytest.mark.parametrize(("name", "overrides", "text"), FLAWS, ids=[row[2] for row in FLAWS])
def test_a_flaw_of_a_fault_is_named_and_nothing_else_is_blamed(
    name: str, overrides: list[str], text: str
) -> None:
    assert text in the_only_flaw(name, overrides)
