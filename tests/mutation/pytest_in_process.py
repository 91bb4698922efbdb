"""pytest inside this process: how it is called, and single tests of what it has collected."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest

import pytest
from _pytest.runner import runtestprotocol

SEES = "not (width or stalled_parent or lacks_a_row)"
"""Tests that ask something else, or the oracle: slow, and no mutant dies of them alone."""
UNREWRITTEN = ("-W", "ignore:Module already imported so cannot be rewritten")
PLUGINS = ("-p", "pytest_timeout", "-p", "_hypothesis_pytestplugin", "-p", "no:cacheprovider")
"""Looking for others takes longer than most mutants live."""
QUIET = ("-q", "-x", "--capture=sys", "-m", "not database", "-k", SEES, *PLUGINS, *UNREWRITTEN)
LONGEST_S = 600
"""Of the wall's clock, for a test that waits for ever."""
MOST_BYTES = 8 << 30
"""Of address space: a mutant that wants more than this has gone astray."""
NO_JUDGEMENT = 70
"""What a fork ends with in which something broke that is no test."""
TOO_LONG = (-signal.SIGXCPU, -signal.SIGALRM, -signal.SIGKILL)


class Loop:
    """A plugin that does something of its own with what pytest has collected."""

    def __init__(self, do: Callable[[list[pytest.Item]], None]) -> None:
        self._do = do

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Instead of running the tests one after another."""
        if session.testsfailed:
            raise session.Interrupted(f"{session.testsfailed} errors during collection")
        self._do(session.items)
        return True


def with_collected(
    arguments: Iterable[str], do: Callable[[list[pytest.Item]], None]
) -> int | pytest.ExitCode:
    """Collect, call `do` with the tests, and return pytest's exit code."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    return pytest.main([*QUIET, *arguments], plugins=[Loop(do)])


def failure_of(item: pytest.Item, following: pytest.Item | None) -> str | None:
    """Run one test here; None = it passes, else what pytest says of it."""
    reports = runtestprotocol(item, log=False, nextitem=following)
    failed = [report.longreprtext for report in reports if report.failed]
    return failed[0] if failed else None


def first_failing(items: Sequence[pytest.Item]) -> pytest.Item | None:
    """The first of these tests that fails; the others after it are not asked."""
    for item, following in zip_longest(items, items[1:]):
        if failure_of(item, following) is not None:
            return item
    return None


def in_fork(do: Callable[[], int], cpu_s: float) -> int:
    """What `do` returns in a fork of this process; negative = the signal that ended it.

    One that uses more than `cpu_s` of a processor, or waits for `LONGEST_S`, is ended by one of
    `TOO_LONG`; so a busy machine decides nothing. Raises RuntimeError where `do` itself broke.
    """
    child = os.fork()
    if child == 0:
        code = NO_JUDGEMENT
        try:
            os.setsid()
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, LONGEST_S)
            whole_s = int(cpu_s) + 1
            resource.setrlimit(resource.RLIMIT_CPU, (whole_s, whole_s + 5))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
            code = do()
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)
            raise
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(ProcessLookupError):  # it left nobody behind
        os.killpg(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(status)
    if code == NO_JUDGEMENT:
        raise RuntimeError("a fork broke before its tests had judged anything")
    return code
