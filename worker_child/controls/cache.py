"""The control with a cache, its worker: what it keeps of an addressed job, and when.

An address is taken once, by whoever asks first; its result is committed together with the
acknowledgement of its job, whole. Each of the two wrong presets leaves one of these out.
"""

from __future__ import annotations

import msgspec

from worker_child.cached_result import bytes_of
from worker_child.controls.consumers import ClaimedJob, Consumer, connect, run_consumers
from worker_child.controls.late_ack import free_predecessors
from worker_child.controls.statements import CLAIM_BY_NAME, RESULTS_CHANNEL
from worker_child.protocol import CachedResult, Plan
from worker_child.runtime import Child

_KEEP = """
INSERT INTO control_result VALUES (%s, %s, %s) ON CONFLICT DO NOTHING RETURNING 1
"""


async def work(child: Child) -> None:
    """Serve jobs until the parent asks to stop."""
    async with await connect(child) as connection:
        await free_predecessors(Consumer(child, connection))
    serve = keep_whole if child.init.settings["whole_results"] else keep_in_halves
    decoder = msgspec.json.Decoder(Plan)

    async def serve_one(consumer: Consumer) -> bool:
        job = await consumer.claim(CLAIM_BY_NAME)
        if job is None:
            return False
        result = decoder.decode(job.payload).result
        if result is None:
            await consumer.carry_out(job)
            await consumer.acknowledge([job])
        else:
            await serve(consumer, job, result)
        return True

    await run_consumers(child, serve_one)


async def keep_whole(consumer: Consumer, job: ClaimedJob, result: CachedResult) -> None:
    """The result and the acknowledgement are there together, or neither is."""
    await consumer.carry_out(job)
    async with consumer.connection.transaction():
        await _keep(consumer, result, 0, bytes_of(result))
        await _acknowledge(consumer, job)


async def keep_in_halves(consumer: Consumer, job: ClaimedJob, result: CachedResult) -> None:
    """The first half is committed before the work, and who finds one takes it for the whole.

    Nobody notices until a kill comes between the halves: the job is run again, and its result is
    believed to be there.
    """
    content, middle = bytes_of(result), result.bytes // 2
    is_new = await _keep(consumer, result, 0, content[:middle])
    await consumer.carry_out(job)
    async with consumer.connection.transaction():
        if is_new:
            await _keep(consumer, result, 1, content[middle:])
        await _acknowledge(consumer, job)


async def _keep(consumer: Consumer, result: CachedResult, part: int, content: bytes) -> bool:
    """Whether the part was not there before."""
    cursor = await consumer.connection.execute(_KEEP, (result.address, part, content))
    return await cursor.fetchone() is not None


async def _acknowledge(consumer: Consumer, job: ClaimedJob) -> None:
    await consumer.acknowledge([job])
    await consumer.connection.execute("SELECT pg_notify(%s, '')", (RESULTS_CHANNEL,))
