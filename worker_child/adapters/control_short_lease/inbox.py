"""The short-lease control seen from the parent: a claim that runs out, alive or dead."""

from __future__ import annotations

from types import MappingProxyType

from worker_child.adapters.control.inbox import POLL_S, ControlAdapter
from worker_child.protocol import Rescue

LEASE_S = 3.0


class ShortLeaseAdapter(ControlAdapter):
    """Work that lasts longer than the lease is handed out again while it is still going on."""

    name = "control_short_lease"
    rescue = Rescue("its lease runs out and is never renewed", LEASE_S, 0.0, POLL_S)
    settings = MappingProxyType({"lease_s": LEASE_S})
