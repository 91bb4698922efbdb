"""The lines of a history as the analysis decodes them: of the frequent kinds only what it needs.

A `Line` is one whole line without its run_id and timestamp; the decoder picks its type by `kind`.
The four kinds that make up nearly all of a history are declared here in short; all others are
decoded into the full types of `orchestrator.history.records`.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any

import msgspec

from analysis.history.columns import ABSENT
from analysis.history.upgrade import CHANGED, READABLE
from orchestrator.history.records import HISTORY_VERSION, KINDS
from worker_child.protocol import EnqueueOutcome


class Enqueued(msgspec.Struct, frozen=True, gc=False, rename={"job_class": "class"}):
    """What the analysis needs of a `job_enqueued` line; `ABSENT` stands for a missing key."""

    t_ns: int
    job_id: str
    outcome: EnqueueOutcome
    kind: str
    job_class: str
    length_us: int
    intended_ns: int
    sent_ns: int | None = ABSENT
    acknowledged_ns: int | None = ABSENT
    tenant: str | None = None
    inbox_id: str | None = None
    n: int | None = ABSENT
    slot: int | None = ABSENT
    incarnation: int | None = ABSENT
    execution: int | None = ABSENT


class Started(msgspec.Struct, frozen=True, gc=False):
    """What the analysis needs of a `job_started` line."""

    t_ns: int
    n: int
    slot: int
    incarnation: int
    job_id: str
    execution: int
    inbox_id: str | None = None
    library_attempt: int | None = None


class Ended(msgspec.Struct, frozen=True, gc=False):
    """What the analysis needs of a `job_completed` line."""

    t_ns: int
    n: int
    slot: int
    incarnation: int
    job_id: str
    execution: int
    inbox_id: str | None = None


class Failed(msgspec.Struct, frozen=True, gc=False):
    """What the analysis needs of a `job_failed` line."""

    t_ns: int
    n: int
    slot: int
    incarnation: int
    job_id: str
    execution: int
    error_class: str
    message: str = ""
    inbox_id: str | None = None


SHORT: dict[str, type[msgspec.Struct]] = {
    "job_enqueued": Enqueued,
    "job_started": Started,
    "job_completed": Ended,
    "job_failed": Failed,
}
"""The kinds that are decoded in short, and into what."""


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The four keys that every line has, with its `fields` left unread."""

    run_id: str
    timestamp: str
    kind: str
    fields: msgspec.Raw


def line_types(fields_of: dict[str, type[Any]]) -> dict[type[Any], str]:
    """One struct type a kind, told apart by the tag `kind`, each with `fields` alone."""
    return {
        msgspec.defstruct(
            f"{kind.title().replace('_', '')}Line",
            [("fields", fields)],
            tag_field="kind",
            tag=kind,
            frozen=True,
            gc=False,
        ): kind
        for kind, fields in fields_of.items()
    }


LINES: dict[int, dict[type[Any], str]] = {
    version: line_types({**KINDS, **SHORT, **CHANGED.get(version, {})}) for version in READABLE
}
"""By a history's version: the struct type of each kind of line, and the kind."""


def line_decoder(version: int = HISTORY_VERSION) -> msgspec.json.Decoder[Any]:
    """A decoder for any one line of a version; `decode_lines` takes a block of them."""
    return msgspec.json.Decoder(reduce(or_, LINES[version]))
