"""What each generated document holds."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from orchestrator.documents.examples import EXAMPLES, line_of
from orchestrator.documents.fields import FIELD_TABLE_HEAD, doc_of, fields_of, json_type
from orchestrator.documents.golden import golden_lines
from orchestrator.documents.meanings import NOTES
from orchestrator.documents.scenario_keys import class_rows, key_sections, kind_rows
from orchestrator.documents.schemas import HISTORY_PARTS, history_schema, protocol_schema
from orchestrator.history.fault_parts import FAULT_PARTS
from orchestrator.history.records import KINDS
from worker_child.protocol import (
    EVENT_KINDS,
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
)

PROTOCOL = "worker_child/PROTOCOL.md"
PROTOCOL_SCHEMA = "worker_child/protocol.schema.json"
HISTORY = "orchestrator/history/HISTORY.md"
HISTORY_SCHEMA = "orchestrator/history/history.schema.json"
_HISTORY_FROM_PROTOCOL = "../orchestrator/history/HISTORY.md"
_PROSE = Path(__file__).parent


def contents() -> dict[str, str]:
    """Name, relative to the checkout, and text of every generated document."""
    return {
        PROTOCOL: _filled(
            "protocol.md",
            input=_sections([Init, ClockAnchor, Command, Plan, CachedResult]),
            enqueuer=_sections(
                [EnqueueCommand, JobToEnqueue, EnqueueAnswer, JobAnswer, AskCommand, AskAnswer]
            ),
            events="\n".join(map(_event_row, EVENT_KINDS)),
        ),
        HISTORY: _filled(
            "history.md",
            index="\n".join(f"- [`{kind}`](#{kind}): {_title(of)}" for kind, of in KINDS.items()),
            kinds="\n".join(_kind_section(kind) for kind in KINDS),
            parts=_sections(HISTORY_PARTS),
            faults="\n".join(map(_fault_row, FAULT_PARTS)),
            notes="\n".join(f"| `{code}` | {meaning} |" for code, meaning in NOTES.items()),
        ),
        "scenarios/README.md": _filled(
            "scenarios.md",
            sections="\n".join(key_sections()),
            classes="\n".join(class_rows()),
            kinds="\n".join(kind_rows()),
        ),
        PROTOCOL_SCHEMA: _json(protocol_schema()),
        HISTORY_SCHEMA: _json(history_schema()),
        "worker_child/lang/golden/lines.json": golden_lines(),
    }


def _filled(prose: str, **parts: str) -> str:
    text = (_PROSE / prose).read_text(encoding="utf-8")
    for name, part in parts.items():
        place = f"<!-- {name} -->"
        assert text.count(place) == 1, f"{prose} must have one {place}"
        text = text.replace(place, part.strip("\n"))
    return text


def _kind_section(kind: str) -> str:
    struct, example = KINDS[kind], EXAMPLES[kind]
    return f"{_section(kind, struct)}\n```json\n{line_of(example)}\n```\n"


def _event_row(kind: str) -> str:
    return f"| [`{kind}`]({_HISTORY_FROM_PROTOCOL}#{kind}) | {_title(KINDS[kind])} |"


def _fault_row(what: str) -> str:
    before, after = (json_type(part) for part in FAULT_PARTS[what])
    return f"| `{what}` | {before} | {after} |"


def _sections(structs: Iterable[type[msgspec.Struct]]) -> str:
    return "\n".join(_section(struct.__name__, struct) for struct in structs)


def _section(title: str, struct: type[msgspec.Struct]) -> str:
    rows = "\n".join(field.row() for field in fields_of(struct))
    return f"### {title}\n\n{doc_of(struct)}\n\n{FIELD_TABLE_HEAD}\n{rows}\n"


def _title(struct: type[msgspec.Struct]) -> str:
    return doc_of(struct).split("\n\n")[0].replace("\n", " ")


def _json(schema: dict[str, Any]) -> str:
    text = msgspec.json.format(msgspec.json.encode(schema, order="sorted"), indent=2)
    return text.decode() + "\n"
