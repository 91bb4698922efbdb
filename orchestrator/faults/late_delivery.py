"""A request whose worker is dead by now reaches the server, when others have its jobs.

A packet that was long on its way. Nothing of ours keeps anybody from the jobs meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from itertools import chain

from orchestrator.errors import ProxyError
from orchestrator.history.round_trips import Delivery
from orchestrator.proxy.delayed import Delayed
from orchestrator.scenario.faults import DELIVERY_LIMIT_S
from orchestrator.workers.tracker import Incarnation, Tracker

_NS_PER_S = 1_000_000_000


class LateDelivery:
    """Waits for its moment, then delivers in a thread of its own. For the supervisor's thread.

    The moment: the slot's next process is ready, and each of `jobs` has been started again by
    another worker; at the latest `within_s` after it is ready.
    """

    def __init__(
        self,
        delayed: Delayed,
        victim: Incarnation,
        jobs: Collection[str],
        tracker: Tracker,
        *,
        within_s: float,
    ) -> None:
        self._delayed = delayed
        self._victim = victim
        self._tracker = tracker
        self._completed = {job_id: tracker.completions[job_id] for job_id in jobs}
        self._within_ns = round(within_s * _NS_PER_S)
        self._thread: threading.Thread | None = None
        self._delivery: Delivery | None = None
        self._failure: BaseException | None = None

    def step(self) -> Delivery | None:
        """Deliver it once it is due; None = its answer has not come yet."""
        if self._thread is None:
            if self._is_due(time.monotonic_ns()):
                self._thread = threading.Thread(target=self._deliver, name="late delivery")
                self._thread.start()
        elif not self._thread.is_alive() and self._failure is not None:
            raise self._failure
        return self._delivery

    def close(self) -> None:
        """Give it up where it is not over. Idempotent."""
        if self._thread is None:
            self._delayed.close()
            return
        if self._thread.is_alive():
            self._delayed.abort()
        self._thread.join()

    def _is_due(self, now_ns: int) -> bool:
        slot, incarnation = self._victim
        ready = self._tracker.ready.get((slot, incarnation + 1))
        if ready is None:
            return False
        return now_ns - ready.t_ns >= self._within_ns or self._are_taken()

    def _are_taken(self) -> bool:
        open_ = self._tracker.open
        others = (open_[worker].values() for worker in open_ if worker != self._victim)
        at_work = {started.job_id for started in chain.from_iterable(others)}
        completions = self._tracker.completions
        return all(
            job_id in at_work or completions[job_id] > before
            for job_id, before in self._completed.items()
        )

    def _deliver(self) -> None:
        try:
            delivered = self._delayed.deliver(DELIVERY_LIMIT_S)
        except ProxyError as error:
            self._delivery = Delivery(why=str(error))
        except BaseException as error:  # noqa: BLE001 - `step` raises it in the caller's thread
            self._failure = error
        else:
            self._delivery = Delivery(
                sent_ns=delivered.sent_ns,
                answered_ns=delivered.answered_ns,
                sent_bytes=delivered.sent_bytes,
                rows=delivered.round_trip.rows,
                refused=delivered.error,
            )
