"""A story with a load: two kinds of error, two sorts of tenant, samples once a second.

Everything in it is on whole milliseconds that a reader can follow: see `burdened`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from orchestrator.scenario.types import Scenario
from orchestrator.scenario.workload import Workload
from tests.histories.builder import MILLISECOND_NS, ORIGIN_NS, Story

SECOND_NS = 1000 * MILLISECOND_NS
TENANTS_OF_SEED = 2511
"""With it the first two waves of `unfair` fall to the tenants that it is about."""
SKEWED: dict[str, Any] = {"tenants": {"count": 3, "distribution": "skewed", "noisy_share": 0.5}}


def job(index: int) -> str:
    """The stream's job number `index`."""
    return f"j{index:06d}"


def at(story: Story, since_start_ms: float) -> None:
    """Make the next line stand at this instant."""
    story.now_ns = ORIGIN_NS + round((since_start_ms - 1) * MILLISECOND_NS)


def enqueue(story: Story, index: int, since_start_ms: float, **values: Any) -> None:
    """Job `index`, intended and taken at this instant."""
    at(story, since_start_ms)
    instants = dict.fromkeys(
        ("intended_ns", "sent_ns", "acknowledged_ns"), story.now_ns + MILLISECOND_NS
    )
    story.enqueue(job(index), **{**values, **instants})


def unfair(**workload: Any) -> Story:
    """Noisy jobs 0 to 3 wait 400 ms, quiet jobs 4 and 5 wait 100 ms, the system's job 6 waits 1 s.

    All are intended in the first 60 ms but for job 7 (quiet), intended at 2 s and done after that;
    of the noisy ones the last two are done after 2 s too.
    """
    story = Story(workload={**SKEWED, **workload})
    story.first("run_start")["seed"] = TENANTS_OF_SEED
    worker = story.worker()
    tenants = ["t0000"] * 4 + ["t0001", "t0002", None, "t0001"]
    for index, tenant in enumerate(tenants[:7]):
        kind = "entity_update" if tenant else "daily_coordinator"
        enqueue(story, index, index * 10, tenant=tenant, kind=kind)
    for index, wait_ms in ((4, 100), (5, 100), (0, 400), (1, 400), (2, 400), (3, 400), (6, 1000)):
        at(story, index * 10 + wait_ms)
        worker.start(job(index))
    for index in (0, 1, 4, 5, 6):
        at(story, 1500 + index)
        worker.complete(job(index))
    enqueue(story, 7, 2000, tenant="t0001")
    at(story, 2100)
    worker.start(job(7))
    for index in (2, 3, 7):
        at(story, 2500 + index)
        worker.complete(job(index))
    story.exit(worker)
    story.end()
    return story


def erring() -> Story:
    """Job 0 fails twice (rate_limit, then transient) and succeeds; job 1 fails and is discarded;
    job 2 succeeds at once; job 3 never starts."""
    story = Story()
    worker = story.worker()
    for index in range(4):
        enqueue(story, index, index)
    for index, error_class, failed_ms, delay_s in (
        (0, "rate_limit", 100, 1.0),
        (0, "transient", 1250, 2.0),
        (1, "transient", 3000, None),
    ):
        at(story, failed_ms - 50)
        worker.start(job(index))
        at(story, failed_ms)
        worker.fail(job(index), error_class=error_class)
        if delay_s is not None:
            worker.retry(job(index), delay_s)
    at(story, 3300)
    worker.start(job(0))
    at(story, 3400)
    worker.complete(job(0))
    worker.run(job(2))
    worker.emit("job_discarded", job_id=job(1), execution=worker.last[job(1)], observed_by="hook")
    story.exit(worker)
    story.end({job(1): "dead", job(3): "queued"})
    return story


def sampled(backlog: list[int], **workload: Any) -> Story:
    """One job every second, done at once; the backlog as given, second by second from T + 1.

    Memory is 10 MiB and a MiB more each second, one of four places is used in odd seconds, and the
    workers send ten calls more each second than in the one before.
    """
    story = Story(workload=workload)
    worker = story.worker()
    calls = 0
    for second, queued in enumerate(backlog):
        enqueue(story, second, second * 1000)
        at(story, second * 1000 + 10)
        worker.run(job(second))
        at(story, second * 1000 + 987)
        mib = (10 + second) << 20
        busy = second % 2
        story.sample("children", rss_bytes=mib, open_executions=busy, capacity=4)
        story.sample("parent", rss_bytes=mib)
        calls += 10 * second
        story.sample("postgres", rss_bytes=mib, calls=calls)
        story.snapshot(queued, claimed=1, table_bytes=(1000 + second) << 10)
    story.exit(worker)
    story.end()
    return story


def burdened() -> Story:
    """All of it at once, over forty jobs: for whoever counts the lines another way."""
    kinds = ("entity_update", "entity_enrich", "tenant_rollup", "daily_coordinator")
    mix = {"mix": dict.fromkeys(kinds, 0.25)}
    story = Story(workload={**SKEWED, **mix, "closed_loop": True, "warmup_s": 1.0})
    story.fits_the_plan = False
    scenario = msgspec.convert(story.first("run_start")["scenario"], Scenario)
    worker = story.worker()
    for index, drawn in zip(range(40), Workload(scenario).jobs(), strict=False):
        told = {name: getattr(drawn.plan, name) for name in ("kind", "length_us", "tenant")}
        enqueue(story, index, index * 100, **told, **{"class": drawn.job_class})
        at(story, index * 100 + 5 + index * index % 37)
        worker.start(job(index))
        at(story, index * 100 + 60)
        if index % 5 == 0:
            worker.fail(job(index), error_class="rate_limit" if index % 2 else "transient")
            worker.retry(job(index), 0.01)
        elif index not in (37, 38):
            worker.complete(job(index))
    for index in range(0, 40, 5):
        at(story, 4500 + index * index)
        worker.run(job(index))
        if index % 15 == 0:
            worker.run(job(index))
    story.exit(worker)
    story.end({job(37): "queued"}, drain="2 executions are open")
    return story
