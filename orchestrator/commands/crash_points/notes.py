"""What a run without harm has noted of its worker's round trips, read from its history."""

from __future__ import annotations

from pathlib import Path

import msgspec

from orchestrator.commands.crash_points.listing import RoundTripNote


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


class _NoteFields(msgspec.Struct):
    code: str = ""
    detail: dict[str, object] = {}


class _NoteLine(msgspec.Struct):
    kind: str
    fields: _NoteFields
