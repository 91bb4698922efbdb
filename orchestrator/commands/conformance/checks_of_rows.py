"""Judges what an adapter says of its settings, its rows and its sessions, before any run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.commands.conformance.finding import Check, NotCheckedError, UnofferedError
from orchestrator.commands.conformance.single_worker import LEAVE_LIMIT_S, DirectEvidence, Look
from worker_child.adapters.contract import PARITY, Accepted, InboxRow
from worker_child.lifeline import EXIT_PARENT_GONE


def settings_stated(seen: DirectEvidence) -> Iterator[str]:
    """Whatever a comparison must show stands there."""
    preset = seen.preset
    if missing := [key for key in PARITY if not preset.parity.get(key)]:
        yield f"the preset's parity says nothing of {', '.join(missing)}"
    if unknown := sorted(preset.parity.keys() - PARITY.keys()):
        yield f"the preset's parity speaks of {', '.join(unknown)}, which nobody shows"
    if not preset.settings:
        yield "the preset has no settings: name the library's defaults, too"
    if wrong := [name for name, period_s in preset.periods_s.items() if period_s <= 0]:
        yield f"the periods {', '.join(wrong)} are not above 0 s"
    if not seen.version:
        yield "the library's version is empty"
    if seen.ready is not None and "body_connections" not in seen.ready.effective:
        yield "child_ready.effective does not say how many body_connections were opened"


def rows_waiting(seen: DirectEvidence) -> Iterator[str]:
    """Enqueued jobs stand in the queue, under the ids that the enqueue gave."""
    look = seen.waiting
    if look is None:
        raise NotCheckedError("the jobs were not enqueued")
    if any(not isinstance(result, Accepted) for result in seen.results):
        yield f"of {len(seen.job_ids)} jobs not all were accepted: {seen.results}"
        return
    given = {
        job_id: result.inbox_id
        for job_id, result in zip(seen.job_ids, seen.results, strict=True)
        if isinstance(result, Accepted)
    }
    yield from _other_rows(seen.job_ids, look, "queued")
    by_rows = {row.job_id: row.inbox_id for row in look.rows}
    if by_rows.keys() == given.keys() and by_rows != given:
        yield f"rows() knows the jobs by other ids than the enqueue gave: {by_rows}, not {given}"
    asked = [row.inbox_id for row in look.some]
    if asked != [given[seen.job_ids[0]]]:
        yield f"asked for the row {given[seen.job_ids[0]]}, rows() gave {asked}"
    yield from _other_counts(look, queued=len(given), claimed=0)


def rows_claimed(seen: DirectEvidence) -> Iterator[str]:
    """A job that is being worked on shows as claimed, under the worker's announced identity."""
    if not seen.preset.claims_visible:
        raise UnofferedError("its claims cannot be seen by others")
    look = _while_open(seen)
    assert seen.ready is not None
    rows = {row.job_id: row for row in look.rows}
    unseen = [job for job in sorted(seen.started & look.sighted) if job not in rows]
    if unseen:
        yield f"rows() leaves out {_some(unseen)}, which stand in the library's tables"
    for job_id in sorted(seen.started & rows.keys()):
        row = rows[job_id]
        if row.state != "claimed":
            yield f"rows() says that {job_id} is {row.state}, and it is being worked on"
        elif row.claimed_by != seen.ready.identity:
            yield (
                f"rows() says that {row.claimed_by!r} holds {job_id}; the worker that works on it "
                f"has announced itself as {seen.ready.identity!r}"
            )
    claimed = sum(row.state == "claimed" for row in look.rows)
    if look.counts.claimed != claimed:
        yield f"counts() says {look.counts.claimed} claimed rows, rows() shows {claimed}"


def acknowledged_last(seen: DirectEvidence) -> Iterator[str]:
    """The queue still has a job while the job is being worked on."""
    look = _while_open(seen)
    kept = look.sighted | {row.job_id for row in look.rows if row.state != "done"}
    if gone := sorted(seen.started - kept):
        yield f"acknowledged before its work: the queue has {_some(gone)} no more, and it is open"


def became_ready(seen: DirectEvidence) -> Iterator[str]:
    """A worker says that it is ready, and then takes the jobs that wait."""
    if seen.ready is None:
        yield seen.not_ready
        return
    if not seen.ready.identity:
        yield "child_ready.identity is empty: under which name does it claim rows?"
    if waiting := sorted(set(seen.job_ids) - seen.started):
        yield f"it is ready, and has not started {_some(waiting)}, which waited for it"
    if not seen.second_ready:
        yield "a second worker, in another slot, did not become ready"


def sessions_named(seen: DirectEvidence) -> Iterator[str]:
    """Every session bears the incarnation's name."""
    _need_ready(seen)
    if seen.unknown_sessions:
        shown = [f"{s.state or 'a session'}: {s.query!r}" for s in seen.unknown_sessions]
        yield f"{len(shown)} sessions do not bear application_name; {_some(shown)}"
    if len(seen.sessions) < seen.pool_size:
        yield f"{len(seen.sessions)} sessions bear the name, the pool alone has {seen.pool_size}"


def connected_when_ready(seen: DirectEvidence) -> Iterator[str]:
    """At child_ready the jobs' pool is open, and at least one session of the library's own."""
    _need_ready(seen)
    assert seen.ready is not None
    before = sum(opened_ns <= seen.ready.t_ns for opened_ns in seen.opened_ns)
    if before <= seen.pool_size:
        later_ms = [(ns - seen.ready.t_ns) / 1e6 for ns in seen.opened_ns if ns > seen.ready.t_ns]
        yield (
            f"it was ready with {before} sessions, {seen.pool_size} of them for the jobs, and "
            f"opened {len(later_ms)} more afterwards"
            + (f", the first {min(later_ms):.0f} ms later" if later_ms else "")
        )


def parents_side_ended(seen: DirectEvidence) -> Iterator[str]:
    """What install, the enqueuers and the reads have started in the parent has ended."""
    if seen.left_by_parent:
        yield (
            f"its parent's side left {len(seen.left_by_parent)} running, enqueuers closed: "
            f"{_some(seen.left_by_parent)}"
        )


def dies_with_parent(seen: DirectEvidence) -> Iterator[str]:
    """The kernel's death signal is set, by the child itself."""
    _need_ready(seen)
    if seen.left_after_kill_s is None:
        yield (
            f"its parent was killed, and it went on for {LEAVE_LIMIT_S:g} s: "
            "call prctl(PR_SET_PDEATHSIG) first of all"
        )


def leaves_at_eof(seen: DirectEvidence) -> Iterator[str]:
    """Stdin is watched."""
    _need_ready(seen)
    if not seen.second_ready:
        raise NotCheckedError("the worker for it did not become ready")
    if seen.eof_exit_code is None:
        yield f"its stdin ended, and it went on for {LEAVE_LIMIT_S:g} s"
    elif seen.eof_exit_code != EXIT_PARENT_GONE:
        yield f"its stdin ended, and it left with {seen.eof_exit_code}, not {EXIT_PARENT_GONE}"


def _need_ready(seen: DirectEvidence) -> None:
    if seen.ready is None:
        raise NotCheckedError("no worker became ready")


def _while_open(seen: DirectEvidence) -> Look:
    _need_ready(seen)
    if seen.claimed is None or not seen.started:
        raise NotCheckedError("no job was started")
    return seen.claimed


def _other_rows(job_ids: Sequence[str], look: Look, state: str) -> Iterator[str]:
    shown = sorted(str(row.job_id) for row in look.rows)
    if shown != sorted(job_ids):
        yield f"rows() shows {_some(shown) or 'nothing'}; {_some(sorted(job_ids))} were enqueued"
    if wrong := [row for row in look.rows if row.state != state]:
        yield f"rows() says that {_described(wrong[0])}, and nobody has touched it"
    # Where SQL finds none of them the payload is stored as nothing that could be searched.
    if look.sighted and look.sighted != set(job_ids):
        yield f"SQL finds only {_some(sorted(look.sighted))} in the library's tables"


def _other_counts(look: Look, *, queued: int, claimed: int) -> Iterator[str]:
    found = look.counts
    if (found.queued, found.claimed, found.retrying, found.dead) != (queued, claimed, 0, 0):
        yield (
            f"counts() says {found.queued} queued, {found.claimed} claimed, {found.retrying} "
            f"retrying and {found.dead} dead; it must be {queued} queued and {claimed} claimed"
        )


def _described(row: InboxRow) -> str:
    return f"{row.job_id} is {row.state}" + (f" by {row.claimed_by}" if row.claimed_by else "")


def _some(words: Sequence[str]) -> str:
    shown = ", ".join(words[:3])
    return f"{shown} and {len(words) - 3} more" if len(words) > 3 else shown


DIRECT: tuple[Check[DirectEvidence], ...] = (
    Check("settings", "states its settings and how it works", ("direct",), settings_stated),
    Check("rows waiting", "shows waiting jobs as SQL does", ("direct",), rows_waiting),
    Check("ready", "becomes ready, and takes what waits", ("direct",), became_ready),
    Check("sessions", "names every database session", ("direct",), sessions_named),
    Check(
        "connections",
        "is connected when it says that it is ready",
        ("direct",),
        connected_when_ready,
    ),
    Check(
        "rows claimed",
        "shows open jobs as claimed by their worker",
        ("direct",),
        rows_claimed,
    ),
    Check(
        "acknowledges last", "keeps a job until its work is done", ("direct",), acknowledged_last
    ),
    Check("dies with parent", "is killed when its parent is", ("direct",), dies_with_parent),
    Check("end of stdin", "leaves when its stdin ends", ("direct",), leaves_at_eof),
    Check(
        "parent side",
        "leaves no process of the parent's side behind",
        ("direct",),
        parents_side_ended,
    ),
)
