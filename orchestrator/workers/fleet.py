"""The children of a run, slot by slot: their pipes, their exits, who lives and who is dead."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable, Sequence

from orchestrator.errors import ChildFailedError
from orchestrator.history.recorder import Recorder
from orchestrator.history.records import ChildExited, ChildSpawned
from orchestrator.history.rescuer import Life
from orchestrator.processes.janitor import Janitor
from orchestrator.workers.child import ChildHandle, Exit, State
from orchestrator.workers.crash_origin import ends_in_our_code
from orchestrator.workers.ends import Ends
from orchestrator.workers.event_reader import BadLine, Batch
from orchestrator.workers.spawner import Spawner
from orchestrator.workers.tracker import Incarnation, Tracker
from worker_child.names import session_name
from worker_child.protocol import Init, Note

REST_S = 0.04
"""Before reading, so that many lines come in one gulp: stamps are the child's own, and a pipe holds
far more than is written meanwhile."""
PROMPT_REST_S = 0.002
_MUCH_BYTES = 1 << 16
"""Of one child in one gulp: the next ones come after the short rest, long before its pipe is full
(a sixteenth of it)."""
_GLANCE_EVERY_NS = 1_000_000_000
"""So often lines are read without a rest: a stamp ahead of the clock by less than a rest shows."""
MakeInit = Callable[[int, int], Init]


class Fleet:
    """Spawns, reads and reaps. `children` holds every incarnation that was ever spawned."""

    def __init__(
        self,
        spawner: Spawner,
        make_init: MakeInit,
        argv: Sequence[str],
        recorder: Recorder,
        tracker: Tracker,
        janitor: Janitor,
        *,
        ready_s: float,
    ) -> None:
        self.children: dict[Incarnation, ChildHandle] = {}
        self._spawner = spawner
        self._make_init = make_init
        self._argv = argv
        self._recorder = recorder
        self._tracker = tracker
        self._janitor = janitor
        self._ready_s = ready_s
        self._urgent = selectors.EpollSelector()
        """What is looked at as soon as it is readable: ends of processes, and the watched ones."""
        self._selector = selectors.DefaultSelector()
        """The pipes, and `_urgent`, which is a descriptor like them (epoll(7))."""
        self._selector.register(self._urgent, selectors.EVENT_READ, self._look)
        self._ends = Ends()
        self._leaderless: set[Incarnation] = set()
        """Those of which the first process alone was killed, and others may live on."""
        self._next_incarnation: dict[int, int] = {}
        self.died: list[ChildHandle] = []
        """Those that died unasked and have not been looked at; the reader takes them out."""
        self._starting: list[ChildHandle] = []
        self._checked: list[bytes] = []
        """The good lines that this turn has brought: one append for all of them."""
        self._much = False
        """Some child has written much until the last turn."""
        self._glanced_ns = 0
        self._ending: list[ChildHandle] = []
        """Those of which an end has been seen, of the process or of the pipe."""

    def watch(self, descriptor: int, on_readable: Callable[[], object]) -> None:
        """Have another descriptor looked at by `wait` as soon as it is readable."""
        self._urgent.register(descriptor, selectors.EVENT_READ, on_readable)

    def spawn(self, slot: int, *, after_fault: int | None = None) -> ChildHandle:
        """Fill a slot with its next incarnation. Raises `ChildFailedError`."""
        incarnation = self._next_incarnation.get(slot, 0)
        self._next_incarnation[slot] = incarnation + 1
        spawned_ns = time.monotonic_ns()
        try:
            child = self._spawner.spawn(self._make_init(slot, incarnation), self._argv)
        except OSError as error:
            raise ChildFailedError(
                f"the worker's command {' '.join(self._argv)} cannot be run: {error}"
            ) from error
        self._janitor.process_group(child.pid)
        self.children[slot, incarnation] = child
        self._tracker.open[slot, incarnation] = {}
        self._starting.append(child)
        self._selector.register(child, selectors.EVENT_READ, lambda: self._read(child))
        self.watch(child.exit_descriptor, lambda: self._reap(child))
        self._recorder.record(
            ChildSpawned(
                t_ns=spawned_ns,
                slot=slot,
                incarnation=incarnation,
                pid=child.pid,
                role=child.init.role,
                application_name=session_name(child.init.run_id, slot, incarnation),
                after_fault=after_fault,
            )
        )
        return child

    def wait(self, timeout_s: float, *, prompt: bool = False) -> None:
        """Wait for lines, at most so long; read them, append them, reap who has ended.

        Lines may lie in their pipes for `REST_S`, or for `PROMPT_REST_S` where somebody waits for
        what they say: where asked to be `prompt`, and while a child is starting.
        """
        timeout_s = max(0.0, timeout_s)
        begun_ns = time.monotonic_ns()
        if self._selector.select(timeout_s):
            self._rest(prompt=prompt, at_most_s=timeout_s - (time.monotonic_ns() - begun_ns) / 1e9)
            self._much = False
            try:
                for key, _ in self._selector.select(0):
                    key.data()
            finally:
                self._append()
        while self._ending:
            self._finish_if_gone(self._ending.pop(0))
        if self._starting:
            self._look_after_starting()

    def read_out(self, child: ChildHandle) -> None:
        """Take in all that lies in a child's pipe now; the lines go out at the end of the turn."""
        while child.eof_ns is None and self._read(child):
            pass

    def tell_to_stop(self, child: ChildHandle, fault: int) -> int:
        """Ask a child to stop, for a fault; returns the instant, stamped just before."""
        self._ends.asked_by(fault, child)
        told_ns = time.monotonic_ns()
        child.stop()
        return told_ns

    def terminate(self, child: ChildHandle, fault: int) -> int:
        """SIGTERM to a child's first process, for a fault; returns the instant, stamped just
        before."""
        self._ends.terminated_by(fault, child)
        return child.terminate()

    def kill(self, child: ChildHandle, fault: int | None) -> int:
        """SIGKILL a child's process group; returns `kill_sent`."""
        if fault is None:
            self._ends.killed_at_last(child)
        sent_ns = child.kill()
        if fault is not None:
            self._ends.killed_by(fault, child, sent_ns)
        return sent_ns

    def let_die(self, child: ChildHandle, fault: int) -> int:
        """Let a child of which a job has announced that it kills it do so, for a fault; returns the
        instant, stamped just before."""
        told_ns = child.let_die()
        self._ends.killed_by(fault, child, told_ns)
        return told_ns

    def kill_leader(self, child: ChildHandle, fault: int) -> int:
        """SIGKILL a child's first process alone; returns the instant, stamped just before."""
        self._leaderless.add((child.slot, child.incarnation))
        sent_ns = child.kill_leader()
        self._ends.killed_by(fault, child, sent_ns)
        return sent_ns

    def kill_the_leaderless(self) -> None:
        """SIGKILL what still lives on of those whose first process alone was killed."""
        for slot, incarnation in list(self._leaderless):
            child = self.children[slot, incarnation]
            child.kill()
            self.nobody_lives_on(child)

    def nobody_lives_on(self, child: ChildHandle) -> None:
        """The rest of a child whose first process alone was killed is gone, or was killed. Until
        then that child has not ended, whoever of it holds its pipe."""
        self._leaderless.discard((child.slot, child.incarnation))
        self._ending.append(child)

    def pause(self, child: ChildHandle) -> int:
        """SIGSTOP a child's process group; returns the instant. The janitor knows before it."""
        self._janitor.will_stop(child.pid)
        return child.pause()

    def resume(self, child: ChildHandle) -> int:
        """SIGCONT to a child's process group; returns the instant."""
        resumed_ns = child.resume()
        self._janitor.goes_on(child.pid)
        return resumed_ns

    def living(self) -> list[ChildHandle]:
        """Those that have not been killed and have not ended."""
        return [
            child
            for child in self.children.values()
            if child.state in (State.SPAWNED, State.READY, State.STOPPING) and child.exit is None
        ]

    def in_slot(self, slot: int) -> ChildHandle | None:
        """The living incarnation of a slot; one that was told to stop is on its way out."""
        return next(
            (
                child
                for child in self.living()
                if child.slot == slot and child.state is not State.STOPPING
            ),
            None,
        )

    def abandon_held_pipes(self) -> None:
        """Close the pipes of those that have ended while somebody who fled holds the other end."""
        for child in self.unfinished():
            if child.exit is not None and child.eof_ns is None and not child.pipe_abandoned:
                self._selector.unregister(child.fileno())
                child.abandon_pipe()
                self._ending.append(child)
                self._note(child, "pipe_held", "it has ended, yet somebody holds its event pipe")

    def unfinished(self) -> list[ChildHandle]:
        """Those that are not both reaped and read to the end."""
        return [child for child in self.children.values() if child.state is not State.GONE]

    def lives(self) -> dict[Incarnation, Life]:
        """When each worker was ready, as far as it was, and when it died, or left as told to."""
        return {
            key: Life(
                ready.t_ns if ready else None,
                died_ns,
                child.exit.reaped_ns if died_ns is None and child.exit is not None else None,
            )
            for key, child in self.children.items()
            for ready, died_ns in [(self._tracker.ready.get(key), self._ends.died_ns.get(key))]
        }

    def open_in_living(self) -> int:
        """Open executions of incarnations that live."""
        return sum(
            len(self._tracker.open[child.slot, child.incarnation]) for child in self.living()
        )

    def held_by_dead(self, identity: str | None, claimed_ns: int | None) -> bool:
        """Whether a row that is claimed under `identity` is a killed or died incarnation's.

        Where a living one bears the name again, it is where it was claimed (monotonic ns) before
        that one was ready; a claim without a time is then the living one's.
        """
        living = {(child.slot, child.incarnation) for child in self.living()}
        bearers = {k: r for k, r in self._tracker.ready.items() if r.identity == identity}
        alive_ns = [ready.t_ns for key, ready in bearers.items() if key in living]
        if not alive_ns:
            return bool(bearers)
        of_old = claimed_ns is not None and claimed_ns < min(alive_ns)
        return of_old and len(bearers) > len(alive_ns)

    def unreaped(self) -> list[ChildHandle]:
        """Those whose process has not ended, as far as that has been seen."""
        return [child for child in self.children.values() if child.exit is None]

    def close(self) -> None:
        """Let go of every descriptor. The children must be gone."""
        for child in self.children.values():
            child.close()
        self._selector.close()
        self._urgent.close()

    def _rest(self, *, prompt: bool, at_most_s: float) -> None:
        """Let lines gather, until something urgent comes."""
        now_ns = time.monotonic_ns()
        if now_ns - self._glanced_ns > _GLANCE_EVERY_NS:
            self._glanced_ns = now_ns
            return
        rest_s = PROMPT_REST_S if prompt or self._starting or self._much else REST_S
        self._urgent.select(max(0.0, min(rest_s, at_most_s)))

    def _look(self) -> None:
        for key, _ in self._urgent.select(0):
            key.data()

    def _read(self, child: ChildHandle) -> bool:
        """Whether there was something."""
        if child.eof_ns is not None:
            return False  # its end was seen earlier in this turn
        chunk = child.read()
        if chunk:
            self._take_in(child, chunk)
        elif child.eof_ns is not None:
            self._selector.unregister(child.fileno())
            self._note_bad(child, child.reader.finish())
            self._ending.append(child)
        return bool(chunk)

    def _reap(self, child: ChildHandle) -> None:
        if child.reap() is not None:
            self._urgent.unregister(child.exit_descriptor)
            self._ending.append(child)

    def _take_in(self, child: ChildHandle, chunk: bytes) -> None:
        """Check and observe what one read of a child has brought; its lines go out together with
        those of the others, at the end of the turn."""
        receipt_ns = time.monotonic_ns()
        batch = child.reader.feed(chunk)
        self._checked.append(batch.lines)
        self._observe(child, batch, receipt_ns)
        self._much |= len(chunk) >= _MUCH_BYTES

    def _append(self) -> None:
        checked, self._checked = self._checked, []
        if lines := b"".join(checked):
            self._recorder.append(lines)

    def _observe(self, child: ChildHandle, batch: Batch, receipt_ns: int) -> None:
        key = child.slot, child.incarnation
        self._tracker.observe(key, batch.events)
        if batch.events and (late_ns := batch.events[-1].fields.t_ns - receipt_ns) > 0:
            message = f"a line was stamped {late_ns} ns after it had been received"
            self._note(child, "clock_violation", message)
        if batch.bad:
            self._note_bad(child, batch.bad)
        if child.state is State.SPAWNED and key in self._tracker.ready:
            child.move(State.READY)

    def _note_bad(self, child: ChildHandle, lines: Sequence[BadLine]) -> None:
        for bad in lines:
            self._note(child, "bad_line", f"{bad.why}: {bad.excerpt}")

    def _look_after_starting(self) -> None:
        self._starting = [child for child in self._starting if child.state is State.SPAWNED]
        for child in self._starting:
            waited_s = child.awake_ns() / 1e9
            if waited_s > self._ready_s and child.exit is None:
                raise ChildFailedError(
                    f"worker {child.slot}:{child.incarnation} was not ready within "
                    f"{self._ready_s:g} s (limits.ready_s). {_quoted(child)}"
                )

    def _finish_if_gone(self, child: ChildHandle) -> None:
        if (child.slot, child.incarnation) in self._leaderless:
            return
        if child.exit is not None and child.gone() and child.state is not State.GONE:
            self._finish(child, child.exit)

    def _finish(self, child: ChildHandle, exit_: Exit) -> None:
        was_ready = (child.slot, child.incarnation) in self._tracker.ready
        reason, fault = self._ends.ended(child, exit_), self._ends.fault_of(child)
        child.move(State.GONE)
        self._janitor.forget_process_group(child.pid)
        tail = "" if reason == "stopped" else child.stderr_tail()
        self._recorder.record(
            ChildExited(
                t_ns=exit_.reaped_ns,
                slot=child.slot,
                incarnation=child.incarnation,
                pid=child.pid,
                reason=reason,
                exit_code=exit_.exit_code,
                signal=exit_.signal,
                fault=fault,
                events=child.reader.next_n,
                max_rss_bytes=exit_.max_rss_bytes,
                stderr_tail=tail,
                ours=reason == "died" and ends_in_our_code(tail),
            )
        )
        if reason == "died":
            if fault is None:
                self.died.append(child)
            if not was_ready:
                raise ChildFailedError(
                    f"worker {child.slot}:{child.incarnation} died before it was ready, "
                    f"{_how(exit_)}. {_quoted(child)}"
                )

    def _note(self, child: ChildHandle, code: str, message: str) -> None:
        self._recorder.record(
            Note(
                t_ns=time.monotonic_ns(),
                code=code,
                message=message,
                detail={"slot": child.slot, "incarnation": child.incarnation},
            )
        )


def _how(exit_: Exit) -> str:
    if exit_.signal is not None:
        return f"by signal {exit_.signal}"
    return f"with exit code {exit_.exit_code}"


def _quoted(child: ChildHandle) -> str:
    tail = child.stderr_tail()
    if not tail:
        return "It wrote nothing to stderr."
    return "The end of its stderr:\n" + "\n".join(tail.splitlines()[-15:])
