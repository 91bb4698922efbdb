"""The samples that the parent takes once a second, one of each sort in a turn, in a fixed order."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise

from analysis.checks.instants import PATIENCE_NS
from analysis.evidence.blind import blind_spans
from analysis.history.columns import ABSENT
from analysis.history.history import History, is_first_phase
from orchestrator.history.records import (
    ClockAnchorRecord,
    FaultEnded,
    FaultInjected,
    QueueSnapshot,
    ResourceSample,
)
from worker_child.protocol import Note

SUBJECTS = ("children", "parent", "postgres")
"""In the order of a turn; `postgres` only where the server is ours."""
VALUES = (
    "rss_bytes",
    "processes",
    "open_executions",
    "capacity",
    "calls",
    "ticks",
    "ticks_over_50_ms",
    "max_us",
)
KIB = 1024
"""No page and no block is smaller."""
TURN_NS = 1_000_000_000
TICK_NS = 1_000_000
US_NS = 1000
HICCUP_US = 50_000
REPORT_NS = 1_000_000_000
NAP_NS = 5_000_000
"""The meter reports at the first wake-up from its naps that comes a second after the one before."""
ANCHOR_STEP_NS = 2_000_000
"""The parent notes a step of a millisecond against an anchor of its own, that none of the history's
differs from by more than another one."""


def _by_subject(history: History) -> dict[str, list[ResourceSample]]:
    found: defaultdict[str, list[ResourceSample]] = defaultdict(list)
    for sample in history.records.of(ResourceSample):
        found[sample.subject].append(sample)
    return found


def _turns(history: History) -> Iterator[str]:
    """An anchor, then a sample of each subject, then a snapshot; one more anchor at the end."""
    assert history.end is not None, "asked of an unfinished history"
    anchors = history.records.of(ClockAnchorRecord)
    if not anchors:
        yield "There is no clock_anchor line, and the parent writes one before it ends."
        return
    if history.end.ended != "completed":
        return
    turns = len(anchors) - 1
    by_subject = _by_subject(history)
    columns = [[anchor.t_ns for anchor in anchors[:-1]]]
    for subject in SUBJECTS:
        samples = by_subject.get(subject, [])
        if len(samples) == turns:
            columns.append([sample.t_ns for sample in samples])
        elif samples or subject != "postgres":
            yield f"There are {len(samples)} samples of {subject} to {turns} turns of the sampler."
    snapshots = history.records.of(QueueSnapshot)
    unread = sum(note.code == "queue_unreadable" for note in history.records.of(Note))
    unread += sum(
        any(from_ns <= anchor.t_ns <= to_ns for from_ns, to_ns in blind_spans(history))
        for anchor in anchors[:-1]
    )
    lacking = turns - len(snapshots)
    if not 0 <= lacking <= unread:
        yield f"There are {len(snapshots)} queue_snapshot lines to {turns} turns of the sampler."
    elif not lacking:
        columns.append([snapshot.t_ns for snapshot in snapshots])
    taken = [t_ns for turn in zip(*columns, strict=True) for t_ns in turn] + [anchors[-1].t_ns]
    if any(later < earlier for earlier, later in pairwise(taken)):
        yield "The samples of one second were not taken in their order."


def _each_second(history: History) -> Iterator[str]:
    """The turns begin with the setup and go on to the end; only a server that a fault harms, or a
    machine that stood still by the meter's word, may keep the parent waiting."""
    end = history.end
    assert end is not None, "asked of an unfinished history"
    anchors = [anchor.t_ns for anchor in history.records.of(ClockAnchorRecord)]
    if end.ended != "completed" or history.server_harmed or not anchors:
        return
    begun = [note.t_ns for note in history.records.of(Note) if is_first_phase(note)]
    instants = [*begun, *anchors, end.t_ns]
    apart_ns = max(later - earlier for earlier, later in pairwise(instants))
    reports = _by_subject(history).get("hiccup", [])
    late_us = max((told.max_us for told in reports if told.max_us is not None), default=0)
    if apart_ns > TURN_NS + PATIENCE_NS + late_us * US_NS:
        yield f"For {apart_ns / 1e9:.3f} s the parent took no sample, and it takes one a second."


def _of_one_form(history: History) -> Iterator[str]:
    """What one sample of a subject has all others have; calls may fail where a note says so."""
    unread = any(note.code in ("queue_unreadable", "blind") for note in history.records.of(Note))
    for subject, samples in sorted(_by_subject(history).items()):
        for name in VALUES:
            lacking = sum(getattr(sample, name) is None for sample in samples)
            if 0 < lacking < len(samples) and not (name == "calls" and unread):
                yield f"Some samples of {subject} lack the {name} that others have."
    sizes = [snapshot.table_bytes is None for snapshot in history.records.of(QueueSnapshot)]
    if any(sizes) and not all(sizes):
        yield "Some queue_snapshot lines lack the table_bytes that others have."


def _capacity(history: History) -> Iterator[str]:
    workers = history.start.scenario.workers
    capacity = workers.slots * workers.concurrency
    for sample in _by_subject(history).get("children", []):
        if sample.capacity != capacity:
            yield f"A sample speaks of {sample.capacity} places; the scenario has {capacity}."
            return


def _hiccups(history: History) -> Iterator[str]:
    """Each report covers what lies between it and the one before, and its parts go together."""
    samples = _by_subject(history).get("hiccup", [])
    reports = [
        (sample.t_ns, sample.ticks, sample.ticks_over_50_ms, sample.max_us)
        for sample in samples
        if sample.ticks is not None
        and sample.ticks_over_50_ms is not None
        and sample.max_us is not None
    ]
    for _, ticks, over, late_us in reports:
        if not 0 <= over <= ticks or (over > 0) != (late_us > HICCUP_US):
            yield f"The hiccup meter was {late_us} us late, {over} times in {ticks} ticks."
    covered_ns, beyond_ns = 0, [0]
    for (before_ns, *_), (t_ns, ticks, _, late_us) in pairwise(reports):
        latest_ns = REPORT_NS + NAP_NS + (late_us + 1) * US_NS
        if not REPORT_NS <= t_ns - before_ns < latest_ns:
            apart_s = (t_ns - before_ns) / 1e9
            yield f"Two reports of the hiccup meter are {apart_s:.3f} s apart, {late_us} us late."
        covered_ns += ticks * TICK_NS
        beyond_ns.append(t_ns - reports[0][0] - covered_ns)
    # A report stands at a wake-up, less than a tick after the end of the last one that it counts.
    if max(beyond_ns) - min(beyond_ns) >= TICK_NS:
        yield "The ticks of the hiccup meter do not make up the time between its reports."


def _calls(history: History) -> Iterator[str]:
    """The statements are counted upwards, as long as nobody harms the server."""
    if history.server_harmed:
        return
    samples = _by_subject(history).get("postgres", [])
    calls = [sample.calls for sample in samples if sample.calls is not None]
    if any(later < earlier for earlier, later in pairwise(calls)):
        yield "A later sample of the server counts fewer calls than an earlier one."


def _counts(history: History) -> Iterator[str]:
    """Nothing is counted below nought, and nothing is in the queue before the first job is sent."""
    snapshots = history.records.of(QueueSnapshot)
    anchors = [anchor.t_ns for anchor in history.records.of(ClockAnchorRecord)]
    if not anchors:
        return  # said by `_turns`
    sent_ns = history.enqueues.sent_ns
    sent_ns = sent_ns[sent_ns != ABSENT]
    first_ns = int(sent_ns.min()) if sent_ns.size else None
    for seen in snapshots:
        counts = (seen.queued, seen.claimed, seen.retrying, seen.dead)
        # It was counted after its instant and before the next turn began.
        done_ns = anchors[min(bisect_right(anchors, seen.t_ns), len(anchors) - 1)]
        early = first_ns is not None and seen.t_ns < done_ns <= first_ns
        if min(counts) < 0 or (early and any(counts)):
            yield f"A queue_snapshot cannot have counted {counts} rows by state."
            return
    for sample in history.records.of(ResourceSample):
        values = [getattr(sample, name) for name in VALUES]
        if any(value is not None and value < 0 for value in values):
            yield f"A sample of {sample.subject} counts less than nothing."
            return


def _sizes(history: History) -> Iterator[str]:
    """The kernel counts memory in pages and the server its tables in blocks."""
    memory = [sample.rss_bytes for sample in history.records.of(ResourceSample)]
    tables = [snapshot.table_bytes for snapshot in history.records.of(QueueSnapshot)]
    odd = [size for size in (*memory, *tables) if size is not None and size % KIB]
    if odd:
        yield f"A sample speaks of {odd[0]} bytes, which are no whole pages or blocks."


def _anchors(history: History) -> Iterator[str]:
    """The clocks go side by side; where they part, the parent's note stands at that very anchor."""
    anchors = history.records.of(ClockAnchorRecord)
    noted = {n.t_ns for n in history.records.of(Note) if n.code == "wall_clock_step"}
    apart_ns: int | None = None
    for anchor in anchors:
        now_ns = anchor.wall_ns - anchor.t_ns
        if apart_ns is None or anchor.t_ns in noted:
            apart_ns = now_ns
        elif abs(now_ns - apart_ns) > ANCHOR_STEP_NS:
            yield (
                f"Two clock_anchor lines disagree by {abs(now_ns - apart_ns) / 1e6:.3f} ms, and no "
                "note says why."
            )
            return


def _brackets(history: History) -> Iterator[str]:
    """The sampler does nothing else between the two reads of a clock around an anchor's."""
    anchors = history.records.of(ClockAnchorRecord)
    samples = (s for s in history.records.of(ResourceSample) if s.subject in SUBJECTS)
    taken_ns = [s.t_ns for s in samples] + [s.t_ns for s in history.records.of(QueueSnapshot)]
    spans = [(t_ns, t_ns) for t_ns in taken_ns]
    for anchor in anchors:
        before_ns = anchor.t_ns - anchor.bracket_ns // 2
        spans.append((before_ns, before_ns + anchor.bracket_ns))
    spans.sort()
    turned = any(anchor.bracket_ns < 0 for anchor in anchors)
    if turned or any(later[0] < earlier[1] for earlier, later in pairwise(spans)):
        yield "The two reads of the clock around a clock_anchor's cannot lie so far apart."


def _blind(history: History) -> Iterator[str]:
    """The queue is out of sight only where a fault has taken the server away."""
    ended = {seen.fault: seen.t_ns for seen in history.records.of(FaultEnded)}
    away = [
        (sent.t_ns, ended.get(sent.fault, sent.t_ns))
        for sent in history.records.of(FaultInjected)
        if not sent.target.workers
    ]
    for from_ns, to_ns in blind_spans(history):
        if not any(from_ns <= back_ns and sent_ns <= to_ns for sent_ns, back_ns in away):
            yield "The queue was not looked at for a while, and no fault had taken the server away."


CHECKS: tuple[Callable[[History], Iterator[str]], ...] = (
    _turns,
    _each_second,
    _of_one_form,
    _capacity,
    _hiccups,
    _calls,
    _counts,
    _sizes,
    _anchors,
    _brackets,
    _blind,
)
