"""What a machine has to have before it may take part."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from orchestrator.run.request import Request


class NeededLibrary(msgspec.Struct, frozen=True):
    """A library, as it is with whoever asks."""

    given: str
    """Its name, or the absolute path of an outside adapter's folder."""
    version: str
    adapter_sha256: str | None
    """Of an outside adapter's folder; None = a bundled one."""


class Needs(msgspec.Struct, frozen=True):
    """Of some runs that are to be carried out; no secret is among it."""

    libraries: list[NeededLibrary]
    own_server: bool
    """A fault harms the whole server: one that is given is not to be had for it."""
    server_version: str | None = None
    """What PostgreSQL it has to be, in its own words; None = it may be any."""


def needs_of(requests: Sequence[Request], server_version: str | None = None) -> Needs:
    """What `requests` need, each library once."""
    libraries = {
        request.library_given: NeededLibrary(
            request.library_given, request.adapter.version(), request.adapter_sha256
        )
        for request in requests
    }
    return Needs(
        libraries=list(libraries.values()),
        own_server=any(
            fault.NEEDS_OWN_SERVER for request in requests for fault in request.scenario.faults
        ),
        server_version=server_version,
    )
