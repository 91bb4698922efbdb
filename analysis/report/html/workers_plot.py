"""Each worker's life: starting, working, waiting, held up, draining, dead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from analysis.evidence.incarnations import Incarnation, stop_asked_ns
from analysis.evidence.presence import (
    Presence,
    Stretch,
    executions_of,
    nothing_open,
    told_to_stop_ns,
    without,
)
from analysis.faults_named import fault_named
from analysis.ledger.case import Case
from analysis.metrics.idleness import Idleness, idleness
from analysis.report.html.plot import (
    Clock,
    Json,
    NoPlot,
    Plot,
    Shown,
    bands_said,
    bar_marker,
    over_time,
    rows_axis,
)

MOST_WORKERS: Final = 60
"""More rows than these nobody reads."""
FINEST_NS: Final = 250_000_000
PARTS: Final = 500
"""A stretch without a job that is shorter than such a part of the run is drawn as work."""
ROW_PX: Final = 24
FRAME_PX: Final = 170

STYLES: Final = {
    "starting": ("--waiting", "."),
    "working": ("--done", ""),
    "ready, without a job": ("--series-3", "/"),
    "alive and idle": ("--again", "x"),
    "held up": ("--cut", "|"),
    "draining": ("--series-4", "\\"),
    "leaderless": ("--series-4", "+"),
    "dead": ("--erred", "-"),
}
"""By a state: its colour and its pattern, in the order of the legend."""


@dataclass(frozen=True, slots=True)
class State:
    """A stretch of a worker's life; nanoseconds."""

    what: str
    from_ns: int
    to_ns: int
    why: str = ""
    """By which fault, where one brought it about."""


def workers_plot(case: Case, clock: Clock) -> Shown:
    """A row for each process of a slot."""
    key, title = "workers", "The workers"
    members = [one for one in case.incarnations if one.spawned_ns is not None]
    if not members:
        return NoPlot(key, title, "No worker was started.")
    idle = idleness(case)
    shown = members[:MOST_WORKERS]
    lives = [(one, list(states_of(case, one, idle, clock.end_ns))) for one in shown]
    left_out = f" The first {MOST_WORKERS} are drawn." if shown != members else ""
    says = (
        "Each row is a process of a slot, from its start to its end: working = at least one job "
        "is open in it; alive and idle = it has a place free while a job waits, and takes none; "
        "held up = by a fault that it survives; draining = told to stop, not yet gone; "
        "leaderless = its first process was killed, others live on; dead = "
        f"until its slot was filled again.{left_out}{bands_said(clock)}"
    )
    layout = over_time(clock, "")
    names = [_name(one) for one in shown]
    layout["barmode"] = "overlay"
    layout["yaxis"] = rows_axis(names)
    height_px = FRAME_PX + ROW_PX * len(shown)
    return Plot(key, title, says, _traces(lives, clock), layout, height_px, over_time=True)


def states_of(case: Case, one: Incarnation, idle: Idleness, end_ns: int) -> Iterator[State]:
    """One process's life, stretch by stretch; `end_ns` = when the run ended."""
    assert one.spawned_ns is not None, "asked of a worker that was started"
    gone_ns = min(end_ns, one.gone_ns if one.gone_ns is not None else end_ns)
    died_ns = one.died_ns if one.dead else gone_ns
    ready_ns = gone_ns if one.ready_ns is None else one.ready_ns
    yield State("starting", one.spawned_ns, min(ready_ns, died_ns))
    told_ns = told_to_stop_ns(one, stop_asked_ns(case.history.records))
    if told_ns is not None and told_ns < gone_ns and told_ns != died_ns:
        yield State("draining", max(told_ns, ready_ns), gone_ns)
    if one.leaderless_ns is not None:
        yield State("leaderless", one.leaderless_ns, died_ns)
    for span in case.spans:
        if not (span.ends_process or span.lets_go) and span.hits(one.key):
            until_ns = min(gone_ns, gone_ns if span.healed_ns is None else span.healed_ns)
            if span.began_ns < until_ns:
                name = fault_named(span.what, span.fault)
                yield State("held up", span.began_ns, until_ns, name)
    yield from _present(case, one, idle, end_ns)
    if one.dead:
        yield State("dead", died_ns, _filled_ns(case, one, end_ns))


def _present(case: Case, one: Incarnation, idle: Idleness, end_ns: int) -> Iterator[State]:
    """What it did where nothing kept it from it."""
    begun_ns = case.started_ns if case.started_ns is not None else case.history.start.t_ns
    finest_ns = max(FINEST_NS, (end_ns - begun_ns) // PARTS)
    free = list(nothing_open(executions_of(case.history, one.key), finest_ns))
    idling = idle.by_worker.get(one.key, ())
    for presence in case.present:
        if presence.worker != one.key:
            continue
        whole = presence.from_ns, presence.to_ns
        for stretch in _within(idling, presence):
            yield State("alive and idle", *stretch)
        for work in without(whole, free):
            for stretch in without(work, idling):
                yield State("working", *stretch)
        for rest in _within(free, presence):
            for stretch in without(rest, idling):
                yield State("ready, without a job", *stretch)


def _within(stretches: Sequence[Stretch], presence: Presence) -> Iterator[Stretch]:
    for begin_ns, end_ns in stretches:
        begin_ns, end_ns = max(begin_ns, presence.from_ns), min(end_ns, presence.to_ns)
        if begin_ns < end_ns:
            yield begin_ns, end_ns


def _filled_ns(case: Case, one: Incarnation, end_ns: int) -> int:
    """When its slot had its next process."""
    successor = None if one.successor is None else case.incarnations.get(*one.successor)
    if successor is None or successor.spawned_ns is None:
        return end_ns
    return successor.spawned_ns


def _name(one: Incarnation) -> str:
    return f"slot {one.slot}, process {one.number}"


def _traces(lives: Sequence[tuple[Incarnation, list[State]]], clock: Clock) -> list[Json]:
    traces = []
    for what, (colour, pattern) in STYLES.items():
        bars = [(one, s) for one, states in lives for s in states if s.what == what]
        bars = [(one, s) for one, s in bars if s.to_ns > s.from_ns]
        if not bars:
            continue
        begins = clock.seconds([s.from_ns for _, s in bars]).tolist()
        ends = clock.seconds([s.to_ns for _, s in bars]).tolist()
        lengths = [round(end - begin, 6) for begin, end in zip(begins, ends, strict=True)]
        texts = [
            f"{_name(one)}: {what}{f' ({s.why})' if s.why else ''}, {length:.3f} s"
            for (one, s), length in zip(bars, lengths, strict=True)
        ]
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": what,
                "y": [_name(one) for one, _ in bars],
                "base": begins,
                "x": lengths,
                "hovertext": texts,
                "hoverinfo": "text",
                "marker": bar_marker(colour, pattern, edge_px=0),
            }
        )
    return traces
