"""Who waits for which socket: epoll(7), and nothing at all while the gate is shut."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterable

from orchestrator.proxy.channel import Channel
from orchestrator.proxy.gate import Gate


class Poller:
    """One proxy's. Belongs to its thread."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._epoll = select.epoll()
        self._masks: dict[int, int] = {}
        self._handlers: dict[int, Callable[[int], None]] = {}

    def always(self, descriptor: int, handler: Callable[[int], None]) -> None:
        """Call `handler` whenever `descriptor` is readable, the gate shut or not."""
        self._epoll.register(descriptor, select.EPOLLIN)
        self._handlers[descriptor] = handler

    def watch(self, channel: Channel, events: int) -> None:
        """Tell the owner of `channel` when one of `events` is there; 0 = never."""
        descriptor = channel.socket.fileno()
        wanted = 0 if self._gate.shut else events
        watched = self._masks.get(descriptor, 0)
        if wanted == watched:
            return
        if not wanted:
            self._epoll.unregister(descriptor)
            del self._masks[descriptor], self._handlers[descriptor]
            return
        if watched:
            self._epoll.modify(descriptor, wanted)
        else:
            self._epoll.register(descriptor, wanted)
            self._handlers[descriptor] = lambda came: channel.owner.ready(channel, came)
        self._masks[descriptor] = wanted

    def still(self, channels: Iterable[Channel]) -> None:
        """Wait for none of `channels` any more."""
        for channel in channels:
            self.watch(channel, 0)

    def wait(self, then: Callable[[], None]) -> None:
        """Wait until something is there and tell of each; after each one call `then`."""
        for descriptor, events in self._epoll.poll():
            # An earlier one may have frozen or closed it.
            handler = self._handlers.get(descriptor)
            if handler is not None:
                handler(events)
                then()

    def close(self) -> None:
        """Wait for nothing any more."""
        self._epoll.close()
