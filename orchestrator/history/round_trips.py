"""What a proxy says of a round trip and of a freeze: parts of the certificates of faults at one."""

from __future__ import annotations

import msgspec

from orchestrator.scenario.triggered import PointPhase, PointSide


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


class RoundTripSeen(msgspec.Struct, frozen=True, omit_defaults=True):
    """A round trip between a worker and the database, at which it is held."""

    statement: str
    """Its SQL, literals replaced by ?."""
    sql: str
    """Its SQL as sent, cut at 10 kB."""
    phase: PointPhase
    """Where the worker's jobs stood when the request had come."""
    side: PointSide
    """``before`` = nothing of it has reached the server; ``after`` = nothing of the answer has
    reached the worker; ``delayed`` = as before, and it is to reach the server later."""
    rows: int | None = None
    """How many rows it returned or changed; left out before the answer."""


class Delivery(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of a request that was held back, once its worker was dead."""

    sent_ns: int | None = None
    """From when on the server may have executed it, CLOCK_MONOTONIC; left out where it was not
    sent."""
    answered_ns: int | None = None
    """Its whole answer had come, CLOCK_MONOTONIC."""
    sent_bytes: int = 0
    """What the server was sent, all of the request."""
    rows: int | None = None
    """How many rows it returned or changed; left out where no command counts."""
    refused: str | None = None
    """The server's error, SQLSTATE first."""
    why: str | None = None
    """Why it was not delivered."""


class RescuerHeld(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was seen of a rescuer that was held until the stalled worker's request was answered."""

    at_point: RoundTripSeen
    """Where it was held."""
    freeze: Freeze
    """What its proxy let through meanwhile, looked at just before it went on."""
    went_on_ns: int
    """From when on everything of it flowed again, CLOCK_MONOTONIC."""
    answered_ns: int | None = None
    """When the whole answer to the stalled worker's request had come, CLOCK_MONOTONIC."""
    outside: list[int] = []
    """Server processes of its sessions that did not go through its proxy."""
