"""What a run without harm has noted of its worker's round trips, read from its history."""

from __future__ import annotations

from pathlib import Path

import msgspec

from orchestrator.commands.crash_points.listing import RoundTripNote
from orchestrator.commands.crash_points.race import RescuerNote, RescuerRun

RESCUER = (1, 0)
"""(slot, incarnation) of the worker that comes while another one is stalled."""
_OF_A_RESCUER = (b'"rescuer_round_trip"', b'"child_ready"', b'"job_started"')


def read_round_trips(history: Path) -> list[RoundTripNote]:
    """The round trips that a harmless run has noted. Raises OSError, msgspec.DecodeError."""
    found = []
    with history.open("rb") as file:
        for line in file:
            if b'"round_trip"' not in line:
                continue
            note = msgspec.json.decode(line, type=_NoteLine)
            if note.kind == "note" and note.fields.code == "round_trip":
                found.append(msgspec.convert(note.fields.detail, RoundTripNote))
    return found


def read_rescuer(history: Path) -> RescuerRun:
    """What a run has noted of the worker that came while another one was stalled. Raises OSError,
    msgspec.DecodeError."""
    notes: list[RescuerNote] = []
    at_ns: dict[str, int] = {}
    with history.open("rb") as file:
        for line in file:
            if not any(kind in line for kind in _OF_A_RESCUER):
                continue
            note = msgspec.json.decode(line, type=_NoteLine)
            if note.fields.code == "rescuer_round_trip":
                notes.append(msgspec.convert(note.fields.detail, RescuerNote))
            elif (note.fields.slot, note.fields.incarnation) == RESCUER:
                at_ns.setdefault(note.kind, note.fields.t_ns)
    return RescuerRun(tuple(notes), at_ns.get("child_ready"), at_ns.get("job_started"))


class _NoteFields(msgspec.Struct):
    code: str = ""
    detail: dict[str, object] = {}
    t_ns: int = 0
    slot: int | None = None
    incarnation: int | None = None


class _NoteLine(msgspec.Struct):
    kind: str
    fields: _NoteFields
