"""The parent's hold on the provider stub, the third party of a run's external-API jobs."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.errors import ProviderError
from orchestrator.paths import ROOT
from orchestrator.processes.death_signal import tethered
from orchestrator.processes.janitor import Janitor
from orchestrator.scenario.arrivals import NS_PER_S
from orchestrator.scenario.load import ResolvedScenario
from worker_child.paths import OUR_PYTHON
from worker_child.protocol import Note

READY_LIMIT_S = 20.0
STALL_NS = 500_000_000
"""Two beats further apart: what was answered meanwhile came late by our fault."""
SILENCE_LIMIT_NS = 15_000_000_000
"""Before the first job gives its call up, and fails by our fault."""
_TURN_LIMIT_NS = 500_000_000
"""So much of a turn of the parent's counts as silence: it may have been asleep itself."""
STOP_LIMIT_S = 5.0
_READ_BYTES = 65_536


class ProviderProcess:
    """A running provider, tethered to the thread that starts it: start it in the main thread.

    Raises `ProviderError` when it does not come up.
    """

    def __init__(self, scenario: ResolvedScenario, janitor: Janitor) -> None:
        argv = [*OUR_PYTHON, "-m", "orchestrator.load.provider_stub"]
        self._process = subprocess.Popen(
            tethered(argv, signal.SIGKILL, None),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            bufsize=0,
            start_new_session=True,
        )
        janitor.process_group(self._process.pid)
        self._beat_ns = self._looked_ns = time.monotonic_ns()
        self._silence_ns = 0
        self._rest = b""
        try:
            self.url = self._begin(scenario)
        except ProviderError:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def error(self) -> ProviderError | None:
        """Why nobody answers any more; None = it runs."""
        exit_code = self._process.poll()
        if exit_code is None and self._silence_ns > SILENCE_LIMIT_NS:
            return ProviderError(
                f"the provider stub (process {self.pid}) has not had a turn for "
                f"{self._silence_ns / NS_PER_S:.0f} s: external-API jobs would fail by our fault. "
                "Was it stopped by hand?"
            )
        if exit_code is None:
            return None
        return ProviderError(
            f"the provider stub (process {self.pid}) has died, exit code {exit_code}: external-API "
            "jobs would fail by our fault. Was it killed by hand?"
        )

    def stalls(self) -> list[Note]:
        """Notes of the stretches in which it answered nobody, seen since the last call."""
        assert self._process.stdout is not None
        now_ns = time.monotonic_ns()
        self._silence_ns += min(now_ns - self._looked_ns, _TURN_LIMIT_NS)
        self._looked_ns = now_ns
        notes = []
        while select.select([self._process.stdout], [], [], 0)[0]:
            piece = os.read(self._process.stdout.fileno(), _READ_BYTES)
            if not piece:
                break
            *beats, self._rest = (self._rest + piece).split(b"\n")
            notes += [note for beat in beats if (note := self._beat(int(beat))) is not None]
        return notes

    def _beat(self, at_ns: int) -> Note | None:
        stalled_ns, self._beat_ns, self._silence_ns = at_ns - self._beat_ns, at_ns, 0
        if stalled_ns <= STALL_NS:
            return None
        stalled_s = round(stalled_ns / NS_PER_S, 3)
        message = f"the provider stub answered nobody for {stalled_s:.1f} s"
        return Note(at_ns, "provider_stalled", message, {"stalled_s": stalled_s})

    def stop(self) -> None:
        """End the process and wait for it. Stopping twice is harmless."""
        self._process.kill()
        self._process.wait(STOP_LIMIT_S)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _begin(self, scenario: ResolvedScenario) -> str:
        """Hand it the scenario; returns the URL at which it then answers."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(scenario.table).encode() + b"\n")
        except BrokenPipeError:
            raise self._never_ready() from None
        if not select.select([self._process.stdout], [], [], READY_LIMIT_S)[0]:
            raise self._never_ready()
        line = self._process.stdout.readline()
        if not line:
            raise self._never_ready()
        self._beat_ns = self._looked_ns = time.monotonic_ns()
        url: str = json.loads(line)["url"]
        return url

    def _never_ready(self) -> ProviderError:
        return ProviderError(
            f"the provider stub (process {self.pid}) did not say where it is within "
            f"{READY_LIMIT_S:g} s, exit code {self._process.poll()}; what it said is above"
        )


@contextmanager
def provider_of(scenario: ResolvedScenario, janitor: Janitor) -> Iterator[ProviderProcess | None]:
    """The provider of a run while it lasts; None where external-API jobs only sleep."""
    if scenario.scenario.workload.provider == "sleep":
        yield None
        return
    provider = ProviderProcess(scenario, janitor)
    try:
        yield provider
    finally:
        provider.stop()
        janitor.forget_process_group(provider.pid)
