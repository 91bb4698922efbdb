"""What a network that is out does to connections: it says nothing, or resets them."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.proxy.channel import reset
from orchestrator.proxy.link import Link


@dataclass(frozen=True, slots=True)
class HeldBack:
    """One connection while nothing passes, and what has come for it since."""

    backend_pid: int | None
    """Of its session; None = it has none, as nobody has answered yet."""
    from_worker: int
    """Bytes that lie in the proxy's kernel; what does not fit in there waits in the worker's."""
    from_server: int
    """The same from the other side."""
    is_new: bool
    """It was opened since."""


class Outage:
    """One proxy's. Belongs to its thread."""

    def __init__(self) -> None:
        self.refuses = False
        """Each new connection is reset."""
        self.refused = 0
        """So many were."""
        self._unread: dict[Link, tuple[int, int]] = {}

    def begin(self, links: Iterable[Link]) -> None:
        """From now on nothing passes these."""
        self._unread = {link: link.unread_of_both() for link in links}

    def held_back(self, links: Iterable[Link]) -> tuple[HeldBack, ...]:
        """What has come since."""
        return tuple(self._since(link) for link in links if not link.over)

    def _since(self, link: Link) -> HeldBack:
        before = self._unread.get(link, (0, 0))
        from_worker, from_server = (
            max(0, now - then) for now, then in zip(link.unread_of_both(), before, strict=True)
        )
        return HeldBack(link.backend_pid, from_worker, from_server, link not in self._unread)

    def refuse(self, accepted: socket.socket) -> None:
        """Reset one that has just been opened."""
        self.refused += 1
        reset(accepted)


def reset_all(links: Iterable[Link]) -> tuple[int | None, ...]:
    """Reset each on both sides, with all that is held or still to be written; their backends, None
    = it had no session."""
    return tuple([link.reset() for link in links if not link.over])
