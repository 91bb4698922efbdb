"""Reads histories of versions 1 and 2 as if they had been written today.

Version 2 only lacked the kind job_dying. Of version 1 three kinds of line have changed: run_start,
whose scenario may name a fault by a former word, hold retired keys, or be a part of a scenario;
fault_injected and fault_ended, which had a pid where a target is now, and the parts of the
certificate beside it. No line of today's version comes here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import msgspec

from orchestrator.history.records import (
    HISTORY_VERSION,
    KINDS,
    FaultEnded,
    FaultInjected,
    Invocation,
    RunStart,
)
from orchestrator.history.sessions import Session
from orchestrator.history.targets import WorkerTarget
from orchestrator.scenario.faults import FORMER_FAULTS, UNTAGGED_FAULT
from orchestrator.scenario.types import Scenario
from worker_child.protocol import Rescue

READABLE = (1, 2, HISTORY_VERSION)
"""The versions of a history that can be read."""


class RunStart1(msgspec.Struct, frozen=True):
    """`run_start`: the scenario was whatever stood there."""

    t_ns: int
    history_version: int
    scenario_name: str
    library: str
    preset: str
    ordinal: int
    seed: int
    scenario: dict[str, Any]
    scenario_sha256: str
    settings: dict[str, Any]
    library_version: str
    rescue: Rescue | None
    acknowledges_in_transaction: bool
    periods_s: dict[str, float]
    environment: dict[str, Any]
    cell_hash: str
    parity: dict[str, str] = {}
    adapter_sha256: str | None = None
    offers: dict[str, str] = {}
    needs: tuple[str, ...] = ()
    planned_stream_jobs: int | None = None
    changed_settings: dict[str, Any] = {}
    preset_hash: str | None = None
    invocation: Invocation | None = None


class FaultInjected1(msgspec.Struct, frozen=True):
    """`fault_injected`: a SIGKILL of a worker, there was no other."""

    t_ns: int
    fault: int
    slot: int
    incarnation: int
    pid: int
    what: str
    trigger: str
    biased: bool
    intended_ns: int | None
    sessions: list[Session]
    strangers: list[Session] = []
    phases_s: dict[str, float] = {}


class FaultEnded1(msgspec.Struct, frozen=True):
    """`fault_ended`."""

    t_ns: int
    fault: int
    slot: int
    incarnation: int
    pid: int
    reaped_ns: int | None = None
    signal: int | None = None
    exit_code: int | None = None
    survivors: list[int] = []
    eof_ns: int | None = None
    sessions_gone_ns: int | None = None
    sessions_left: list[Session] = []
    rows_read_ns: int | None = None
    raced: bool = False


CHANGED: dict[int, dict[str, type[Any]]] = {
    1: {
        "run_start": RunStart1,
        "fault_injected": FaultInjected1,
        "fault_ended": FaultEnded1,
    },
    2: {"run_start": RunStart},
}
"""By an older version: the kinds that are read otherwise, and what their ``fields`` were."""

PARTS_OF_THE_END = (
    "reaped_ns",
    "signal",
    "exit_code",
    "survivors",
    "eof_ns",
    "sessions_gone_ns",
    "sessions_left",
    "rows_read_ns",
)


def upgrade(fields: Any) -> Any:
    """The fields of one line of a `CHANGED` kind as today's type.

    Raises msgspec.ValidationError.
    """
    return UPGRADES[type(fields)](fields)


def read_fields(kind: str, raw: msgspec.Raw, version: int) -> Any:
    """The fields of one line of a kind, in a history of that version, as today's type.

    Raises msgspec.DecodeError.
    """
    changed = CHANGED.get(version, {})
    if kind not in changed:
        return msgspec.json.decode(raw, type=KINDS[kind])
    return upgrade(msgspec.json.decode(raw, type=changed[kind]))


def read_run_start(line: bytes) -> RunStart:
    """The run_start of a history of any readable version, from its first line.

    Raises msgspec.DecodeError and UnicodeDecodeError.
    """
    version = msgspec.json.decode(line, type=_VersionLine).fields.history_version
    if version != 1:
        return _as_today(msgspec.json.decode(line, type=_StartLine).fields)
    return _run_start(msgspec.json.decode(line, type=_StartLine1).fields)


class VersionOf(msgspec.Struct):
    """Of a run_start nothing but the history's version."""

    history_version: int


class _VersionLine(msgspec.Struct):
    fields: VersionOf


class _StartLine(msgspec.Struct):
    run_id: str
    fields: RunStart


class _StartLine1(msgspec.Struct):
    run_id: str
    fields: RunStart1


def _run_start(start: RunStart1) -> RunStart:
    table = msgspec.to_builtins(start)
    scenario = _whole_scenario(start)
    return msgspec.convert(
        {**table, "history_version": HISTORY_VERSION, "scenario": scenario}, RunStart
    )


def _as_today(start: RunStart) -> RunStart:
    return msgspec.structs.replace(start, history_version=HISTORY_VERSION)


def _whole_scenario(start: RunStart1) -> dict[str, Any]:
    """The scenario with today's keys alone, its faults by today's names.

    Histories written by hand bear parts of one. No figure rests on what is filled in here.
    """
    known = _without_retired(start.scenario, Scenario)
    workload = {"duration_s": 1.0, "rate_per_s": 1.0, "mix": {}, **known.get("workload", {})}
    if workload.get("closed_loop") and "think_s" not in workload:
        workload["think_s"] = 0.0  # a closed loop did not think then
    workers = {"concurrency": 1, "max_attempts": 1, **known.get("workers", {})}
    limits = {"backlog_margin_s": 0.0, **known.get("limits", {})}
    faults = [_named(fault) for fault in start.scenario.get("faults", [])]
    return {
        "name": "unnamed",
        "description": "no description",
        "seed": start.seed,
        **known,
        "workload": workload,
        "workers": workers,
        "limits": limits,
        "faults": faults,
    }


def _named(fault: Mapping[str, Any]) -> dict[str, Any]:
    what = fault.get("what", UNTAGGED_FAULT)
    return {**fault, "what": FORMER_FAULTS.get(what, what)}


def _without_retired(table: Mapping[str, Any], section: type[Any]) -> dict[str, Any]:
    """Without the keys that a table, or one in it, no longer has."""
    types = {field.encode_name: field.type for field in msgspec.structs.fields(section)}
    return {
        key: _without_retired(value, inner)
        if isinstance(value, Mapping) and (inner := _plain_section(types[key]))
        else value
        for key, value in table.items()
        if key in types
    }


def _plain_section(wanted: Any) -> type[Any] | None:
    """The one type of table that a key takes; None where it takes several, or no table."""
    options = get_args(wanted) if get_origin(wanted) in (Union, UnionType) else (wanted,)
    sections = [option for option in options if option is not NoneType]
    if len(sections) == 1 and isinstance(sections[0], type):
        return sections[0] if issubclass(sections[0], msgspec.Struct) else None
    return None


def _fault_injected(sent: FaultInjected1) -> FaultInjected:
    return msgspec.convert(
        {
            "t_ns": sent.t_ns,
            "fault": sent.fault,
            "what": FORMER_FAULTS.get(sent.what, sent.what),
            "target": _target(sent),
            "ends_process": True,
            "trigger": sent.trigger,
            "biased": sent.biased,
            "intended_ns": sent.intended_ns,
            "parts": {
                "sessions": msgspec.to_builtins(sent.sessions),
                "unknown_sessions": msgspec.to_builtins(sent.strangers),
            },
            "phases_s": sent.phases_s,
        },
        FaultInjected,
    )


def _fault_ended(seen: FaultEnded1) -> FaultEnded:
    table = msgspec.to_builtins(seen)
    return FaultEnded(
        t_ns=seen.t_ns,
        fault=seen.fault,
        what="kill",
        target=WorkerTarget(seen.slot, seen.incarnation, seen.pid),
        parts={name: table[name] for name in PARTS_OF_THE_END},
        raced=seen.raced,
    )


def _target(line: FaultInjected1) -> dict[str, Any]:
    target: dict[str, Any] = msgspec.to_builtins(
        WorkerTarget(line.slot, line.incarnation, line.pid)
    )
    return target


UPGRADES: dict[type[Any], Callable[[Any], Any]] = {
    RunStart1: _run_start,
    RunStart: _as_today,
    FaultInjected1: _fault_injected,
    FaultEnded1: _fault_ended,
}
