"""A run of the jobs that a scenario's seed makes, each at its instant, and nothing happens."""

from __future__ import annotations

from orchestrator.scenario.load import ResolvedScenario
from orchestrator.scenario.workload import Workload
from tests.histories.builder import ORIGIN_NS, Fields, Story


def drawn(resolved: ResolvedScenario, *, lost: str | None = None) -> Story:
    """Of a scenario without faults. One job may be `lost`: it is done in its row, and nobody ran
    it."""
    story = Story()
    story.fits_the_plan = False
    scenario = resolved.scenario
    asked = {"scenario": dict(resolved.table), "scenario_name": scenario.name}
    story.first("run_start").update(**asked, seed=scenario.seed)
    worker = story.worker()
    for job in Workload(scenario).jobs():
        plan, due_ns = job.plan, ORIGIN_NS + job.intended_ns
        story.now_ns = max(story.now_ns, due_ns)
        told: Fields = {"kind": plan.kind, "class": job.job_class, "tenant": plan.tenant}
        told |= {"length_us": plan.length_us, "intended_ns": due_ns}
        story.enqueue(plan.job_id, **told)
        if plan.job_id != lost:
            worker.run(plan.job_id)
    story.exit(worker)
    story.end()
    return story
