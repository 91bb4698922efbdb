"""The samples that the parent takes once a second, one of each sort in a turn, in a fixed order.

Of histories that a parent recorded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise

from analysis.history.history import History
from orchestrator.history.records import ClockAnchorRecord, QueueSnapshot, ResourceSample
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
TICK_NS = 1_000_000
HICCUP_US = 50_000
REPORT_NS = 250_000_000
"""A report may be stamped so much later than its last tick ended."""
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
    if len(snapshots) == turns:
        columns.append([snapshot.t_ns for snapshot in snapshots])
    elif not turns - unread <= len(snapshots) <= turns:
        yield f"There are {len(snapshots)} queue_snapshot lines to {turns} turns of the sampler."
    if any(len(column) != turns for column in columns):
        return
    taken = [t_ns for turn in zip(*columns, strict=True) for t_ns in turn] + [anchors[-1].t_ns]
    if any(later < earlier for earlier, later in pairwise(taken)):
        yield "The samples of one second were not taken in their order."


def _of_one_form(history: History) -> Iterator[str]:
    """What one sample of a subject has all others have; calls may fail where a note says so."""
    unread = any(note.code == "queue_unreadable" for note in history.records.of(Note))
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
    before_ns: int | None = None
    for sample in _by_subject(history).get("hiccup", []):
        ticks, over, late_us = sample.ticks, sample.ticks_over_50_ms, sample.max_us
        if ticks is None or over is None or late_us is None:
            continue
        if not 0 <= over <= ticks or (over > 0) != (late_us > HICCUP_US):
            yield f"The hiccup meter was {late_us} us late, {over} times in {ticks} ticks."
        covered_ns = None if before_ns is None else sample.t_ns - before_ns
        before_ns = sample.t_ns
        if covered_ns is not None and abs(covered_ns - ticks * TICK_NS) > REPORT_NS:
            yield f"The hiccup meter's {ticks} ms do not reach to its report before."


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


CHECKS: tuple[Callable[[History], Iterator[str]], ...] = (
    _turns,
    _of_one_form,
    _capacity,
    _hiccups,
    _sizes,
    _anchors,
)
