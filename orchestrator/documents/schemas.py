"""JSON schemas (draft 2020-12) of whole lines, from the types."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from orchestrator.documents.fields import meanings_of
from orchestrator.documents.scenario_keys import TABLES
from orchestrator.history.database_faults import QueueSize, Waiter
from orchestrator.history.fault_parts import FAULT_PARTS
from orchestrator.history.network_faults import HeldConnection
from orchestrator.history.notes import BystanderAnswered, CacheAnswered
from orchestrator.history.producer_faults import ProducerSession
from orchestrator.history.records import (
    HISTORY_VERSION,
    KINDS,
    Invocation,
)
from orchestrator.history.round_trips import Delivery, Freeze, RescuerHeld, RoundTripSeen
from orchestrator.history.server_faults import EndedSession
from orchestrator.history.sessions import Session
from orchestrator.history.targets import DatabaseTarget, ProducerTarget, ServerTarget, WorkerTarget
from worker_child.protocol import (
    EVENT_KINDS,
    PROTOCOL_VERSION,
    AskAnswer,
    AskCommand,
    CachedResult,
    ClockAnchor,
    Command,
    EnqueueAnswer,
    EnqueueCommand,
    Init,
    JobAnswer,
    JobToEnqueue,
    Plan,
    Rescue,
)

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
HISTORY_SCHEMA = "../orchestrator/history/history.schema.json"
"""Where it lies from the wire's schema."""
_TIMESTAMP = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$"
_SIGNATURE = ["incarnation", "n", "slot", "t_ns"]
"""What every line of a child carries, whatever its kind."""

HISTORY_PARTS: list[type[msgspec.Struct]] = [
    Rescue,
    Invocation,
    Session,
    EndedSession,
    ProducerSession,
    HeldConnection,
    Waiter,
    QueueSize,
    WorkerTarget,
    ProducerTarget,
    ServerTarget,
    DatabaseTarget,
    RoundTripSeen,
    CacheAnswered,
    BystanderAnswered,
    Freeze,
    Delivery,
    RescuerHeld,
    *dict.fromkeys(part for parts in FAULT_PARTS.values() for part in parts),
]
"""What the lines of a history are made of, the scenario apart."""

WIRE_LINES: list[type[msgspec.Struct]] = [
    Init,
    Command,
    EnqueueCommand,
    EnqueueAnswer,
    AskCommand,
    AskAnswer,
]
"""Those lines of the wire that are no events."""
WIRE_PARTS: list[type[msgspec.Struct]] = [ClockAnchor, JobToEnqueue, JobAnswer, CachedResult, Plan]
"""What they are made of."""

Schema = dict[str, Any]


def history_schema() -> Schema:
    """Of one line of a history."""
    return {
        "$schema": _DIALECT,
        "title": f"One line of a Crashbench history, version {HISTORY_VERSION}",
        "oneOf": [_line(kind, {"$ref": _reference(of)}) for kind, of in KINDS.items()],
        "$defs": _definitions([*KINDS.values(), *HISTORY_PARTS, *TABLES]),
    }


def protocol_schema() -> Schema:
    """Of one line of the wire: to the child `Init` and commands, from the child an event or, of an
    enqueuer, an answer. The fields of events are those of the history's schema."""
    events = [
        _line(kind, {"allOf": [{"$ref": HISTORY_SCHEMA + _reference(of)}], "required": _SIGNATURE})
        for kind, of in EVENT_KINDS.items()
    ]
    return {
        "$schema": _DIALECT,
        "title": f"One line of the Crashbench wire, version {PROTOCOL_VERSION}",
        "anyOf": [*({"$ref": _reference(of)} for of in WIRE_LINES), {"oneOf": events}],
        "$defs": _definitions([*WIRE_LINES, *WIRE_PARTS]),
    }


def _line(kind: str, fields: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {
            "run_id": {"type": "string"},
            "timestamp": {"type": "string", "format": "date-time", "pattern": _TIMESTAMP},
            "kind": {"const": kind},
            "fields": fields,
        },
        "required": ["run_id", "timestamp", "kind", "fields"],
        "additionalProperties": False,
    }


def _definitions(structs: Iterable[type[msgspec.Struct]]) -> Schema:
    """The types by name, with the meaning of each field; `structs` names the inner ones too."""
    by_name = {struct.__name__: struct for struct in structs}
    _, definitions = msgspec.json.schema_components(by_name.values(), ref_template="#/$defs/{name}")
    assert definitions.keys() == by_name.keys()
    for name, struct in by_name.items():
        for field, meaning in meanings_of(struct).items():
            definitions[name]["properties"][field]["description"] = meaning
    return definitions


def _reference(struct: type[msgspec.Struct]) -> str:
    return f"#/$defs/{struct.__name__}"
