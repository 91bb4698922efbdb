"""The golden lines: what an emitter in any language must write for the same events, to the byte.

They are made by Python's emitter. What they cover is what languages spell differently: escapes,
floats, the order of keys, the rounding of timestamps.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from worker_child.emitter import Emitter
from worker_child.protocol import ClockAnchor

_MS = 1_000_000
_S = 1_000_000_000
_BEGAN_NS = 86_400 * _S
_ANCHOR = ClockAnchor(monotonic_ns=_BEGAN_NS, wall_ns=1_795_262_400 * _S + 999_999_000)
"""One microsecond before a second of the wall clock is full."""

_TEXTS = (
    "",
    "plain",
    'quote " backslash \\ slash /',
    "".join(map(chr, range(0x20))),
    "delete \x7f",
    "<html> & 'apostrophe'",
    "é ß 漢字 \U0001f600",
    "separators \u2028 \u2029, mark \ufeff, replacement \ufffd",
    "\x01" * 500,
)
_DELAYS_S = (
    *(0.0, 1.0, 16.0, 0.1, 0.30000000000000004, 1.0471975511965976, 123456789.25),
    *(1e-5, 9.9e-6, 1e-7, 5e-324, 1e15, 9999999999999998.0, 1e16, 1.5e22, 1.7976931348623157e308),
)
_STEPS_NS = (0, 999, 1, 1_000_000 - 1_000, _S - 1, 1, 60 * _S, 86_400 * _S, 1)
_JOB = {"job_id": "j000224", "execution": 224}
_ROW = {**_JOB, "inbox_id": "225"}


@dataclass(frozen=True)
class Event:
    """What an emitter is told to write, and when."""

    t_ns: int
    kind: str
    fields: dict[str, Any]


@dataclass(frozen=True)
class Voice:
    """One child and all that it says."""

    run_id: str
    slot: int
    incarnation: int
    events: list[Event]


def golden_lines() -> str:
    """The voices, and with each event its line, as JSON."""
    told = [
        {
            "run_id": voice.run_id,
            "slot": voice.slot,
            "incarnation": voice.incarnation,
            "clock_anchor": _ANCHOR,
            "events": [
                {"t_ns": event.t_ns, "kind": event.kind, "fields": event.fields, "line": line}
                for event, line in zip(voice.events, _lines(voice), strict=True)
            ],
        }
        for voice in voices()
    ]
    return msgspec.json.format(msgspec.json.encode(told), indent=1).decode() + "\n"


def voices() -> Iterator[Voice]:
    """Every kind of event; every text, float and instant that languages are apt to differ in."""
    yield Voice("crash_recovery_short-pgqueuer-tuned-001", 0, 0, list(_every_kind()))
    yield Voice("steps-none-none-001", 1, 2, list(_instants()))
    yield Voice("texts-none-none-001", 2, 1, [_failed(text) for text in _TEXTS])
    yield Voice("floats-none-none-001", 10, 0, [_retried(delay_s) for delay_s in _DELAYS_S])
    yield Voice('odd "run" \\ %s é', 0, 0, [Event(_BEGAN_NS, "job_completed", _JOB)])


def _every_kind() -> Iterator[Event]:
    effective = {"body_connections": 10, "library_connections": 4, "mode": "a/b", "poll_s": 0.5}
    enqueued = {
        "outcome": "accepted",
        "kind": "tenant_snapshot",
        "class": "short",
        "length_us": 41_200,
        "intended_ns": _BEGAN_NS + 1,
        "sent_ns": _BEGAN_NS + 1,
        "acknowledged_ns": _BEGAN_NS + 2 * _MS,
        "inbox_id": "901",
        "execution": 7,
    }
    failed = {"error_class": "rate_limit", "message": "PlannedError: planned failure: rate_limit"}
    facts: list[tuple[str, dict[str, Any]]] = [
        ("child_ready", {"pid": 4201, "identity": "cb:0123456789:0:0", "effective": effective}),
        ("job_started", _JOB),
        ("job_started", {**_ROW, "library_attempt": 1}),
        ("job_enqueued", {"job_id": "j000007/0", **enqueued}),
        ("job_enqueued", {"job_id": "j000007/1", **enqueued, "tenant": "t0007"}),
        ("job_completed", _ROW),
        ("job_failed", {**_ROW, **failed}),
        ("job_failed", {**_ROW, **failed, "retry_after_s": 2.0}),
        ("job_dying", _ROW),
        ("job_retried", {**_ROW, "observed_by": "hook", "delay_s": 1.0}),
        ("job_discarded", {**_ROW, "observed_by": "executor"}),
        ("note", {"code": "phase"}),
        ("note", {"code": "phase", "message": "a word"}),
    ]
    for number, (kind, fields) in enumerate(facts):
        yield Event(_BEGAN_NS + number * _MS, kind, fields)


def _instants() -> Iterator[Event]:
    t_ns = _BEGAN_NS
    for step_ns in _STEPS_NS:
        t_ns += step_ns
        yield Event(t_ns, "job_completed", _JOB)


def _failed(message: str) -> Event:
    return Event(_BEGAN_NS, "job_failed", {**_JOB, "error_class": "unplanned", "message": message})


def _retried(delay_s: float) -> Event:
    return Event(_BEGAN_NS, "job_retried", {**_JOB, "observed_by": "rows", "delay_s": delay_s})


def _lines(voice: Voice) -> list[str]:
    instants = iter([event.t_ns for event in voice.events])
    with tempfile.TemporaryFile() as written:
        emitter = Emitter(
            written.fileno(),
            run_id=voice.run_id,
            slot=voice.slot,
            incarnation=voice.incarnation,
            clock_anchor=_ANCHOR,
            clock_ns=lambda: next(instants),
        )
        for event in voice.events:
            emitter.emit(event.kind, event.fields)
        written.seek(0)
        return [line.decode() for line in written]
