"""Whom or what a fault hits, as a history names it."""

from __future__ import annotations

import msgspec


class WorkerTarget(msgspec.Struct, frozen=True, tag_field="kind", tag="worker"):
    """A target whose `kind` is `worker`: one incarnation."""

    slot: int
    incarnation: int
    pid: int

    @property
    def workers(self) -> tuple[WorkerTarget, ...]:
        """The incarnations that were hit; a target of another kind has none."""
        return (self,)


class ServerTarget(msgspec.Struct, frozen=True, tag_field="kind", tag="server"):
    """A target whose `kind` is `server`: the run's own, and so everybody's."""

    postmaster_pid: int
    """Of its first process, before the fault."""

    @property
    def workers(self) -> tuple[WorkerTarget, ...]:
        """No incarnation in particular."""
        return ()


class DatabaseTarget(msgspec.Struct, frozen=True, tag_field="kind", tag="database"):
    """A target whose `kind` is `database`: the run's own, and so everybody's."""

    name: str
    """On its server."""

    @property
    def workers(self) -> tuple[WorkerTarget, ...]:
        """No incarnation in particular."""
        return ()


class ProducerTarget(msgspec.Struct, frozen=True, tag_field="kind", tag="producer"):
    """A target whose `kind` is `producer`: one of the processes that enqueue."""

    number: int
    """Which it was of all that there had been, from 0."""
    pid: int

    @property
    def workers(self) -> tuple[WorkerTarget, ...]:
        """No incarnation: it works on no job."""
        return ()


Target = WorkerTarget | ServerTarget | DatabaseTarget | ProducerTarget
"""Whom or what a fault hit: the union of the types whose tag `kind` is."""
