"""A worker is killed while its jobs are held at one place of their body: what each control shows.

Only by `make test-more-points`.
"""

from __future__ import annotations

import pytest

from tests.acceptance.command_line import Desk
from tests.acceptance.test_crash_points import desk, enumerated

pytestmark = [
    pytest.mark.database,
    pytest.mark.slow,
    pytest.mark.every_point,
    pytest.mark.timeout(900),
]
__all__ = ["desk"]

BODY: dict[str, tuple[str, str, str]] = {
    "control_holding": ("re-executed", "duplicated", "duplicated"),
    # The claim has taken the row out: what had no effect by then never will.
    "control_delete_first": ("lost", "clean", "clean"),
    "control_never_rescues": ("stranded", "clean", "clean"),
    "control_late_ack": ("re-executed", "duplicated", "duplicated"),
    "control_short_lease": ("re-executed", "duplicated", "duplicated"),
}
"""By control: a kill after started, after the effect, after completed."""


@pytest.mark.parametrize("library", BODY)
def test_a_kill_in_the_body_comes_to_what_the_control_was_built_for(
    library: str, desk: Desk
) -> None:
    _, table = enumerated(desk, library, "--sides=body")
    found = [(p["workload"], p["phase"], p["verdict"]) for p in table["points"]]
    assert found == [
        (workload, phase, verdict)
        for workload in ("single", "batch")
        for phase, verdict in zip(("started", "effect", "completed"), BODY[library], strict=True)
    ]
