"""Watches a worker's round trips with the database, and stops it at the one that is asked for.

The proxy's thread asks at each of them; the supervisor's loop answers, once it has emptied the
worker's pipe: until then nothing flows, so that what the worker said before it asked is known.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from orchestrator.errors import ProxyError
from orchestrator.faults.acknowledgement_seeker import AcknowledgementSeeker
from orchestrator.faults.late_delivery import LateDelivery
from orchestrator.faults.phases import Phases
from orchestrator.faults.point_seeker import PointSeeker, place_of, seen_at
from orchestrator.faults.rescuer_watch import RescuerWatch, look_at_freeze
from orchestrator.history.recorder import Recorder
from orchestrator.history.round_trips import Freeze, RoundTripSeen
from orchestrator.observe.probe import Probe
from orchestrator.proxy.points import RoundTrip, Side
from orchestrator.proxy.proxy import Proxy
from orchestrator.scenario.triggered import AtPoint, PointPhase
from orchestrator.workers.fleet import Fleet
from orchestrator.workers.tracker import Incarnation, Tracker
from worker_child.protocol import Note

WATCHED: Incarnation = (0, 0)
"""(slot, incarnation) of the worker behind the proxy: the first of slot 0. Its successor comes
without."""
FREEZE_LIMIT_S = 5.0
_AT_WORK = frozenset({"started", "effect", "completed"})
"""Phases in which all jobs of a wave have been enqueued and begun."""


@dataclass
class _Question:
    """A round trip that is held before or after the server, until it is answered."""

    round_trip: RoundTrip
    side: Side
    answered: threading.Event = field(default_factory=threading.Event)
    stop: bool = False

    def answer(self, *, stop: bool) -> None:
        self.stop = stop
        self.answered.set()


class _Begun(NamedTuple):
    """A round trip when it came."""

    phase: PointPhase
    wave: int
    number: int
    """Which it is of all, from 0."""
    rows: int | None
    """As far as they were known by then."""


class RoundTripWatch:
    """The supervisor's side of the proxy. All methods but `decide` are for its thread."""

    def __init__(
        self,
        proxy: Proxy,
        fleet: Fleet,
        tracker: Tracker,
        recorder: Recorder,
        probe: Probe,
        *,
        point: AtPoint | None,
        listing: bool,
        deliver_within_s: float | None = None,
        rescuer: RescuerWatch | None = None,
    ) -> None:
        self.reached_ns: int | None = None
        """When the worker came to the point that is asked for."""
        self.frozen: Freeze | None = None
        """What the freeze let through, once it has been looked at."""
        self.released_ns: int | None = None
        """From when on everything flowed again."""
        self.answered_ns: int | None = None
        """When what it was held at had been answered, once everything flowed again."""
        self.rescuer = rescuer
        """What holds the worker that comes meanwhile, where it is to be held."""
        self.seen: RoundTripSeen | None = None
        """The round trip at which it is held."""
        self.late: LateDelivery | None = None
        """The request that was held, on its way since its worker died."""
        self.wave = -1
        """The wave that is under way; -1 = none has gone out yet."""
        self.phases = Phases(WATCHED, tracker)
        self._proxy = proxy
        self._fleet = fleet
        self._recorder = recorder
        self._tracker = tracker
        self._probe = probe
        self._listing = listing
        self._point = point
        self._deliver_within_s = deliver_within_s
        self._seeker = None if point is None else self._seeker_of(point)
        self._questions: queue.SimpleQueue[_Question] = queue.SimpleQueue()
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._begun: dict[tuple[int, int], _Begun] = {}
        """By the place of a round trip that has come and is not answered."""
        self._count = 0
        self._settled: int | None = None
        """The wave of which the queue has been seen to owe nothing."""
        self._settling: int | None = None
        """The wave of which it is known what told the queue so."""
        self._held: _Question | None = None
        self._closed = threading.Event()
        fleet.watch(self._bell, self._look)
        proxy.watch(self.decide)

    def _seeker_of(self, point: AtPoint) -> PointSeeker | AcknowledgementSeeker:
        if point.statement is not None:
            return PointSeeker(point)
        return AcknowledgementSeeker(point, lambda: self._probe.counts().unsettled > 0)

    def decide(self, round_trip: RoundTrip, side: Side) -> bool:
        """Called in the proxy's thread, which waits here; True = freeze everything here."""
        held = self._held
        if self.released_ns and held and place_of(held.round_trip) == place_of(round_trip):
            self.answered_ns = round_trip.at_ns
        if self._closed.is_set():
            return False
        question = _Question(round_trip, side)
        self._questions.put(question)
        os.eventfd_write(self._bell, 1)
        while not question.answered.wait(1.0):
            if self._closed.is_set():
                return False
        return question.stop

    def stop_listening(self) -> None:
        """From now on every round trip passes unasked for and unlisted.

        Where they were listed it is noted whether all of them can have been. Raises
        psycopg.Error.
        """
        was_listing, self._listing, self._seeker = self._listing, False, None
        self._closed.set()
        self._let_pass()
        if was_listing:
            self._recorder.record(self._listed())

    def _let_pass(self) -> None:
        while (question := self._next_question()) is not None:
            question.answer(stop=False)

    def _listed(self) -> Note:
        child = self._fleet.children[WATCHED]
        sessions = self._probe.sessions([child.init.application_name])
        facts = self._proxy.facts()
        detail = {
            "unexplained_bytes": facts.unexplained,
            "broken": facts.broken,
            "sessions": len(facts.backend_pids),
            "outside": sorted({seen.pid for seen in sessions} - set(facts.backend_pids)),
        }
        return Note(time.monotonic_ns(), "round_trips_listed", detail=detail)

    def unanswered(self) -> frozenset[tuple[int, int]]:
        """The places of the round trips that have come and are not answered; none where they are no
        longer asked about, or one of them is held."""
        return frozenset() if self._closed.is_set() or self._held else frozenset(self._begun)

    def freeze(self) -> int:
        """Freeze the worker's connections where it is held; returns the instant, monotonic ns.

        Raises `ProxyError` when the proxy does not answer.
        """
        assert self._held is not None, "a worker is frozen at the point that it has reached"
        self._held.answer(stop=True)
        if not self._proxy.stopped.wait(FREEZE_LIMIT_S):
            raise ProxyError(f"the proxy did not freeze within {FREEZE_LIMIT_S:g} s")
        if (held := self._proxy.held) is None:
            raise ProxyError("the proxy failed at the point at which it was to freeze")
        return held.frozen_ns

    def held_backends(self) -> tuple[int, ...]:
        """The backend of the session whose round trip is frozen; none where it has gone."""
        assert self._held is not None, "only what is held has a session"
        return self._proxy.backends_of(self._held.round_trip.connection)

    def lose_answer(self) -> None:
        """Forget the answer that is held: the worker will never have it."""
        self._proxy.lose_answer()

    def drop(self) -> Freeze:
        """Say what the freeze let through, and close what the frozen worker had open, save for a
        request that is to be late."""
        if self.frozen is None:
            self.frozen = look_at_freeze(self._proxy)
            if self._deliver_within_s is None:
                self._proxy.drop()
            else:
                self.late = LateDelivery(
                    self._proxy.drop_keeping_held(),
                    WATCHED,
                    self.phases.latest,
                    self._tracker,
                    within_s=self._deliver_within_s,
                )
        return self.frozen

    def release(self) -> int:
        """Look at what the freeze let through, and let everything flow again; when it did."""
        self.frozen = look_at_freeze(self._proxy)
        self.stop_listening()
        self.released_ns = time.monotonic_ns()
        if self.seen is not None and self.seen.side == "after":
            self.answered_ns = self.released_ns
        self._proxy.release()
        return self.released_ns

    def record(self, notes: Iterable[Note]) -> None:
        """Write down what was seen of the worker that came meanwhile."""
        for note in notes:
            self._recorder.record(note)

    def close(self) -> None:
        """Let everything pass, end the proxy."""
        self._closed.set()
        if self.late is not None:
            self.late.close()
        if self._held is not None:
            self._held.answer(stop=False)
        self._let_pass()
        self._proxy.close()
        os.close(self._bell)

    def _look(self) -> None:
        try:
            os.eventfd_read(self._bell)
        except BlockingIOError:
            return
        while (question := self._next_question()) is not None:
            self._take(question)

    def _next_question(self) -> _Question | None:
        try:
            return self._questions.get_nowait()
        except queue.Empty:
            return None

    def _take(self, question: _Question) -> None:
        child = self._fleet.children.get(WATCHED)
        if child is not None:
            self._fleet.read_out(child)
        round_trip, place = question.round_trip, place_of(question.round_trip)
        if question.side == "before":
            phase = self._phase()
            self._begun[place] = _Begun(phase, self.wave, self._count, round_trip.rows)
            self._count += 1
            found = self._seeker is not None and self._seeker.before(round_trip, phase, self.wave)
        else:
            begun = self._begun.pop(place)
            phase = begun.phase
            found = self._seeker is not None and self._seeker.after(round_trip)
            if round_trip.executes and not found:
                self.phases.executed(round_trip.statement)
            if self._listing:
                self._list(round_trip, begun, settles=self._settles(round_trip, begun))
        if found:
            self._stop_at(question, phase)
        else:
            question.answer(stop=False)

    def _phase(self) -> PointPhase:
        """A worker whose jobs are completed has none left once the queue has that written down; how
        often it polls from then on until the next ones come is nothing that they decide."""
        phase = self.phases.now()
        return "idle" if phase == "completed" and self._is_settled() else phase

    def _is_settled(self) -> bool:
        """Whether the queue owes nothing of the wave that is under way: to be asked only once that
        has been enqueued."""
        if self._settled != self.wave and self._probe.counts().unsettled == 0:
            self._settled = self.wave
        return self._settled == self.wave

    def _settles(self, round_trip: RoundTrip, begun: _Begun) -> bool:
        """Whether it is the one that has told the queue that the wave is done."""
        is_new = round_trip.executes and begun.wave == self.wave != self._settling
        if not (is_new and begun.phase in _AT_WORK and self._is_settled()):
            return False
        self._settling = self.wave
        return True

    def _stop_at(self, question: _Question, phase: PointPhase) -> None:
        self._seeker = None
        self._held = question
        self.reached_ns = time.monotonic_ns()
        assert self._point is not None, "nobody is stopped where no point is asked for"
        self.seen = seen_at(question.round_trip, self._point.side, phase)

    def _list(self, round_trip: RoundTrip, begun: _Begun, *, settles: bool) -> None:
        foretold = begun.rows is not None and bool(begun.rows) == bool(round_trip.rows)
        detail = {
            "number": begun.number,
            "connection": round_trip.connection,
            "statement": round_trip.statement,
            "sql": round_trip.sql,
            "phase": begun.phase,
            "rows": round_trip.rows,
            "foretold": foretold,
            "executes": round_trip.executes,
            "wave": begun.wave,
            "settles": settles,
        }
        self._recorder.record(Note(time.monotonic_ns(), "round_trip", detail=detail))
