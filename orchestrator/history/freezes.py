"""What a proxy says of a freeze: a part of the certificates of faults at a round trip."""

from __future__ import annotations

import msgspec


class Freeze(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a proxy let through once it had frozen all of a worker's connections."""

    frozen_ns: int
    """From when on nothing was to pass, CLOCK_MONOTONIC."""
    looked_ns: int
    """When it was asked, CLOCK_MONOTONIC: of a kill after the victim had ended, before its
    connections were closed; of a stall just before everything flowed again."""
    passed_bytes: int
    """Forwarded since, either way; there must be none."""
    backend_pids: list[int]
    """Of the sessions that went through the proxy: the victim must have had no other."""
    held_bytes: int = 0
    """What the victim has sent since and nobody was given."""
    unexplained_bytes: int = 0
    """Forwarded at any time without being understood; there must be none."""
    broken: int = 0
    """Connections that were lost before the freeze was over."""
