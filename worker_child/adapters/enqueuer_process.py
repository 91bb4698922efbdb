"""Enqueues through a library's own client in its own language: a process with role ``enqueuer``.

For what the library keeps in its client alone. All else is better enqueued by SQL, where neither a
second process nor its language stands between the producer and the queue.
"""

from __future__ import annotations

import os
import select
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict

from worker_child.adapters.contract import (
    Accepted,
    CacheAnswer,
    Deduplicated,
    EnqueueResult,
    OutgoingJob,
    Rejected,
    Served,
)
from worker_child.lifeline import PARENT_PID_VARIABLE
from worker_child.protocol import (
    PROTOCOL_VERSION,
    AskAnswer,
    AskCommand,
    ClockAnchor,
    Command,
    EnqueueAnswer,
    EnqueueCommand,
    Init,
    JobAnswer,
    JobToEnqueue,
)

ANSWER_LIMIT_S = 30.0
"""How long one enqueue may take, the start of the process with it."""
STOP_LIMIT_S = 10.0
_LOOK_EVERY_S = 0.1
"""How often somebody who waits for an answer looks whether the run is still on."""
_READ_BYTES = 1 << 16
_TAIL_BYTES = 2000


class EnqueuerLostError(psycopg.OperationalError):
    """The process gave no answer: nobody knows which jobs the queue has taken.

    It is one of psycopg's errors because that is what `Enqueuer.enqueue` promises.
    """


class ProcessEnqueuer:
    """See `worker_child.adapters.contract.Enqueuer`. Safe to start from any thread.

    The process is started here and has opened the library's client when this returns. `dsn` names
    its sessions; `settings` is the preset's, ``max_attempts`` among them. Raises OSError when it
    cannot be started, and `EnqueuerLostError` when it does not come up.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        library: str,
        dsn: str,
        settings: dict[str, Any],
        answer_limit_s: float = ANSWER_LIMIT_S,
    ) -> None:
        self._argv = list(argv)
        self._answer_limit_s = answer_limit_s
        self.reaped_ns: int | None = None
        """When the process had ended and was reaped, CLOCK_MONOTONIC; None = it lives."""
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._answers, writing = os.pipe()
        started: Future[subprocess.Popen[bytes]] = Future()
        self._keeper = threading.Thread(
            target=self._keep, args=(writing, started), name="enqueuer", daemon=True
        )
        self._keeper.start()
        try:
            self._process = started.result()
        except BaseException:
            os.close(self._answers)
            self._stderr.close()
            raise
        finally:
            os.close(writing)
        try:
            self._send(msgspec.json.encode(_init(library, dsn, settings, writing)))
            self.enqueue([])
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The process's id, which leads a process group and a session of its own."""
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """As of `subprocess.Popen.returncode`: negative = the signal that ended it."""
        return self._process.returncode

    def enqueue(self, jobs: Sequence[OutgoingJob]) -> list[EnqueueResult]:
        """See `Enqueuer.enqueue`. Raises `EnqueuerLostError`; the process has then ended."""
        outgoing = tuple(
            JobToEnqueue(job.job_id, job.kind, job.payload.decode(), job.dedup_key) for job in jobs
        )
        try:
            self._send(msgspec.json.encode(EnqueueCommand("enqueue", outgoing)))
            answer = msgspec.json.decode(self._line(), type=EnqueueAnswer)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            self._kill()
            raise EnqueuerLostError(
                f"the enqueuer process did not answer {len(jobs)} jobs: {error}. {self._said()}"
            ) from error
        if len(answer.results) != len(jobs):
            self._kill()
            raise EnqueuerLostError(
                f"the enqueuer process was handed {len(jobs)} jobs and answered "
                f"{len(answer.results)}: its adapter's answers cannot be told apart"
            )
        return [_result(told) for told in answer.results]

    def ask(
        self, job: OutgoingJob, *, give_up_s: float, stopped: Callable[[], bool]
    ) -> CacheAnswer:
        """See `worker_child.adapters.contract.Asking`. Raises `EnqueuerLostError`, also once
        `stopped`; the process has then ended."""
        outgoing = JobToEnqueue(job.job_id, job.kind, job.payload.decode(), job.dedup_key)
        limit_s = give_up_s + self._answer_limit_s
        try:
            self._send(msgspec.json.encode(AskCommand("ask", outgoing, give_up_s)))
            answer = msgspec.json.decode(self._line(limit_s, stopped), type=AskAnswer)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            self._kill()
            raise EnqueuerLostError(
                f"the enqueuer process did not answer the question {job.job_id}: {error}. "
                f"{self._said()}"
            ) from error
        return _answer(answer)

    def close(self) -> None:
        """Have the process stop; one that does not within the limit is killed."""
        if self._keeper.is_alive():
            self._send(msgspec.json.encode(Command("stop")))
            self._keeper.join(STOP_LIMIT_S)
        self._kill()
        os.close(self._answers)
        self._stderr.close()

    def _keep(self, writing: int, started: Future[subprocess.Popen[bytes]]) -> None:
        """Start the process and stay with it: PR_SET_PDEATHSIG follows the thread that started it,
        and the producer's thread ends before its enqueuer."""
        try:
            process = subprocess.Popen(
                self._argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._stderr,
                pass_fds=[writing],
                bufsize=0,
                start_new_session=True,
                env={**os.environ, PARENT_PID_VARIABLE: str(os.getpid())},
            )
        except BaseException as error:  # noqa: BLE001 - raised again where it was asked for
            started.set_exception(error)
            return
        started.set_result(process)
        process.wait()
        self.reaped_ns = time.monotonic_ns()

    def _send(self, line: bytes) -> None:
        assert self._process.stdin is not None
        left = memoryview(line + b"\n")
        try:
            while left:
                left = left[self._process.stdin.write(left) :]
        except BrokenPipeError:
            # It has just ended; whoever waits for the answer will be told how.
            return

    def _line(
        self, limit_s: float | None = None, stopped: Callable[[], bool] = lambda: False
    ) -> bytes:
        """One line; raises OSError (TimeoutError is one) when none comes, or once `stopped`."""
        limit_s = self._answer_limit_s if limit_s is None else limit_s
        give_up_s = time.monotonic() + limit_s
        line = b""
        while not line.endswith(b"\n"):
            left_s = max(0.0, give_up_s - time.monotonic())
            if not select.select([self._answers], [], [], min(left_s, _LOOK_EVERY_S))[0]:
                if stopped():
                    raise TimeoutError("the run was stopped")
                if time.monotonic() >= give_up_s:
                    raise TimeoutError(f"nothing came within {limit_s:g} s")
                continue
            chunk = os.read(self._answers, _READ_BYTES)
            if not chunk:
                self._keeper.join(STOP_LIMIT_S)
                raise OSError(f"it has ended with exit code {self._process.returncode}")
            line += chunk
        return line

    def _kill(self) -> None:
        self._process.kill()
        self._keeper.join()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _said(self) -> str:
        end = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, end - _TAIL_BYTES))
        text = self._stderr.read().decode("utf-8", "backslashreplace").strip()
        return f"The end of its stderr:\n{text}" if text else "It wrote nothing to stderr"


def _init(library: str, dsn: str, settings: dict[str, Any], descriptor: int) -> Init:
    return Init(
        protocol=PROTOCOL_VERSION,
        run_id="",
        role="enqueuer",
        slot=0,
        incarnation=0,
        library=library,
        settings=settings,
        dsn=dsn,
        application_name=str(conninfo_to_dict(dsn)["application_name"]),
        concurrency=1,
        pool_size=1,
        max_attempts=settings["max_attempts"],
        kinds=(),
        effects=False,
        event_fd=descriptor,
        clock_anchor=ClockAnchor(monotonic_ns=time.monotonic_ns(), wall_ns=time.time_ns()),
    )


def _answer(told: AskAnswer) -> CacheAnswer:
    served = None
    if told.sha256 is not None and told.bytes is not None:
        served = Served(told.sha256, told.bytes)
    return CacheAnswer(
        outcome=told.outcome,
        enqueued=None if told.enqueued is None else _result(told.enqueued),
        enqueued_ns=told.enqueued_ns,
        answered_ns=told.answered_ns,
        served=served,
        error=told.error,
    )


def _result(told: JobAnswer) -> EnqueueResult:
    if told.outcome == "accepted":
        assert told.inbox_id is not None, "an accepted job has a row"
        return Accepted(told.inbox_id)
    if told.outcome == "deduplicated":
        return Deduplicated(told.into)
    return Rejected(told.error)
