"""The parent's hold on the provider stub, the third party of a run's external-API jobs."""

from __future__ import annotations

import json
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.errors import ProviderError
from orchestrator.janitor import Janitor
from orchestrator.scenario import resolved
from orchestrator.scenario_types import Scenario
from orchestrator.tether import tethered

READY_LIMIT_S = 20.0
STOP_LIMIT_S = 5.0
_IMPORT_ROOT = Path(__file__).resolve().parent.parent


class ProviderProcess:
    """A running provider, tethered to the thread that starts it: start it in the main thread.

    Raises `ProviderError` when it does not come up.
    """

    def __init__(self, scenario: Scenario, janitor: Janitor) -> None:
        argv = [sys.executable, "-m", "orchestrator.provider_stub"]
        self._process = subprocess.Popen(
            tethered(argv, signal.SIGKILL, None),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=_IMPORT_ROOT,
            bufsize=0,
            start_new_session=True,
        )
        janitor.process_group(self._process.pid)
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
        if exit_code is None:
            return None
        return ProviderError(
            f"the provider stub (process {self.pid}) has died, exit code {exit_code}: external-API "
            "jobs would fail by our fault. Was it killed by hand?"
        )

    def stop(self) -> None:
        """End the process and wait for it. Stopping twice is harmless."""
        self._process.kill()
        self._process.wait(STOP_LIMIT_S)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _begin(self, scenario: Scenario) -> str:
        """Hand it the scenario; returns the URL at which it then answers."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(resolved(scenario)).encode() + b"\n")
        except BrokenPipeError:
            raise self._never_ready() from None
        if not select.select([self._process.stdout], [], [], READY_LIMIT_S)[0]:
            raise self._never_ready()
        line = self._process.stdout.readline()
        if not line:
            raise self._never_ready()
        url: str = json.loads(line)["url"]
        return url

    def _never_ready(self) -> ProviderError:
        return ProviderError(
            f"the provider stub (process {self.pid}) did not say where it is within "
            f"{READY_LIMIT_S:g} s, exit code {self._process.poll()}; what it said is above"
        )


@contextmanager
def provider_of(scenario: Scenario, janitor: Janitor) -> Iterator[ProviderProcess | None]:
    """The provider of a run while it lasts; None where external-API jobs only sleep."""
    if scenario.workload.provider == "sleep":
        yield None
        return
    provider = ProviderProcess(scenario, janitor)
    try:
        yield provider
    finally:
        provider.stop()
        janitor.forget_process_group(provider.pid)
