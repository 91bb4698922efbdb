"""Which jobs a scenario consists of: pure, seeded, and the same byte for byte everywhere.

Job i rests on the seed and on i alone, so a stream can be cut at any place and any job of it can
be made again without its neighbours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import count

import msgspec

from orchestrator.errors import UnplannedJobError
from orchestrator.scenario.arrivals import NS_PER_S, Arrivals
from orchestrator.scenario.draws import (
    WORD,
    LogUniform,
    Weighted,
    power_law,
    rational,
    uniform,
    words,
)
from orchestrator.scenario.job_kinds import (
    CLASSES,
    COORDINATORS,
    KINDS,
    US_PER_S,
    KindShape,
    cpu_iterations,
    kind_shape,
    length_bounds_us,
    queries,
    shares,
)
from orchestrator.scenario.poison import poison_jobs
from orchestrator.scenario.types import (
    Cache,
    ErrorInjection,
    HeldJobs,
    Kind,
    Scenario,
    Tenants,
    Wave,
)
from worker_child.names import child_job_id, held_job_id, stream_job_id
from worker_child.protocol import CachedResult, ErrorClass, Plan

PAD_KEY_BYTES = len(b',"pad":""')

_WHEN_CALLED_NS = 0


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """One job of the workload, as it will be enqueued."""

    plan: Plan
    payload: bytes
    """The plan as JSON: what goes into the queue."""
    job_class: str
    intended_ns: int
    """When it comes, nanoseconds after T = 0. A held job, and one of a wave, comes when the run
    calls for it: 0."""
    dedup_key: str | None = None
    """The queue is to take one job with this key, however many are sent."""


class Workload:
    """All jobs of a scenario: the stream by its curve, and the held jobs."""

    def __init__(self, scenario: Scenario) -> None:
        settings = scenario.workload
        self._seed = scenario.seed
        self._settings = settings
        self._arrivals = Arrivals(settings)
        self._kinds: tuple[Kind, ...] = tuple(KINDS)
        self._kind_choice = Weighted(list(shares(settings).values()))
        self._shapes: dict[str, KindShape] = {kind: kind_shape(settings, kind) for kind in KINDS}
        self._lengths = {
            name: LogUniform(*length_bounds_us(name, settings.time_scale)) for name in CLASSES
        }
        self._tenant_choice = Weighted(_tenant_weights(settings.tenants))
        self._injections = [_Injection.of(error) for error in settings.errors]
        self.enqueuers = settings.dedup.enqueuers if settings.dedup else 1
        """How many send the stream, job i the one number i modulo enqueuers."""
        self.cache = settings.cache
        """How results are asked for; None = jobs are enqueued."""
        self._apart_ns = round(rational(settings.dedup.apart_s) * NS_PER_S) if settings.dedup else 0
        if settings.cache is not None:
            self.enqueuers = settings.cache.concurrent_hits
        self._poison = poison_jobs(scenario)
        self._held_groups = [group for group in settings.held for _ in range(group.count)]
        self._waves = [wave for wave in settings.waves for _ in range(wave.count)]

    @property
    def stream_jobs(self) -> int | None:
        """How many jobs the stream has; None = it is endless."""
        return len(self._waves) or self._arrivals.count

    @property
    def held_jobs(self) -> int:
        """How many jobs are held until a kill."""
        return len(self._held_groups)

    def jobs(self) -> Iterator[PlannedJob]:
        """The stream, by intended instant."""
        indices = count() if self.stream_jobs is None else range(self.stream_jobs)
        return map(self.job, indices)

    def held(self) -> list[PlannedJob]:
        """The held jobs, in the file's order."""
        return [self._held_job(index, group) for index, group in enumerate(self._held_groups)]

    def held_in_waves(self) -> list[PlannedJob]:
        """Those of the waves that are held."""
        return [self.job(index) for index, wave in enumerate(self._waves) if wave.hold is not None]

    def waves(self) -> Iterator[list[PlannedJob]]:
        """The stream, wave by wave; nothing where it comes by the rate."""
        begin = 0
        for wave in self._settings.waves:
            yield [self.job(index) for index in range(begin, begin + wave.count)]
            begin += wave.count

    def job(self, index: int) -> PlannedJob:
        """Job number `index` of the stream, from 0."""
        assert self._in_stream(index), index
        if self.cache is not None:
            return self._question(self.cache, index)
        if self._waves:
            return self._wave_job(index, self._waves[index])
        return self._job(index) if self.enqueuers == 1 else self._copy(index)

    def _job(self, index: int) -> PlannedJob:
        drawn = words(self._seed, "stream", index)
        intended_ns = self._arrivals.at_ns(index, drawn[0] if index else 0)
        kind = self._kinds[self._kind_choice.at(drawn[1])]
        shape = self._shapes[kind]
        length_us = self._length_us(shape, drawn[2])
        plan = self._plan(stream_job_id(index), kind, length_us, drawn[3])
        failures = self._failures(index, kind, intended_ns)
        if plan.job_id in self._poison:
            plan = msgspec.structs.replace(plan, die=True)
        elif failures:
            plan = msgspec.structs.replace(plan, fail=failures)
        return self._planned(plan, intended_ns, drawn[4])

    def _copy(self, index: int) -> PlannedJob:
        """Of the jobs that share a key all but the id, and the instant, is the first one's."""
        key, place = divmod(index, self.enqueuers)
        first = self._job(key * self.enqueuers)
        plan = msgspec.structs.replace(first.plan, job_id=stream_job_id(index))
        payload = msgspec.json.encode(plan)
        return replace(
            first,
            plan=plan,
            payload=payload,
            dedup_key=f"k{key:06d}",
            intended_ns=first.intended_ns + place * self._apart_ns,
        )

    def _question(self, cache: Cache, index: int) -> PlannedJob:
        """Of the jobs that share an address all but the id and the instant is the first one's."""
        turn = index // self.enqueuers
        address = self._address(cache, turn)
        turns = self._turns()
        first = -(-address * turns // cache.unique_addresses) * self.enqueuers
        result = CachedResult(
            address=f"a{address:06d}",
            key=hashlib.sha256(f"{self._seed}/result/{address}".encode()).hexdigest()[:16],
            bytes=cache.result_bytes,
        )
        plan = msgspec.structs.replace(self._job(first).plan, result=result, pad="")
        planned = self._planned(plan, self._instant(turn), words(self._seed, "stream", first)[4])
        plan = msgspec.structs.replace(planned.plan, job_id=stream_job_id(index))
        payload = msgspec.json.encode(plan)
        return replace(planned, plan=plan, payload=payload, dedup_key=result.address)

    def _address(self, cache: Cache, turn: int) -> int:
        """Which address all callers ask for at their turn number `turn`, from 0."""
        turns = self._turns()
        known = turn * cache.unique_addresses // turns + 1
        if turn == 0 or known > (turn - 1) * cache.unique_addresses // turns + 1:
            return known - 1
        return words(self._seed, "address", turn)[0] * known // WORD

    def _turns(self) -> int:
        assert self.stream_jobs is not None, "checked: no endless stream with a cache"
        return -(-self.stream_jobs // self.enqueuers)

    def _instant(self, turn: int) -> int:
        index = turn * self.enqueuers
        return self._arrivals.at_ns(index, words(self._seed, "stream", index)[0] if index else 0)

    def by_id(self, job_id: str) -> PlannedJob:
        """The job with this id, of the stream, held or fanned out. Raises `UnplannedJobError`."""
        coordinator_id, slash, _ = job_id.partition("/")
        if slash:
            return self._fanned_out(self.by_id(coordinator_id), job_id)
        index = int(job_id[1:]) if job_id[1:].isdecimal() else -1
        if index >= 0 and job_id == held_job_id(index) and index < self.held_jobs:
            return self._held_job(index, self._held_groups[index])
        if self._in_stream(index) and job_id == stream_job_id(index):
            return self.job(index)
        raise self._unplanned(job_id)

    def _fanned_out(self, coordinator: PlannedJob, job_id: str) -> PlannedJob:
        for plan in coordinator.plan.children:
            if plan.job_id == job_id:
                payload = msgspec.json.encode(plan)
                return PlannedJob(plan, payload, plan.job_class, coordinator.intended_ns)
        raise self._unplanned(job_id)

    def _unplanned(self, job_id: str) -> UnplannedJobError:
        return UnplannedJobError(
            f"job {job_id!r} is not of this workload (stream {self.stream_jobs or 'endless'}, "
            f"held {self.held_jobs}): something else wrote into this run's queue or tables"
        )

    def _in_stream(self, index: int) -> bool:
        return index >= 0 and (self.stream_jobs is None or index < self.stream_jobs)

    def _wave_job(self, index: int, wave: Wave) -> PlannedJob:
        drawn = words(self._seed, "stream", index)
        length_us = max(1, round(rational(wave.length_s) * US_PER_S))
        plan = self._plan(stream_job_id(index), wave.kind, length_us, drawn[3])
        if wave.failures:
            plan = msgspec.structs.replace(plan, fail=("transient",) * wave.failures)
        if wave.hold is not None:
            plan = msgspec.structs.replace(plan, hold=wave.hold)
        return self._planned(plan, _WHEN_CALLED_NS, drawn[4])

    def _held_job(self, index: int, group: HeldJobs) -> PlannedJob:
        drawn = words(self._seed, "held", index)
        length_us = max(1, round(rational(group.length_s) * US_PER_S))
        plan = self._plan(held_job_id(index), group.kind, length_us, drawn[3])
        plan = msgspec.structs.replace(plan, hold=group.point)
        return self._planned(plan, _WHEN_CALLED_NS, drawn[4])

    def _plan(self, job_id: str, kind: Kind, length_us: int, tenant_word: int) -> Plan:
        shape = self._shapes[kind]
        tenant = f"t{self._tenant_choice.at(tenant_word):04d}" if shape.tenant_scoped else None
        return Plan(
            job_id=job_id,
            kind=kind,
            profile=shape.profile,
            length_us=length_us,
            tenant=tenant,
            queries=queries(shape.profile, length_us),
            cpu_iterations=cpu_iterations(shape.profile, length_us),
            children=self._children(job_id, kind),
        )

    def _children(self, job_id: str, coordinator: Kind) -> tuple[Plan, ...]:
        """One per-tenant job for each of the first tenants; their payloads are not padded."""
        if not self._settings.fan_out or coordinator not in COORDINATORS:
            return ()
        kind = COORDINATORS[coordinator]
        shape = self._shapes[kind]
        return tuple(
            self._child(child_job_id(job_id, place), kind, shape, f"t{place:04d}")
            for place in range(self._settings.fan_out)
        )

    def _child(self, job_id: str, kind: Kind, shape: KindShape, tenant: str) -> Plan:
        length_us = self._length_us(shape, words(self._seed, f"child/{job_id}", 0)[2])
        return Plan(
            job_id=job_id,
            kind=kind,
            profile=shape.profile,
            length_us=length_us,
            tenant=tenant if shape.tenant_scoped else None,
            queries=queries(shape.profile, length_us),
            cpu_iterations=cpu_iterations(shape.profile, length_us),
            job_class=shape.job_class,
        )

    def _length_us(self, shape: KindShape, word: int) -> int:
        if shape.length_us is not None:
            return shape.length_us
        return self._lengths[shape.job_class].at(word)

    def _failures(self, index: int, kind: Kind, intended_ns: int) -> tuple[ErrorClass, ...]:
        if not self._injections:
            return ()
        drawn = words(self._seed, "errors", index)
        hit = (
            injection.classes
            for injection, word in zip(self._injections, drawn, strict=False)
            if injection.hits(word, kind, intended_ns)
        )
        return sum(hit, ())

    def _planned(self, plan: Plan, intended_ns: int, size_word: int) -> PlannedJob:
        size = self._settings.payload
        payload = msgspec.json.encode(plan)
        missing = uniform(size_word, size.min_bytes, size.max_bytes) - len(payload) - PAD_KEY_BYTES
        if missing > 0:
            plan = msgspec.structs.replace(plan, pad=_pad(plan.job_id, self._seed, missing))
            payload = msgspec.json.encode(plan)
        return PlannedJob(plan, payload, self._shapes[plan.kind].job_class, intended_ns)


@dataclass(frozen=True, slots=True)
class _Injection:
    """An error injection, ready to be applied to a job."""

    threshold: int
    classes: tuple[ErrorClass, ...]
    kinds: frozenset[Kind]
    from_ns: Fraction
    to_ns: Fraction | None

    @classmethod
    def of(cls, error: ErrorInjection) -> _Injection:
        return cls(
            threshold=int(rational(error.share) * WORD),
            classes=(error.error_class,) * error.failures,
            kinds=frozenset(error.kinds or KINDS),
            from_ns=rational(error.from_s or 0.0) * NS_PER_S,
            to_ns=None if error.to_s is None else rational(error.to_s) * NS_PER_S,
        )

    def hits(self, word: int, kind: Kind, intended_ns: int) -> bool:
        in_window = self.from_ns <= intended_ns and (self.to_ns is None or intended_ns < self.to_ns)
        return in_window and kind in self.kinds and word < self.threshold


def _tenant_weights(tenants: Tenants) -> list[Fraction]:
    match tenants.distribution:
        case "uniform":
            return [Fraction(1)] * tenants.count
        case "skewed":
            noisy = rational(tenants.noisy_share or 0.0)
            quiet = (1 - noisy) / (tenants.count - 1)
            return [noisy, *[quiet] * (tenants.count - 1)]
        case "power_law":
            return power_law(tenants.count, tenants.exponent or 0.0)


def _pad(job_id: str, seed: int, size: int) -> str:
    # Random, because PostgreSQL compresses what repeats and the rows would shrink.
    digest = hashlib.shake_256(f"{seed}/pad/{job_id}".encode())
    return digest.hexdigest((size + 1) // 2)[:size]
