"""The external API as a job sees it: one POST over HTTP, answered by the provider of the run.

aiohttp, because its client runs on the worker's own event loop and the provider is made of its
server: one package for both ends. It is imported only where a run has a provider.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from worker_child.body import CallProvider, Refusal
from worker_child.protocol import REFUSALS, Plan

_GRACE_S = 30.0
"""How much longer than planned an answer may take."""
_OK = 200
_US_PER_S = 1_000_000
_CLASSES = {status: error_class for error_class, status in REFUSALS.items()}


class ProviderAnswerError(Exception):
    """The provider said what no plan foresees."""


@asynccontextmanager
async def calling(url: str, concurrency: int) -> AsyncIterator[CallProvider]:
    """Connections to the provider at `url`, at most one for each open execution."""
    connector = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(url, connector=connector) as session:

        async def call(plan: Plan, failures: int) -> Refusal | None:
            timeout = aiohttp.ClientTimeout(total=plan.length_us / _US_PER_S + _GRACE_S)
            question = {"failures": str(failures)}
            path = f"/jobs/{plan.job_id}"
            async with session.post(path, params=question, timeout=timeout) as response:
                return _refusal(response.status, response.headers.get("Retry-After"), plan)

        yield call


def _refusal(status: int, retry_after: str | None, plan: Plan) -> Refusal | None:
    if status == _OK:
        return None
    if status not in _CLASSES:
        raise ProviderAnswerError(f"the provider answered {plan.job_id} with status {status}")
    return Refusal(_CLASSES[status], None if retry_after is None else float(retry_after))
