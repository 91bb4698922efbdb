"""Every fault there is, one row each: whom it hits, what does it, what heals it, what certifies it.

A new fault is a type in `orchestrator.scenario.faults`, a row here, and its part of the
certificate: the types of its parts in `orchestrator.history.fault_parts` and what must be among
them in `analysis.checks.certificates`. Nothing else knows which faults there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.faults import (
    database,
    departure,
    leader,
    namesake,
    network,
    pause,
    pinned_snapshot,
    poison,
    producers,
    server,
    sessions,
    signals,
    stall,
    table_lock,
    targets,
)
from orchestrator.faults.certificate import EndOfAProcess, MakeCertificate
from orchestrator.faults.signals import HealedAt
from orchestrator.faults.targets import Reach, Victim
from orchestrator.scenario.database_faults import (
    DatabasePause,
    PinnedSnapshot,
    PoolExhaustion,
    ReadOnly,
    TableLock,
)
from orchestrator.scenario.faults import (
    BackendTerminate,
    Blackhole,
    CrashLoop,
    DatabaseCrash,
    DatabaseRestart,
    Kill,
    KillAtOnce,
    KillDuringEnqueue,
    Pause,
    Reset,
    Stall,
    Storm,
)
from orchestrator.scenario.triggered import Triggered
from orchestrator.scenario.worker_faults import (
    Deploy,
    KillLeaderOnly,
    Poison,
    SameIdentity,
    Terminate,
)
from worker_child.adapters.contract import Adapter
from worker_child.protocol import Rescue


@dataclass(frozen=True)
class Row:
    """One sort of fault. What the functions are given is the row's own: its entry, its victim."""

    target: Callable[[Reach, Any], Victim | None]
    """Finds whom it hits; None = nobody is there yet, and the fault waits."""
    inject: Callable[[Reach, Any, int], int]
    """Does it, given the fault's number; returns the instant, stamped just before."""
    heal: Callable[[Reach, Any, int], HealedAt] | None
    """Ends it, `outage_s` of the entry after it; None = there is nothing to be done."""
    certificate: MakeCertificate
    ends_process: bool
    """The workers that it hits are dead by it."""
    describe: Callable[[Any], str]
    """For a person, before the run: what will be done."""
    scenario: str | None = None
    """Its short scenario, which `crashbench faults` runs: a shipped one's name, or a file. None =
    the one that is called like it, with ``_short``."""
    variants: tuple[tuple[str, str], ...] = ()
    """Of a sort that harms different things: what `crashbench faults` calls each further one, and
    its short scenario."""
    left_out: Callable[[Adapter, str], str | None] = lambda _, __: None
    """Why `crashbench faults` does not try it on a library under a preset of this name; None = it
    does."""
    go_on: Callable[[Reach, Any, int], int | None] | None = None
    """Of one that comes in steps: takes it further, at every turn until it is healed; returns when
    that is to be, monotonic ns; None = `outage_s` after it."""
    spans_outage: bool = False
    """Its certificate is closed only once it has been healed; the limit of what is still to be seen
    counts from then."""
    over_early: Callable[[Reach], bool] = lambda _: False
    """Whether its outage has done what it was for, and is healed before its time."""
    healing: str = ""
    """In a word, where there is one."""
    healed: str = "its end"
    """What is waited for once it has been healed."""


_KILL = Row(
    target=targets.worker,
    inject=signals.kill,
    heal=signals.respawn,
    certificate=EndOfAProcess,
    ends_process=True,
    describe=signals.describe_kill,
    healing="respawn",
    healed="the respawned worker to become ready",
)

TABLE: dict[type[Triggered], Row] = {
    Kill: replace(_KILL, scenario="crash_recovery_short"),
    KillAtOnce: replace(_KILL, describe=signals.describe_kill_at_once),
    Storm: replace(_KILL, describe=signals.describe_storm),
    CrashLoop: replace(_KILL, describe=signals.describe_crash_loop),
    KillLeaderOnly: Row(
        target=leader.find,
        inject=leader.kill,
        go_on=leader.go_on,
        heal=leader.end_the_rest,
        certificate=leader.LeaderCertificate,
        ends_process=True,
        describe=leader.describe,
        spans_outage=True,
        healing="the rest is killed",
        healed="the rest of the worker to be gone, and the next one to be ready",
    ),
    Stall: Row(
        target=stall.victim,
        inject=stall.freeze,
        heal=stall.release,
        certificate=stall.StallCertificate,
        ends_process=False,
        describe=stall.describe,
        over_early=stall.rescuer_is_held,
        left_out=lambda _, __: "crashbench crash-points tries it, at every round trip",
        spans_outage=True,
        healing="they flow again",
        healed="everything to flow again",
    ),
    Pause: Row(
        target=targets.worker,
        inject=pause.stop,
        heal=pause.go_on,
        certificate=pause.PauseCertificate,
        ends_process=False,
        describe=pause.describe,
        spans_outage=True,
        healing="SIGCONT",
        healed="the paused worker to go on",
    ),
    KillDuringEnqueue: Row(
        target=producers.find,
        inject=producers.kill,
        heal=producers.await_next,
        certificate=producers.EndOfAProducer,
        ends_process=False,
        describe=producers.describe,
        healed="another producer to come",
    ),
    Deploy: Row(
        target=departure.leaver,
        inject=departure.begin,
        go_on=departure.go_on,
        heal=departure.finish,
        certificate=departure.DepartureCertificate,
        ends_process=False,
        describe=departure.describe,
        spans_outage=True,
        healed="the next worker of the slot to become ready",
    ),
    Terminate: Row(
        target=departure.leaver,
        inject=departure.terminate,
        go_on=departure.terminate_again,
        heal=departure.finish,
        certificate=departure.DepartureCertificate,
        ends_process=False,
        describe=departure.describe_terminate,
        spans_outage=True,
        healed="the next worker of the slot to become ready",
    ),
    Poison: Row(
        target=poison.announcer,
        inject=poison.give_the_word,
        heal=signals.respawn,
        certificate=poison.DeathByAJob,
        ends_process=True,
        describe=poison.describe,
        healing="respawn",
        healed="the respawned worker to become ready",
    ),
    SameIdentity: Row(
        target=namesake.bearer,
        inject=namesake.kill,
        heal=namesake.respawn,
        certificate=namesake.NamesakeCertificate,
        ends_process=True,
        describe=namesake.describe,
        spans_outage=True,
        healing="respawn under its name",
        healed="the respawned worker to become ready",
    ),
    BackendTerminate: Row(
        target=sessions.victim,
        inject=sessions.terminate,
        heal=sessions.go_on,
        certificate=sessions.certificate,
        ends_process=False,
        describe=sessions.describe,
        variants=(
            ("listener", "listener_lost_short"),
            ("acknowledging", "acknowledgement_lost"),
        ),
        spans_outage=True,
        healed="what was held to flow on",
    ),
    Blackhole: Row(
        target=network.victim,
        inject=network.swallow,
        heal=network.flow_again,
        certificate=network.NothingPassed,
        ends_process=False,
        describe=network.describe_blackhole,
        spans_outage=True,
        healing="it flows again",
        healed="the network to be there again",
    ),
    Reset: Row(
        target=network.victim,
        inject=network.reset,
        heal=network.accept_again,
        certificate=network.ResetAndRefused,
        ends_process=False,
        describe=network.describe_reset,
        spans_outage=True,
        healing="new ones are taken",
        healed="new connections to be taken",
    ),
    DatabaseRestart: Row(
        target=server.victim,
        inject=server.shut_down,
        heal=server.start_again,
        certificate=server.AwayAndBack,
        ends_process=False,
        describe=server.describe_restart,
        spans_outage=True,
        healing="started again",
        healed="the server to answer again",
    ),
    DatabaseCrash: Row(
        target=server.victim,
        inject=server.kill_a_backend,
        heal=server.await_recovery,
        certificate=server.AwayAndBack,
        ends_process=False,
        describe=server.describe_crash,
        spans_outage=True,
        healed="the server to answer again",
    ),
    ReadOnly: Row(
        target=database.victim,
        inject=database.make_read_only,
        heal=database.make_writable,
        certificate=database.ClosedToWorkers,
        ends_process=False,
        describe=database.describe_read_only,
        spans_outage=True,
        healing="writable again",
        healed="a new session to write again",
    ),
    PoolExhaustion: Row(
        target=database.victim,
        inject=database.refuse_sessions,
        heal=database.take_sessions,
        certificate=database.ClosedToWorkers,
        ends_process=False,
        describe=database.describe_pool_exhaustion,
        spans_outage=True,
        healing="sessions again",
        healed="a new session to be taken",
    ),
    TableLock: Row(
        target=table_lock.victim,
        inject=table_lock.lock,
        heal=table_lock.unlock,
        certificate=table_lock.LockHeld,
        ends_process=False,
        describe=table_lock.describe,
        spans_outage=True,
        healing="let go",
        healed="the lock to be gone",
    ),
    DatabasePause: Row(
        target=server.victim,
        inject=server.pause,
        heal=server.go_on,
        certificate=server.PausedAndBack,
        ends_process=False,
        describe=server.describe_pause,
        spans_outage=True,
        healing="SIGCONT",
        healed="the server to answer again",
    ),
    PinnedSnapshot: Row(
        target=pinned_snapshot.victim,
        inject=pinned_snapshot.pin,
        heal=pinned_snapshot.let_go,
        certificate=pinned_snapshot.SnapshotHeld,
        ends_process=False,
        describe=pinned_snapshot.describe,
        spans_outage=True,
        healing="let go",
        healed="the transaction's session to be gone",
    ),
}
"""By the type of the scenario's entry."""


def rescued_after_s(entry: Triggered, rescue: Rescue | None, outage_s: float) -> float:
    """From a fault until what it cut off must have been picked up again, seconds: a death's lease
    runs while its slot is empty; any other fault is over first. 0 = this preset never rescues."""
    if TABLE[type(entry)].ends_process:
        return rescue.bound_s(outage_s) if rescue else 0.0
    return outage_s + (rescue.bound_s(0.0) if rescue else 0.0)


def short_scenario(sort: type[Triggered]) -> str:
    """The name, or the file, of a fault's short scenario."""
    return TABLE[sort].scenario or f"{sort.__struct_config__.tag}_short"


def short_scenarios(sort: type[Triggered]) -> dict[str, str]:
    """All of a fault's short scenarios, by what each is called: the fault's word, then that and one
    of its variants, as in ``backend_terminate:listener``."""
    word = str(sort.__struct_config__.tag)
    variants = TABLE[sort].variants
    return {word: short_scenario(sort), **{f"{word}:{name}": file for name, file in variants}}


def row_of(entry: Triggered) -> Row:
    """The row of an entry's sort."""
    return TABLE[type(entry)]


def word_of(entry: Triggered) -> str:
    """The scenario's word for it, which is the history's `what`."""
    return str(entry.__struct_config__.tag)
