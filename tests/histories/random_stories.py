"""Histories at random: workers that come, run jobs, are killed or die; then something is broken."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.histories.builder import RESCUE, Story, Worker

STATES = ("queued", "retrying", "claimed", "dead", "done", "absent", "none")
DRAWN_STATES = st.sampled_from(("done", "done", "done", "absent", *STATES))
STEPS = st.sampled_from(
    (
        *("run", "run", "run", "start", "finish", "finish", "effect", "fail", "kill", "die"),
        *("wait", "discard", "discard", "retry", "leave", "stall", "announce"),
    )
)
TOLD = ("executor", "executor", "rows")


class _Author:
    """Tells a story by drawing what happens next."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        effects = draw(st.booleans() | st.just(True))
        rescue = draw(st.sampled_from((RESCUE, RESCUE, None)))
        self.story = Story(effects=effects, rescue=rescue)
        self.slots = {slot: self.story.worker(slot) for slot in range(draw(st.integers(1, 2)))}
        self.identities = [worker.identity for worker in self.slots.values()]
        self.jobs = [f"j{number:06d}" for number in range(draw(st.integers(1, 5)))]
        self.story.enqueue(*self.jobs)
        self.open: list[tuple[Worker, str, int]] = []
        self.failed: list[tuple[Worker, str, int]] = []
        self.left: dict[str, str] = {}

    def tell(self) -> Story:
        for step in self.draw(st.lists(STEPS, max_size=14)):
            slot = self.draw(st.sampled_from(sorted(self.slots)))
            getattr(self, step)(self.slots[slot], self.draw(st.sampled_from(self.jobs)))
        if self.draw(st.sampled_from((True, True, True, False))):
            self.story.wait(self.draw(st.sampled_from((0, 3, 10))))
            self.story.phase("stop")
        for worker in self.slots.values():
            self.story.exit(worker, self.draw(st.sampled_from(("stopped", "stop_ignored"))))
        self.story.wait(self.draw(st.sampled_from((0, 2, 30))))
        for job in self.jobs:
            self.rows(job)
        self.story.end(dict.fromkeys(self.jobs, "none"))
        self.break_something()
        return self.story

    def run(self, worker: Worker, job: str) -> None:
        worker.run(job)

    def start(self, worker: Worker, job: str) -> None:
        self.open.append((worker, job, worker.start(job)))

    def finish(self, _: Worker, __: str) -> None:
        if self.open:
            worker, job, execution = self.open.pop(0)
            worker.complete(
                job, execution, effect=self.draw(st.sampled_from((True, True, True, False)))
            )

    def effect(self, _: Worker, __: str) -> None:
        if self.open and self.story.with_effects:
            worker, job, execution = self.open[0]
            worker.effect(job, execution)

    def fail(self, _: Worker, __: str) -> None:
        if self.open:
            worker, job, execution = self.open.pop()
            worker.fail(job, execution)
            self.failed.append((worker, job, execution))

    def announce(self, _: Worker, __: str) -> None:
        """Some job says that it kills its worker, which no plan has: nothing rests on it."""
        if self.open:
            worker, job, execution = self.open[0]
            worker.announce(job, execution)

    def discard(self, worker: Worker, job: str) -> None:
        """Sometimes the library starts the job again all the same."""
        discarded = self.tell_of("job_discarded", job)
        if self.draw(st.booleans()):
            self.start(worker, discarded)

    def retry(self, _: Worker, job: str) -> None:
        self.tell_of("job_retried", job)

    def tell_of(self, kind: str, job: str) -> str:
        """By the worker, of any failed or open execution; or by the parent, of any job at all.

        Gives the job that was told of.
        """
        told = [*self.failed, *self.open]
        if not told or self.draw(st.sampled_from(TOLD)) == "rows":
            self.story.see(kind, job)
            return job
        worker, told_job, execution = self.draw(st.sampled_from(told))
        worker.tell(kind, told_job, execution)
        return told_job

    def kill(self, worker: Worker, job: str) -> None:
        self.left[job] = worker.identity
        self.story.kill(worker, held=[job], raced=self.draw(st.booleans()))
        self.respawn(worker)

    def die(self, worker: Worker, _: str) -> None:
        self.story.exit(worker, "died", exit_code=1)
        self.respawn(worker)

    def leave(self, worker: Worker, job: str) -> None:
        """It is told to stop, and leaves with a row."""
        self.left[job] = worker.identity
        self.story.exit(worker, "stopped")
        self.respawn(worker)

    def stall(self, worker: Worker, _: str) -> None:
        self.story.stall(worker, self.draw(st.sampled_from((1, 4))))

    def wait(self, _: Worker, __: str) -> None:
        self.story.wait(self.draw(st.sampled_from((1, 4))))

    def respawn(self, worker: Worker) -> None:
        self.open = [entry for entry in self.open if entry[0] is not worker]
        self.failed = [entry for entry in self.failed if entry[0] is not worker]
        if len(self.slots) > 1 and self.draw(st.sampled_from((False, False, True))):
            del self.slots[worker.slot]
            return
        ready = self.draw(st.sampled_from((True, True, True, False)))
        successor = self.story.worker(worker.slot, ready=ready)
        self.identities.append(successor.identity)
        self.slots[worker.slot] = successor

    def rows(self, job: str) -> None:
        if job in self.left and self.draw(st.booleans()):
            self.story.row(job, "claimed", claimed_by=self.left[job])
            return
        for state in self.draw(st.lists(DRAWN_STATES, min_size=1, max_size=2)):
            holder: dict[str, Any] = {}
            if state == "claimed":
                holder["claimed_by"] = self.draw(st.sampled_from((*self.identities, "nobody")))
            if state != "none":
                self.story.row(job, state, **holder)

    def break_something(self) -> None:
        breakage = self.draw(st.sampled_from((None, None, None, *BREAKAGES)))
        if breakage is not None:
            breakage(self.draw, self.story)


def _lose_an_event(draw: st.DrawFn, story: Story) -> None:
    events = [record for record in story.records if record[0].startswith("job_")]
    story.records.remove(draw(st.sampled_from(events)))


def _use_a_number_twice(draw: st.DrawFn, story: Story) -> None:
    events = [f for kind, f in story.records if kind in ("job_started", "job_completed")]
    if events:
        draw(st.sampled_from(events))["execution"] = draw(st.integers(1, 3))


def _lose_an_exit(_: st.DrawFn, story: Story) -> None:
    story.drop("child_exited")


def _break_the_read(draw: st.DrawFn, story: Story) -> None:
    last = [f for kind, f in story.records if kind == "row_read" and "job_id" not in f][-1]
    broken = ({"error": "gone"}, {"lines": 99}, {"effects_error": "gone"})
    last.update(draw(st.sampled_from(broken)))


BREAKAGES = (_lose_an_event, _use_a_number_twice, _lose_an_exit, _break_the_read)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """A story, perhaps with something broken in it."""
    return _Author(draw).tell()
