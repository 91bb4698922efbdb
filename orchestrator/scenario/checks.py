"""What a well-typed scenario can still get wrong: values that do not fit together.

Each check names the keys that it reads, and is left out when one of them could not be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

from orchestrator.scenario.arrivals import Arrivals, corners
from orchestrator.scenario.capacity import longest_length_s
from orchestrator.scenario.draws import rational
from orchestrator.scenario.fault_checks import (
    check_certificates,
    check_deploys,
    check_endless,
    check_held,
    check_names,
    check_nobody_left,
    check_order,
    check_producers,
    check_repeated,
    check_stopped_work,
    check_taken_servers,
    check_terminations,
    check_timed,
    check_triggers,
    check_victims,
    check_when,
)
from orchestrator.scenario.job_kinds import (
    CLASSES,
    COORDINATORS,
    US_PER_S,
    kind_shape,
    length_bounds_us,
    mean_length_s,
    shares,
)
from orchestrator.scenario.poison import check_poison
from orchestrator.scenario.reader import Flaw
from orchestrator.scenario.round_trip_checks import (
    check_delays,
    check_points,
    check_stalls,
    check_terminated,
    check_waves,
)
from orchestrator.scenario.types import Burst, JobClass, Points, Scenario, Steady

CACHE_EXPECTATIONS = ("wrong_results", "unanswered", "addresses_run_again")
"""What is expected of a cache alone."""

PLAN_BYTES = 200
"""A plan without pad and planned failures is never longer."""

FAILURE_BYTES = len(b'"rate_limit",')

RESULT_BYTES = len(b',"result":{"address":"a000000","key":"0123456789abcdef","bytes":100000000}')
"""What the longest result that is to be cached adds to a plan."""

Check = Callable[[Scenario], Iterator[Flaw]]


def check(scenario: Scenario, unread: Sequence[Flaw] = ()) -> list[Flaw]:
    """Everything that does not fit together. Keys with a flaw in `unread` are not looked at."""
    return [flaw for reads, find in CHECKS if is_sound(reads, unread) for flaw in find(scenario)]


def is_sound(keys: Sequence[str], flaws: Sequence[Flaw]) -> bool:
    """Whether no flaw has spoilt the value of any of `keys`, of a part or of the whole of it."""
    spoilt = [f"{flaw.path}." for flaw in flaws if flaw.unread]
    paths = [f"{key}." for key in keys]
    return not any(
        path.startswith(other) or other.startswith(path) for path in paths for other in spoilt
    )


def check_mix(scenario: Scenario) -> Iterator[Flaw]:
    """The shares are shares of one whole."""
    total = sum(shares(scenario.workload).values(), Fraction(0))
    if abs(total - 1) > Fraction(1, 10**9):
        yield Flaw("workload.mix", f" sums to {float(total):g}; the shares must sum to 1")


def check_class_order(scenario: Scenario) -> Iterator[Flaw]:
    """`time_scale` leaves short below medium below long."""
    scale = scenario.workload.time_scale
    measures: dict[str, Callable[[JobClass], float]] = {
        "shortest length": lambda name: length_bounds_us(name, scale)[0] / US_PER_S,
        "longest length": lambda name: length_bounds_us(name, scale)[1] / US_PER_S,
        "mean length": lambda name: mean_length_s(name, scale),
    }
    for lower, upper in pairwise(CLASSES):
        for measure, of in measures.items():
            if of(lower) >= of(upper):
                yield Flaw(
                    "workload.time_scale",
                    f" = {scale:g}: the {measure} of {upper} jobs ({of(upper):.3g} s) would not "
                    f"be above that of {lower} ones ({of(lower):.3g} s); the classes must keep "
                    "their order",
                )
                break


def check_lengths(scenario: Scenario) -> Iterator[Flaw]:
    """A fixed length lies within its class; without effects, or in a closed loop, it may also be
    nought."""
    settings = scenario.workload
    for kind, override in settings.kinds.items():
        shape = kind_shape(settings, kind)
        if shape.length_us == 0 and (settings.closed_loop or not scenario.effects):
            continue
        low_us, high_us = length_bounds_us(shape.job_class, settings.time_scale)
        if shape.length_us is not None and not low_us <= shape.length_us <= high_us:
            yield Flaw(
                f"workload.kinds.{kind}.length_s",
                f" = {override.length_s:g}: {shape.job_class} jobs last {low_us / US_PER_S:g} to "
                f"{high_us / US_PER_S:g} s under time_scale = {settings.time_scale:g}; give the "
                "kind another class or length",
            )


def check_warmup(scenario: Scenario) -> Iterator[Flaw]:
    """Something is left to be measured after the warm-up."""
    settings = scenario.workload
    if settings.warmup_s >= settings.duration_s:
        yield Flaw(
            "workload.warmup_s",
            f" = {settings.warmup_s:g} leaves nothing of duration_s = {settings.duration_s:g}",
        )


def check_curve(scenario: Scenario) -> Iterator[Flaw]:
    """The curve lies within the duration, and at least one job comes."""
    settings = scenario.workload
    at, curve, end_s = "workload.curve", settings.curve, settings.duration_s
    if isinstance(curve, Burst):
        last_s = rational(curve.from_s) + rational(curve.length_s)
        if last_s > rational(end_s):
            over = f"the burst ends at {float(last_s):g} s, after duration_s = {end_s:g}"
            yield Flaw(at, f": {over}")
            return
    if isinstance(curve, Points) and not _ascends([0.0, *(t for t, _ in curve.points), end_s]):
        yield Flaw(at, f".points: seconds must ascend from 0 to at most duration_s = {end_s:g}")
        return
    if isinstance(curve, Points) and curve.points[0][0] != 0:
        yield Flaw(at, f".points: the first is at {curve.points[0][0]:g} s; it must be at 0")
        return
    if settings.endless and not isinstance(curve, Steady):
        yield Flaw(at, ': an endless stream has no end to fit to; its shape must be "steady"')
    elif all(factor == 0 for _, factor in corners(curve, end_s)):
        yield Flaw(at, " is 0 throughout: not one job would come")
    elif Arrivals(settings).count == 0:
        yield Flaw("workload.rate_per_s", f" = {settings.rate_per_s:g}: not one job in {end_s:g} s")


def check_closed_loop(scenario: Scenario) -> Iterator[Flaw]:
    """A closed loop has an end, and nothing but the last job decides when the next one comes."""
    settings = scenario.workload
    if not settings.closed_loop:
        if settings.think_s is not None:
            yield Flaw(
                "workload.think_s",
                f" = {settings.think_s:g}: only a closed loop thinks; set workload.closed_loop = "
                "true, or leave it out",
            )
        return
    if settings.endless:
        yield Flaw("workload.endless", " = true: a closed loop ends after workload.duration_s")
    elif not isinstance(settings.curve, Steady):
        yield Flaw(
            "workload.curve", ': in a closed loop the jobs make their own; its shape is "steady"'
        )


def check_tenants(scenario: Scenario) -> Iterator[Flaw]:
    """The distribution has its own parameter and no other's."""
    tenants = scenario.workload.tenants
    parameters = {"skewed": "noisy_share", "power_law": "exponent"}
    for distribution, parameter in parameters.items():
        given, wanted = getattr(tenants, parameter), tenants.distribution == distribution
        if wanted and given is None:
            yield Flaw(f"workload.tenants.{parameter}", f" is missing: {distribution} needs it")
        if given is not None and not wanted:
            yield Flaw(
                f"workload.tenants.{parameter}",
                f" belongs to {distribution}; the distribution is {tenants.distribution}",
            )
    if tenants.distribution == "skewed" and tenants.count < 2:
        yield Flaw("workload.tenants.count", " = 1: skewed needs a quiet tenant beside the noisy")


def check_fan_out(scenario: Scenario) -> Iterator[Flaw]:
    """There are as many tenants as a coordinator has jobs for, and a coordinator."""
    settings = scenario.workload
    if settings.fan_out > settings.tenants.count:
        yield Flaw(
            "workload.fan_out",
            f" = {settings.fan_out}: workload.tenants.count = {settings.tenants.count}, and a "
            "coordinator has one job for each tenant at most",
        )
    given = {group.kind for group in settings.held} | {wave.kind for wave in settings.waves}
    if settings.fan_out and not any(settings.mix.get(k) or k in given for k in COORDINATORS):
        yield Flaw("workload.fan_out", f": no {' or '.join(COORDINATORS)} is in workload.mix")


def check_dedup(scenario: Scenario) -> Iterator[Flaw]:
    """Several enqueuers share a stream that has an end, and none waits for a job."""
    settings = scenario.workload
    if settings.dedup is None:
        return
    for key in ("endless", "closed_loop"):
        if getattr(settings, key):
            yield Flaw(f"workload.{key}", " = true does not go with workload.dedup")
    if settings.fan_out:
        yield Flaw("workload.fan_out", ": fanned-out jobs bear no key; leave out workload.dedup")


def check_cache(scenario: Scenario) -> Iterator[Flaw]:
    """Callers share a steady stream that has an end, and each address gets its turn."""
    settings, cache = scenario.workload, scenario.workload.cache
    if cache is None:
        for name in CACHE_EXPECTATIONS:
            if getattr(scenario.expectations, name) is not None:
                yield Flaw(f"expectations.{name}", ": there is no cache without workload.cache")
        return
    for key in ("endless", "closed_loop"):
        if getattr(settings, key):
            yield Flaw(f"workload.{key}", " = true does not go with workload.cache")
    for key in ("dedup", "held", "fan_out"):
        if getattr(settings, key):
            yield Flaw(
                f"workload.{key}", " does not go with workload.cache: such jobs bear no address"
            )
    if not isinstance(settings.curve, Steady):
        yield Flaw("workload.curve", ': with workload.cache its shape is "steady"')
        return
    times = (Arrivals(settings).count or 0) // cache.concurrent_hits
    if cache.unique_addresses > times:
        yield Flaw(
            "workload.cache.unique_addresses",
            f" = {cache.unique_addresses}: {cache.concurrent_hits} callers at once "
            f"(workload.cache.concurrent_hits) ask only {times} times in duration_s = "
            f"{settings.duration_s:g}",
        )


def check_payload(scenario: Scenario) -> Iterator[Flaw]:
    """A payload can hold the longest plan, and the sizes are in order."""
    size, errors = scenario.workload.payload, scenario.workload.errors
    needed = PLAN_BYTES + FAILURE_BYTES * sum(error.failures for error in errors)
    needed += RESULT_BYTES if scenario.workload.cache else 0
    if size.min_bytes < needed:
        yield Flaw(
            "workload.payload.min_bytes",
            f" = {size.min_bytes}: a job's plan alone may take {needed} bytes; allow as many",
        )
    if size.max_bytes < size.min_bytes:
        yield Flaw(
            "workload.payload.max_bytes",
            f" = {size.max_bytes} is below min_bytes = {size.min_bytes}",
        )


def check_errors(scenario: Scenario) -> Iterator[Flaw]:
    """Each injection has a window in which a job of its kinds can come."""
    settings = scenario.workload
    for index, error in enumerate(settings.errors):
        at, begin_s = f"workload.errors.{index}", error.from_s or 0.0
        if error.to_s is not None and error.to_s <= begin_s:
            yield Flaw(f"{at}.to_s", f" = {error.to_s:g} is not after from_s = {begin_s:g}")
        if begin_s >= settings.duration_s and not settings.endless:
            yield Flaw(
                f"{at}.from_s", f" = {begin_s:g} is not before duration_s = {settings.duration_s:g}"
            )
        for kind in error.kinds:
            if settings.mix.get(kind, 0) == 0:
                yield Flaw(f"{at}.kinds", f": {kind} has no share in workload.mix")


def check_drain(scenario: Scenario) -> Iterator[Flaw]:
    """The drain of a run without a kill outlasts the last job."""
    longest_s, drain_s = longest_length_s(scenario.workload), scenario.limits.drain_s
    if drain_s <= longest_s:
        yield Flaw(
            "limits.drain_s",
            f" = {drain_s:g}: the last job may take {longest_s:g} s; allow more than that",
        )


def _ascends(values: Sequence[float]) -> bool:
    return all(earlier <= later for earlier, later in pairwise(values))


_STREAM = ("workload.duration_s", "workload.endless", "workload.rate_per_s", "workload.curve")

CHECKS: tuple[tuple[tuple[str, ...], Check], ...] = (
    (("workload.mix",), check_mix),
    (("workload.time_scale",), check_class_order),
    (("workload.kinds", "workload.time_scale", "workload.closed_loop", "effects"), check_lengths),
    (("workload.warmup_s", "workload.duration_s"), check_warmup),
    (_STREAM, check_curve),
    ((*_STREAM, "workload.closed_loop", "workload.think_s"), check_closed_loop),
    (("workload.tenants",), check_tenants),
    (
        (
            "workload.fan_out",
            "workload.tenants.count",
            "workload.mix",
            "workload.held",
            "workload.waves",
        ),
        check_fan_out,
    ),
    (
        ("workload.dedup", "workload.endless", "workload.closed_loop", "workload.fan_out"),
        check_dedup,
    ),
    (
        (
            *_STREAM,
            "workload.cache",
            "workload.closed_loop",
            "workload.dedup",
            "workload.fan_out",
            "workload.held",
            "expectations",
        ),
        check_cache,
    ),
    (("workload.payload", "workload.errors", "workload.cache"), check_payload),
    (("workload.errors", "workload.mix", "workload.duration_s", "workload.endless"), check_errors),
    (
        ("workload.held", "workload.waves", "workload.endless", "workers", "faults"),
        check_held,
    ),
    (("nobody_left", "workers", "faults"), check_nobody_left),
    (("faults",), check_triggers),
    (("workers.slots", "faults"), check_victims),
    (("workload.duration_s", "workload.endless", "faults"), check_timed),
    ((*_STREAM, "workers", "faults"), check_when),
    (("workload.endless", "faults"), check_repeated),
    (("workload.endless", "faults"), check_endless),
    (("workload", "faults", "list_round_trips"), check_waves),
    (("workload.waves", "faults"), check_points),
    (("workers.slots", "faults"), check_stalls),
    (("workload", "workers", "faults"), check_poison),
    (("workload.cache", "workload.closed_loop", "faults"), check_producers),
    (("faults", "limits"), check_delays),
    (("faults",), check_deploys),
    (("faults",), check_names),
    (("faults",), check_terminations),
    (("faults",), check_terminated),
    (("faults",), check_taken_servers),
    (("faults",), check_stopped_work),
    (("faults",), check_order),
    (("faults", "expectations"), check_certificates),
    (
        (
            "workload.mix",
            "workload.kinds",
            "workload.time_scale",
            "workload.held",
            "workload.waves",
            "limits",
        ),
        check_drain,
    ),
)
"""The keys that each check reads, and the check."""
