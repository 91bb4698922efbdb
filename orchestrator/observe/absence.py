"""Whether a fault keeps the run's server from the run: then its own eyes are closed, too."""

from __future__ import annotations

from typing import Any

import psycopg


class ServerAbsence:
    """Begun and ended by the main loop; any thread may look. Whoever has a session with the server
    asks nothing of it while it is away, and takes another session when it has come `back`."""

    def __init__(self) -> None:
        self.on = False
        """The server is away, or about to be."""
        self.back = 0
        """How often it has come back."""
        self.through: psycopg.Connection[Any] | None = None
        """A session that sees the queue all the same: it is the one that keeps the others out."""
        self.shut = False
        """It is there, and of no use to any worker: whoever died is not replaced meanwhile."""
        self.cut_off: set[int] = set()
        """Slots whose workers alone cannot reach it meanwhile."""

    def begin(self) -> None:
        """It will be away from now on."""
        self.on = True

    def end(self) -> None:
        """It answers again."""
        self.back += 1
        self.on = False
