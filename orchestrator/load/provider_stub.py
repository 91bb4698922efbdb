"""The provider's process: a third party that external-API jobs call over HTTP.

``POST /jobs/{job_id}?failures=k`` answers as the workload has planned the job: after k failures of
it either a refusal, at once (429 with Retry-After, 503, 422), or 200 after the job's planned
length. It makes the workload itself from the scenario that comes on stdin as one JSON line, so
that its answers rest on the seed and on nothing that a child says or a crash undoes. The first
line on stdout is ``{"url": ...}``; then comes a beat every `BEAT_S`: the monotonic instant,
nanoseconds, at which its event loop had a turn.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass

from aiohttp import web

from orchestrator.errors import UnplannedJobError
from orchestrator.scenario.draws import uniform, words
from orchestrator.scenario.load import scenario_from_resolved
from orchestrator.scenario.workload import Workload
from worker_child.protocol import REFUSALS

HOST = "127.0.0.1"
BEAT_S = 0.1
RETRY_AFTER_S = (1, 5)
"""Between these a rate limit asks to wait, both included."""
_US_PER_S = 1_000_000
_OK = 200
_NOT_FOUND = 404


@dataclass(frozen=True)
class Answer:
    """What the provider says, and after how long."""

    status: int
    wait_s: float = 0.0
    retry_after_s: int | None = None


class Provider:
    """Decides every answer; pure."""

    def __init__(self, workload: Workload, seed: int) -> None:
        self._workload = workload
        self._seed = seed

    def answer(self, job_id: str, failures: int) -> Answer:
        """The answer to a job that has failed `failures` times so far."""
        try:
            plan = self._workload.by_id(job_id).plan
        except UnplannedJobError:
            return Answer(_NOT_FOUND)
        if failures >= len(plan.fail):
            return Answer(_OK, wait_s=plan.length_us / _US_PER_S)
        error_class = plan.fail[failures]
        if error_class != "rate_limit":
            return Answer(REFUSALS[error_class])
        word = words(self._seed, f"retry_after/{job_id}", failures)[0]
        return Answer(REFUSALS[error_class], retry_after_s=uniform(word, *RETRY_AFTER_S))


def application(provider: Provider) -> web.Application:
    """The HTTP side."""

    async def post(request: web.Request) -> web.Response:
        failures = int(request.query["failures"])
        answer = provider.answer(request.match_info["job_id"], failures)
        await asyncio.sleep(answer.wait_s)
        headers = {}
        if answer.retry_after_s is not None:
            headers["Retry-After"] = str(answer.retry_after_s)
        return web.Response(status=answer.status, headers=headers)

    made = web.Application()
    made.router.add_post("/jobs/{job_id:.+}", post)
    return made


async def _serve(provider: Provider) -> None:
    runner = web.AppRunner(application(provider), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0)
    await site.start()
    (_, port), *_ = runner.addresses
    sys.stdout.write(json.dumps({"url": f"http://{HOST}:{port}"}) + "\n")
    sys.stdout.flush()
    while True:
        sys.stdout.write(f"{time.monotonic_ns()}\n")
        sys.stdout.flush()
        await asyncio.sleep(BEAT_S)


def main() -> None:
    """Serve until killed."""
    scenario = scenario_from_resolved(json.loads(sys.stdin.readline()))
    asyncio.run(_serve(Provider(Workload(scenario), scenario.seed)))


if __name__ == "__main__":
    main()
