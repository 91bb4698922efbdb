"""Alive and idle: a worker lives, a job waits, and it takes none; against a count by ticks."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.ledger.case import open_case
from analysis.metrics.idleness import NEVER_SEEN, Idleness, idleness
from tests.examples import examples
from tests.histories.builder import ORIGIN_NS, Story, Worker
from tests.histories.stories import A, B

S = 1_000_000_000
TICK_NS = 250_000_000


def found(story: Story, folder: Path) -> Idleness:
    return idleness(open_case(story.write(folder)))


def looked_at(story: Story, seconds: int, queued: int) -> None:
    """So long, with a look at the rows each second."""
    for _ in range(seconds):
        story.snapshot(queued)
        story.wait(1)


def ended(story: Story, worker: Worker) -> Story:
    story.snapshot()
    story.phase("stop")
    story.exit(worker)
    story.end({})
    return story


def one_waits(seconds: int, *, queued: int = 1, looks: bool = True) -> Story:
    """A waits so long before the only worker takes it."""
    story = Story()
    story.sees_the_queue = looks
    worker = story.worker()
    if looks:
        story.snapshot()
    story.enqueue(A)
    if looks:
        looked_at(story, seconds, queued)
        story.snapshot(queued)
    else:
        story.wait(seconds)
    worker.run(A)
    return ended(story, worker) if looks else closed(story, worker)


def closed(story: Story, worker: Worker) -> Story:
    story.exit(worker)
    story.end({})
    return story


def test_a_job_that_waits_for_five_seconds_before_an_idle_worker_takes_it_counts(
    tmp_path: Path,
) -> None:
    idle = found(one_waits(5), tmp_path)
    assert idle.whole_ns == pytest.approx(5 * S, abs=20_000_000)
    ((begin, end),) = idle.stretches
    assert idle.within_ns(begin + S, end) == idle.whole_ns - S
    assert idle.within_ns(0, begin) == 0


def test_a_wait_of_a_second_is_a_polls(tmp_path: Path) -> None:
    assert found(one_waits(0), tmp_path).stretches == ()


def test_a_row_that_somebody_had_claimed_did_not_wait(tmp_path: Path) -> None:
    assert found(one_waits(5, queued=0), tmp_path) == Idleness((), None)


def test_where_nobody_looked_at_the_rows_it_is_not_known(tmp_path: Path) -> None:
    assert found(one_waits(5, looks=False), tmp_path) == Idleness((), NEVER_SEEN)


def test_a_worker_whose_places_are_all_taken_is_not_idle(tmp_path: Path) -> None:
    story = Story()
    worker = story.worker()
    busy = [f"j{number:06d}" for number in range(1, 5)]  # its concurrency is 4
    story.snapshot()
    story.enqueue(A, *busy)
    for job_id in busy:
        worker.start(job_id)
    looked_at(story, 5, 1)
    story.snapshot(1)
    worker.complete(busy[0])
    looked_at(story, 3, 1)
    story.snapshot(1)
    worker.run(A)
    for job_id in busy[1:]:
        worker.complete(job_id)
    assert found(ended(story, worker), tmp_path).whole_ns == pytest.approx(3 * S, abs=20_000_000)


def test_a_worker_that_takes_other_jobs_meanwhile_is_not_idle(tmp_path: Path) -> None:
    story = Story()
    worker = story.worker()
    story.snapshot()
    others = [f"j{number:06d}" for number in range(1, 11)]
    story.enqueue(A)
    for job_id in others:
        story.enqueue(job_id)
        worker.run(job_id)
        story.wait(0.5)
        story.snapshot(1)
    worker.run(A)
    assert found(ended(story, worker), tmp_path).stretches == ()


def test_many_jobs_that_each_wait_a_moment_are_no_wait(tmp_path: Path) -> None:
    story = Story()
    first, second = story.worker(0), story.worker(1)
    story.snapshot()
    for number in range(12):
        job_id = f"j{number:06d}"
        story.enqueue(job_id)
        story.wait(0.4)
        story.snapshot(1)
        first.run(job_id)
    story.exit(second)
    assert found(ended(story, first), tmp_path).stretches == ()


def test_a_worker_that_a_fault_holds_up_is_not_idle_until_its_end(tmp_path: Path) -> None:
    story = Story()
    worker = story.worker()
    story.snapshot()
    story.enqueue(A)
    story.snapshot(1)
    begun_ns = story.now_ns
    story.stall(worker, 4)
    for second in range(1, 5):  # somebody looked all the while
        counts = {"queued": 1, "claimed": 0, "retrying": 0, "dead": 0}
        story.record("queue_snapshot", **counts)["t_ns"] = begun_ns + second * S
    looked_at(story, 2, 1)
    story.snapshot(1)
    worker.run(A)
    assert found(ended(story, worker), tmp_path).whole_ns == pytest.approx(2 * S, abs=20_000_000)


def test_an_orphan_that_a_dead_worker_had_claimed_waits_for_its_rescue(tmp_path: Path) -> None:
    story = Story()
    first, other = story.worker(0), story.worker(1)
    story.snapshot()
    story.enqueue(A, B)
    story.kill(first, held=[A])
    other.run(B)
    looked_at(story, 5, 1)
    story.snapshot(1)
    other.run(A)
    assert found(ended(story, other), tmp_path).stretches == ()


def test_two_workers_that_idle_together_idle_once(tmp_path: Path) -> None:
    story = Story()
    first, second = story.worker(0), story.worker(1)
    story.snapshot()
    story.enqueue(A)
    looked_at(story, 5, 1)
    story.snapshot(1)
    first.run(A)
    story.snapshot()
    story.phase("stop")
    story.exit(second)
    story.exit(first)
    story.end({})
    assert found(story, tmp_path).whole_ns == pytest.approx(5 * S, abs=20_000_000)


# Against a count by ticks


@dataclass
class Told:
    """A run at random in steps of a tick, and what may be counted of it."""

    places: int
    story: Story = field(default_factory=Story)
    enqueued: dict[str, int] = field(default_factory=dict)
    begun: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By job: the tick of its start, and the worker."""
    over: dict[str, int] = field(default_factory=dict)
    looks: dict[int, bool] = field(default_factory=dict)
    ticks: int = 0

    def idle_ticks(self) -> int:
        """By a look at every tick of every worker and job."""
        counted: set[int] = set()
        for worker in (0, 1):
            for gap in self.gaps(worker):
                waited: set[int] = set()
                for job in self.enqueued:
                    for run in consecutive([t for t in gap if self.waits(worker, job, t)]):
                        # Just under a tick is lost where lines of one tick follow each other.
                        waited |= set(run) if len(run) > 4 else set()
                counted |= self.kept(waited)
        # Of different workers; a part cut out of one may be filled by another.
        return len(counted)

    def gaps(self, worker: int) -> list[list[int]]:
        """The ticks between one start of a worker's and the next."""
        parts: list[list[int]] = [[]]
        for tick in range(self.ticks):
            if worker_starts(self, worker, tick):
                parts.append([])
            parts[-1].append(tick)
        return parts

    def waits(self, worker: int, job: str, tick: int) -> bool:
        """From this tick to the next."""
        until = self.begun[job][0] if job in self.begun else self.ticks
        return self.enqueued[job] <= tick < until and self.open(worker, tick) < self.places

    def open(self, worker: int, tick: int) -> int:
        return sum(
            at <= tick < self.over.get(job, tick + 1)
            for job, (at, who) in self.begun.items()
            if who == worker
        )

    def kept(self, waited: set[int]) -> set[int]:
        """What the looks leave of a gap: the stretches between two that found a row queued."""
        seen: set[int] = set()
        for (begin, before), (end, after) in pairwise(sorted(self.looks.items())):
            if before and after and end - begin <= 12:
                seen |= set(range(begin, end))
        parts = consecutive(sorted(waited & seen))
        return {tick for part in parts if len(part) > 4 for tick in part}


def worker_starts(told: Told, worker: int, tick: int) -> bool:
    return any(at == tick and who == worker for at, who in told.begun.values())


def consecutive(ticks: list[int]) -> list[list[int]]:
    parts: list[list[int]] = []
    for tick in ticks:
        if parts and parts[-1][-1] == tick - 1:
            parts[-1].append(tick)
        else:
            parts.append([tick])
    return parts


STEPS = st.lists(
    st.tuples(
        st.sampled_from(("enqueue", "start", "complete", "look", "look")),
        st.integers(0, 1),
        st.sampled_from((1, 1, 2, 3, 6)),
        st.booleans(),
    ),
    max_size=18,
)


class _Teller:
    """Carries the drawn steps out, each at its tick."""

    def __init__(self, places: int) -> None:
        self.made = Told(places)
        self.story = self.made.story
        self.story.first("run_start")["scenario"]["workers"]["concurrency"] = places
        self.workers = [self.story.worker(0), self.story.worker(1)]
        self.tick = 1

    def move_to(self, tick: int) -> None:
        self.tick = self.made.ticks = tick
        self.story.now_ns = ORIGIN_NS + tick * TICK_NS - 1_000_000

    def enqueue(self, _: int, __: bool) -> None:
        job_id = f"j{len(self.made.enqueued):06d}"
        self.story.enqueue(job_id, acknowledged_ns=ORIGIN_NS + self.tick * TICK_NS)
        self.made.enqueued[job_id] = self.tick

    def start(self, who: int, _: bool) -> None:
        waiting = [job for job in self.made.enqueued if job not in self.made.begun]
        if waiting and self.made.open(who, self.tick) < self.made.places:
            self.workers[who].start(waiting[0])
            self.made.begun[waiting[0]] = self.tick, who

    def complete(self, who: int, _: bool) -> None:
        begun, over = self.made.begun, self.made.over
        open_ = [job for job, (_, by) in begun.items() if by == who and job not in over]
        if open_:
            self.workers[who].complete(open_[0])
            over[open_[0]] = self.tick

    def look(self, _: int, queued: bool) -> None:
        self.story.snapshot(int(queued))
        self.made.looks[self.tick] = queued

    def end(self) -> Told:
        self.story.phase("stop")
        for worker in self.workers:
            self.story.exit(worker)
        made = self.made
        self.story.sees_the_queue = bool(made.looks)
        rows = {job: "claimed" if job in made.begun else "queued" for job in made.enqueued}
        self.story.end(rows | dict.fromkeys(made.over, "done"))
        return made


@st.composite
def told(draw: st.DrawFn) -> Told:
    teller = _Teller(draw(st.integers(1, 2)))
    tick = 1
    for act, who, ticks, queued in draw(STEPS):
        teller.move_to(tick)
        getattr(teller, act)(who, queued)
        tick += ticks
    teller.move_to(tick)
    return teller.end()


@settings(max_examples=examples(300), deadline=None, suppress_health_check=list(HealthCheck))
@given(told())
def test_it_is_what_a_count_by_ticks_finds(made: Told) -> None:
    with TemporaryDirectory() as folder:
        idle = found(made.story, Path(folder))
    if not made.looks:
        assert idle == Idleness((), NEVER_SEEN)
        return
    assert idle.whole_ns == pytest.approx(made.idle_ticks() * TICK_NS, abs=20_000_000)
