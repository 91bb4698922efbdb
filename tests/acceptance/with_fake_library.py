"""The real command line with one library more: pgqueuer's inbox, and a child that misbehaves.

``python -m tests.acceptance.with_fake_library --library fake --preset BEHAVIOUR ...``; the presets
are the behaviours of `tests.process.fake_child`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.commands.cli import main
from tests.process.fake_argv import argv
from tests.process.fake_child import BEHAVIOURS
from worker_child.adapters import LIBRARIES
from worker_child.adapters.contract import NO_CHANGES, Preset, Workers
from worker_child.adapters.pgqueuer.inbox import PgQueuerAdapter
from worker_child.protocol import Rescue


class FakeAdapter(PgQueuerAdapter):
    """Starts a fake child in place of pgqueuer's worker."""

    name = "fake"
    presets: tuple[str, ...] = tuple(BEHAVIOURS)  # type: ignore[assignment]

    def preset(
        self, name: str, workers: Workers, changes: Mapping[str, Any] = NO_CHANGES
    ) -> Preset:
        self._behaviour = name
        return Preset(name, {}, Rescue("none of it", 1.0, 0.0, 1.0), {"poll": 1.0})

    def child_argv(self) -> list[str]:
        return argv(self._behaviour)


if __name__ == "__main__":
    LIBRARIES["fake"] = f"{__name__}:{FakeAdapter.__name__}"
    main()
