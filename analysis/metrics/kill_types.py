"""What a summary says of one kill: what it met, and how long the queue took to recover.

Every duration counts from `kill_sent_ns`, except where the name says from what else.
"""

from __future__ import annotations

from typing import Literal

from analysis.checks.forms.kill import KillCertificate
from analysis.section import Section


class FoundInFlight(Section, frozen=True, kw_only=True):
    """Jobs in the victim's hands by the phase in which the kill met them; null = not known. Where
    it is raced there were so many at least: rows that still bore the victim's identity."""

    claimed: int | None
    """Claimed and not started."""
    started: int | None
    """Started, with no effect yet."""
    effect_done: int | None
    """The effect was committed, and no event says so yet."""
    finished_unacknowledged: int | None
    """Completed, and the queue had not recorded it."""
    failed_unacknowledged: int | None
    """Failed, and the queue had not recorded it."""
    raced: bool
    """Another incarnation could already have claimed the victim's rows when they were read."""
    why: str | None = None
    """Why it is not known which rows the victim held, or all of them; left out where it is."""


class Recovery(Section, frozen=True, kw_only=True):
    """One kill."""

    fault: int
    """The fault's number, from 0."""
    slot: int
    """The victim's slot."""
    incarnation: int
    """Which process of the slot it was, from 0."""
    trigger: Literal["timed", "state", "held", "point"]
    """What made it due: an instant, a state of the jobs, jobs that were held, or a round trip."""
    kill_sent_ns: int
    """When the signal was sent, CLOCK_MONOTONIC nanoseconds."""
    late_s: float | None
    """From the intended instant to the kill, seconds."""
    late_s_why: str | None = None
    late: bool
    """A timed kill came so late that it met another moment than was drawn."""
    biased: bool
    """Aimed at a phase, or late: never pooled with timed kills."""
    phases_s: dict[str, float]
    """Repeated kills: where in each of the library's periods the intended instant lies, seconds."""
    raced: bool
    """Another incarnation could already have claimed the victim's rows when they were read."""
    certificate: KillCertificate
    """What shows that the process is really gone."""

    orphans: int
    """Jobs that were in flight in the victim; so many at least where ``found`` has a ``why``."""
    found: FoundInFlight
    """The same by phase."""
    duplicates: int
    """Jobs that were done more than once because of this kill: completed, or with an effect."""
    unacknowledged_age_s: list[float] | None
    """How long before the kill each job had finished that the queue had not recorded as done,
    seconds, ascending; 0 = no sooner than the kill's instant was stamped."""
    unacknowledged_age_s_why: str | None = None
    rescue_costs_attempt: Literal["yes", "no", "unknown"]
    """Whether the library counts a rescue as one of the job's attempts, by its own count before the
    kill and after it; ``unknown`` = it counts none, or no orphan was started again."""
    attempts_used_up: int | None
    """Attempts that the orphans lost by the kill, by the library's own count."""
    attempts_used_up_why: str | None = None

    reaped_s: float | None
    """Until the victim was reaped, seconds."""
    reaped_s_why: str | None = None
    sessions_gone_s: float | None
    """Until the last of the victim's database sessions was gone, seconds."""
    sessions_gone_s_why: str | None = None
    respawned_s: float | None
    """Until the next process of the slot was spawned, seconds."""
    respawned_s_why: str | None = None
    ready_s: float | None
    """Until that process was ready, seconds."""
    ready_s_why: str | None = None
    time_to_resume_s: float | None
    """Until a later process of the slot started a job, seconds."""
    time_to_resume_s_why: str | None = None
    resume_after_respawn_s: float | None
    """The same, from its respawn, seconds."""
    resume_after_respawn_s_why: str | None = None
    resume_after_ready_s: float | None
    """The same, from when it was ready, seconds."""
    resume_after_ready_s_why: str | None = None
    survivor_next_pickup_s: float | None
    """Until a worker in another slot started a job, seconds."""
    survivor_next_pickup_s_why: str | None = None
    first_orphan_pickup_s: float | None
    """Until the first orphan was started again, seconds."""
    first_orphan_pickup_s_why: str | None = None
    last_orphan_pickup_s: float | None
    """Until the last of the orphans that were started again was, seconds."""
    last_orphan_pickup_s_why: str | None = None
    expected_first_orphan_s: float | None
    """Until the first orphan could be claimed: its lease over and some worker ready, seconds."""
    expected_first_orphan_s_why: str | None = None
    predicted_bound_s: float | None
    """By the adapter's own formula: until an orphan must have been picked up, seconds. It counts
    from when the first worker was ready that outlived the lease."""
    predicted_bound_s_why: str | None = None
    within_bound: bool | None
    """Whether the first orphan was picked up by then, give or take 0.1 s."""
    within_bound_why: str | None = None
    last_orphan_settled_s: float | None
    """Until the last orphan was completed or discarded, seconds."""
    last_orphan_settled_s_why: str | None = None
    backlog_recovered_s: float | None
    """Until the backlog was back where it had been before the kill, seconds."""
    backlog_recovered_s_why: str | None = None
    machine_limited: bool | None
    """Whether the machine stalled, or the respawn came late, during the recovery."""
    machine_limited_why: str | None = None

    @property
    def at_least(self) -> bool:
        """Whether there may have been more orphans than are known: not every row was seen."""
        return self.found.why is not None

    @property
    def missed_bound(self) -> bool:
        """Whether the first orphan is known to have been picked up later than that."""
        return self.within_bound is False
