"""Every round trip of a control, delivered when its worker is dead and others have its jobs.

Only by `make test-more-points`.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.acceptance.command_line import Desk
from tests.acceptance.test_crash_points import Key, desk, enumerated, what

pytestmark = [
    pytest.mark.database,
    pytest.mark.slow,
    pytest.mark.every_point,
    pytest.mark.timeout(900),
]
__all__ = ["desk"]

Late = tuple[str, set[int | None]]
"""The verdict, and how many rows the late request may have returned or changed."""
CLEAN: Late = ("clean", {None})
IDLE: dict[Key, Late] = {(None, "claim"): ("clean", {0}), ("waiting", "claim"): ("clean", {0})}

ONE_JOB: dict[str, dict[Key, Late]] = {
    # The session of the late request holds the row until it ends, and is then undone: save for the
    # COMMIT, which is what it had always wanted.
    "control_holding": {
        **IDLE,
        (None, "begin"): ("clean", {None}),
        (None, "commit"): ("clean", {0}),
        ("started", "effect"): ("duplicated", {1}),
        ("completed", "acknowledge"): ("duplicated", {1}),
        ("completed", "commit"): ("clean", {2}),
    },
    # The job was out of the queue: what comes late is all that is done of it.
    "control_delete_first": {**IDLE, ("started", "effect"): ("clean", {1})},
    "control_never_rescues": {
        **IDLE,
        ("started", "effect"): ("clean", {1}),
        ("completed", "acknowledge"): ("clean", {1}),
    },
    # Nobody asks whose row it is: the late acknowledgement takes it out under another's hands.
    "control_late_ack": {
        **IDLE,
        (None, "acknowledge"): ("clean", {0}),
        ("started", "effect"): ("duplicated", {1}),
        ("completed", "acknowledge"): ("duplicated", {1}),
    },
    "control_short_lease": {
        **IDLE,
        ("started", "effect"): ("duplicated", {1}),
        # The other one may have acknowledged it by then.
        ("completed", "acknowledge"): ("duplicated", {0, 1}),
    },
}
"""By control: what a late request does to one job at a time, and nothing else."""


STARTING: dict[str, dict[Key, Late]] = {
    "control_late_ack": {
        ("starting up", "listen"): CLEAN,
        # Whoever frees the claims of all others of its slot frees those of its successor, too.
        ("starting up", "update"): ("duplicated", {3}),
    },
}
"""By control: the same of what a starting worker says, three jobs in the queue; LISTEN alone where
it is left out."""


def found_at(point: dict[str, Any]) -> tuple[Key, str, int | None]:
    """What it is, and what came of it."""
    key = point["phase"], what(point["statement"])
    return key, point["verdict"], point["runs"][0].get("late_rows")


@pytest.mark.parametrize("library", ONE_JOB)
def test_a_late_request_does_to_a_control_what_it_was_built_for(library: str, desk: Desk) -> None:
    _, table = enumerated(desk, library, "--sides=delayed")
    expected = ONE_JOB[library] | STARTING.get(library, {("starting up", "listen"): CLEAN})
    tried = [
        found_at(point)
        for point in table["points"]
        if point["workload"] == "single" or point["phase"] == "starting up"
    ]
    assert {key: verdict for key, verdict, _ in tried} == {
        key: verdict for key, (verdict, _) in expected.items()
    }
    assert [(key, rows) for key, _, rows in tried if rows not in expected[key][1]] == []
    assert {point["side"] for point in table["points"]} == {"delayed"}
