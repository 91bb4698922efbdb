"""A Dask cluster as the machines of a command: the one module that imports Dask.

Each run is one task that needs the resource ``cell`` of one worker, so that a worker carries out
one at a time. Whatever Dask would do by itself that bears on a measurement has to be off: it is
looked for on the scheduler and on each worker, and told in a sentence.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import dask
import distributed
import msgspec

from orchestrator.commands.engine import machine
from orchestrator.commands.engine.needs import Needs
from orchestrator.commands.engine.parcel import order_of
from orchestrator.commands.engine.spread import Arrival
from orchestrator.errors import ClusterError, Interrupted
from orchestrator.run.request import Request

RESOURCE = "cell"
_CONNECT_LIMIT_S = 15.0
_GATHER_LIMIT_S = 30.0
_DASK = "DASK_"
_ENDING = frozenset({"closing", "closing_gracefully", "closed", "failed"})
_OFF = {
    "distributed.worker.profile.enabled": "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED",
    "distributed.worker.memory.terminate": "DASK_DISTRIBUTED__WORKER__MEMORY__TERMINATE",
    "distributed.worker.memory.pause": "DASK_DISTRIBUTED__WORKER__MEMORY__PAUSE",
}
"""What must be False on every worker, and the variable that makes it so."""


class DaskCluster:
    """See `Cluster`; `remarks` = what the user ought to know of it, a sentence each."""

    def __init__(self, address: str, needs: Needs, *, alike: bool) -> None:
        """Connect, and look at everything that is there; `alike` = all need the same PostgreSQL.

        Raises `ClusterError` with every reason at once why nothing can run there.
        """
        # All that it would say is said by us, in a sentence.
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        self._address = address
        self._needs = needs
        self._client = _connect(address)
        self._arrived: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._futures: dict[int, distributed.Future] = {}
        self._known: dict[str, str] = {}
        """Fit, by address."""
        self._unfit: set[str] = set()
        try:
            self.remarks = self._first_look(alike)
        except BaseException:
            self.close()
            raise

    @property
    def server_version(self) -> str | None:
        """Of the PostgreSQL that every run gets; None = it may be any."""
        return self._needs.server_version

    def machines(self, tell: Callable[[str], None]) -> Mapping[str, str]:
        """See `Cluster`."""
        workers = self._workers()
        seen = self._known.keys() | self._unfit
        new = {at: worker for at, worker in workers.items() if at not in seen}
        for address, reasons in self._examined(new).items():
            if reasons:
                self._unfit.add(address)
                tell(f"{_bare(address)} takes no part: {'; '.join(reasons)}")
            else:
                self._known[address] = _bare(address)
        return {at: name for at, name in self._known.items() if at in workers}

    def submit(self, request: Request, ticket: int, address: str) -> None:
        """See `Cluster`."""
        future = self._client.submit(
            _task,
            order_of(request, machine.our_code(), self.server_version),
            key=f"{request.run_id}-{ticket}-{os.getpid()}",
            workers=[address],
            allow_other_workers=False,
            resources={RESOURCE: 1},
            retries=0,
            priority=-ticket,
            pure=False,
        )
        self._futures[ticket] = future
        future.add_done_callback(lambda _: self._arrived.put(ticket))

    def next_arrival(self, limit_s: float) -> Arrival | None:
        """See `Cluster`."""
        try:
            ticket = self._arrived.get(timeout=limit_s)
        except queue.Empty:
            return None
        future = self._futures.pop(ticket, None)
        if future is None:
            return None  # cancelled by us
        if future.status == "error":
            error = future.exception(timeout=_GATHER_LIMIT_S)
            if isinstance(error, distributed.KilledWorker):
                return Arrival(ticket, None)
            return Arrival(ticket, b"", f"its task failed: {type(error).__name__}: {error}")
        try:
            return Arrival(ticket, future.result(timeout=_GATHER_LIMIT_S))
        except (TimeoutError, distributed.CancelledError, distributed.KilledWorker, OSError):
            return Arrival(ticket, None)  # its machine went with what it had made

    def cancel(self, tickets: Sequence[int]) -> None:
        """See `Cluster`."""
        futures = [f for t in tickets if (f := self._futures.pop(t, None)) is not None]
        with contextlib.suppress(OSError, TimeoutError, distributed.CancelledError):
            self._client.cancel(futures, force=True)

    def close(self) -> None:
        """Leave the cluster; it goes on without us."""
        with contextlib.suppress(OSError, TimeoutError):
            self._client.close(timeout=_CONNECT_LIMIT_S)

    def _workers(self) -> dict[str, dict[str, Any]]:
        """By address, as the scheduler tells of them at this moment.

        Not by `scheduler_info`: what that returns may be what the client's own look, which leaves
        the workers out, has put there meanwhile.
        """
        try:
            if self._client.status != "running":
                raise OSError("the connection is lost")
            told = self._client.sync(self._client.scheduler.identity, n_workers=-1)
        except OSError as error:
            raise ClusterError(
                f"the Dask scheduler at {self._address} is gone. What is finished is kept: give "
                "the same command again once it is back"
            ) from error
        found: dict[str, dict[str, Any]] = told["workers"]
        return found

    def _first_look(self, alike: bool) -> list[str]:
        wrong = self._client.run_on_scheduler(_scheduler_flaws())
        workers = self._workers()
        with_cell = {at: w for at, w in workers.items() if RESOURCE in w["resources"]}
        if not with_cell:
            wrong.append(
                f"none of its {len(workers)} workers has the resource {RESOURCE}: start them with "
                f"--resources {RESOURCE}=1"
            )
        without = workers.keys() - with_cell.keys()
        self._unfit |= without
        for address, reasons in self._examined(with_cell).items():
            self._known[address] = _bare(address)
            wrong += [f"{_bare(address)}: {reason}" for reason in reasons]
        if alike and not wrong:
            wrong += self._agree(list(with_cell))
        if wrong:
            listed = "".join(f"\n  - {reason}" for reason in wrong)
            raise ClusterError(f"the Dask cluster at {self._address} cannot take this:{listed}")
        told = [f"{_bare(at)} takes no part: it lacks the resource {RESOURCE}" for at in without]
        return sorted(told) + _sharing(with_cell)

    def _agree(self, workers: Sequence[str]) -> list[str]:
        """Take what they all have for what every machine needs; else why that cannot be."""
        found = self._client.run(_server_version(), workers=workers, on_error="return")
        failed = [
            f"{_bare(at)}: its PostgreSQL cannot be told: {answer}"
            for at, answer in sorted(found.items())
            if not isinstance(answer, str)
        ]
        if failed:
            return failed
        versions = set(found.values())
        if len(versions) > 1:
            listed = ", ".join(
                f"{_bare(at)} has {version}" for at, version in sorted(found.items())
            )
            return [
                f"its machines have different PostgreSQL: {listed}. What is run there belongs "
                "together: install the same one, or leave --resources cell=1 away on the others"
            ]
        self._needs = msgspec.structs.replace(self._needs, server_version=versions.pop())
        return []

    def _examined(self, workers: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
        """By address: why it cannot take part."""
        found = {at: _resource_flaws(worker["resources"]) for at, worker in workers.items()}
        asked = [address for address, reasons in found.items() if not reasons]
        if not asked:
            return found
        examine = _worker_flaws(machine.our_code(), msgspec.msgpack.encode(self._needs))
        answers = self._client.run(examine, workers=asked, on_error="return")
        for address in asked:
            answer = answers.get(address, "it does not answer")
            found[address] = answer if isinstance(answer, list) else [_no_crashbench(answer)]
        return found


def _connect(address: str) -> distributed.Client:
    try:
        return distributed.Client(address, timeout=_CONNECT_LIMIT_S, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise ClusterError(
            f"no Dask scheduler answers at {address} ({type(error).__name__}): give --dask the "
            "address that it printed when it was started, as in tcp://10.0.0.1:8786"
        ) from error


def _bare(address: str) -> str:
    """The address without its protocol: what a machine is called."""
    return address.partition("://")[2] or address


def _sharing(workers: Mapping[str, Mapping[str, Any]]) -> list[str]:
    hosts = [worker["host"] for worker in workers.values()]
    return [
        f"{hosts.count(host)} workers are on {host}: their runs share its cores and its disk, and "
        "its figures of time are not those of a machine on its own"
        for host in sorted(set(hosts))
        if hosts.count(host) > 1
    ]


def _resource_flaws(resources: Mapping[str, float]) -> list[str]:
    cells = resources.get(RESOURCE, 0)
    if cells == 1:
        return []
    return [f"it has {RESOURCE}={cells:g}: start its worker with --resources {RESOURCE}=1"]


def _no_crashbench(answer: object) -> str:
    return (
        f"it cannot be asked whether it is fit ({type(answer).__name__}: {answer}): install the "
        "same Crashbench there, with its extra dask"
    )


# Functions within functions travel whole; the scheduler need not have Crashbench.


def _scheduler_flaws() -> Callable[[Any], list[str]]:
    def flaws(dask_scheduler: Any) -> list[str]:
        found = []
        if dask_scheduler.allowed_failures != 0:
            found.append(
                "its scheduler would repeat a run whose machine died, unasked: start it with "
                "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES=0"
            )
        if "stealing" in dask_scheduler.extensions:
            found.append(
                "its scheduler moves tasks between machines: start it with "
                "DASK_DISTRIBUTED__SCHEDULER__WORK_STEALING=False"
            )
        return found

    return flaws


def _server_version() -> Callable[[], str]:
    def version() -> str:
        from orchestrator.commands.engine import machine

        found: str = machine.server_version()
        return found

    return version


def _worker_flaws(code_sha256: str, needs: bytes) -> Callable[[Any], list[str]]:
    off = dict(_OFF)

    def flaws(dask_worker: Any) -> list[str]:
        from orchestrator.commands.engine import machine

        found: list[str] = machine.flaws(code_sha256, needs)
        for key, variable in off.items():
            unlimited = "memory" in key and dask_worker.memory_manager.memory_limit is None
            if dask.config.get(key) is not False and not unlimited:
                found.append(f"Dask's {key} is on there: start its worker with {variable}=False")
        return found

    return flaws


def _task(order: bytes) -> bytes:
    """One run, on its machine."""
    worker = distributed.get_worker()
    key = worker.get_current_task()

    def interrupted() -> bool:
        task = worker.state.tasks.get(key)
        gone = task is None or task.state == "cancelled"
        return gone or worker.status.name in _ENDING

    try:
        scratch = Path(worker.local_directory)
        return machine.carry_out(order, scratch, _scrubbed(os.environ), interrupted)
    except Interrupted:
        return b""  # nobody waits for it


def _scrubbed(environment: Mapping[str, str]) -> dict[str, str]:
    """Without Dask's own variables, and without those that its nanny sets for NumPy and malloc."""
    nannys = dask.config.get("distributed.nanny.pre-spawn-environ", {})
    nannys |= dask.config.get("distributed.nanny.environ", {})
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith(_DASK) and value != str(nannys.get(name))
    }
