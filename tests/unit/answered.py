"""Stories that are answered, and their answer."""

from __future__ import annotations

from pathlib import Path

from analysis.report.answer import Answer, answer
from analysis.summary.summary import analyse
from tests.histories.builder import Story
from tests.histories.stories import A, B, crash


def quick() -> Story:
    """A is open at the kill; the next incarnation runs it at once."""
    story = Story()
    first = story.worker()
    story.enqueue(A)
    first.start(A)
    story.kill(first, held=[A])
    second = story.worker()
    story.wait(2)
    second.run(A)
    story.exit(second)
    story.end()
    return story


def many_twice(count: int = 29) -> Story:
    """Of 600 jobs so many are done and not acknowledged at the kill, 0.5 to 1.2 s before it."""
    story = Story()
    jobs = [f"j{number:06d}" for number in range(600)]
    first = story.worker()
    story.enqueue(*jobs)
    for job_id in jobs[count:]:
        first.run(job_id)
    for job_id in jobs[:count]:
        first.run(job_id)
        story.wait(0.02)
    story.wait(0.5)
    story.kill(first, held=jobs[:count])
    second = story.worker()
    story.wait(4)
    for job_id in jobs[:count]:
        second.run(job_id)
    story.exit(second)
    story.end()
    story.first("run_start")["periods_s"] = {"completion_flush": 1.0, "poll": 0.5}
    return story


def lost_after_the_kill() -> Story:
    """A is open at the kill and gone from the queue in the end; B is run twice."""
    story = crash()
    second = {"incarnation": 1, "job_id": A}
    for kind in ("job_started", "job_completed"):
        story.drop(kind, **second)
    story.records = [
        (kind, {**fields, "effects": []})
        if kind == "row_read" and fields.get("job_id") == A
        else (kind, fields)
        for kind, fields in story.records
    ]
    return renumbered(story)


def renumbered(story: Story) -> Story:
    """The events of the second incarnation count from 0 again, and its executions from 1."""
    count = 0
    numbers: dict[int, int] = {}
    for kind, fields in story.records:
        if "n" in fields and fields["incarnation"] == 1:
            fields["n"], count = count, count + 1
            if kind == "job_started":
                numbers[fields["execution"]] = len(numbers) + 1
            if "execution" in fields:
                fields["execution"] = numbers[fields["execution"]]
        for effect in fields.get("effects", []):
            if effect[1] == 1:
                effect[2] = numbers[effect[2]]
    story.first("child_exited", incarnation=1)["events"] = count
    return story


def missed() -> Story:
    """The first orphan is picked up 7 s after the kill; 4.5 s are promised."""
    story = Story()
    first = story.worker()
    story.enqueue(A, B)
    for job_id in (A, B):
        first.start(job_id)
    story.kill(first, held=[A, B])
    second = story.worker()
    story.wait(7)
    second.run(A)
    story.wait(1)
    second.run(B)
    story.exit(second)
    story.end()
    return story


def repeated() -> Story:
    """Three kills; each finds one job open and one done and not acknowledged."""
    story = Story()
    worker = story.worker()
    for place, wait_s in enumerate((2.0, 3.0, 9.0)):
        one, other = f"j{2 * place:06d}", f"j{2 * place + 1:06d}"
        story.enqueue(one, other)
        worker.start(one)
        worker.run(other)
        story.wait(0.1 + place / 10)
        story.kill(worker, held=[one, other])
        worker = story.worker()
        story.wait(wait_s)
        worker.run(one)
        worker.run(other)
    story.exit(worker)
    story.end()
    return story


def told(story: Story, folder: Path) -> Answer:
    return answer(analyse(story.write(folder)))
