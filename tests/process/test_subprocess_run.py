"""A run as a process of its own: bounded, interruptible, tethered to us, and quoted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.commands.crash_points.workloads import Ability, listing_scenario
from orchestrator.errors import Interrupted
from orchestrator.processes import linux
from orchestrator.run.request import DSN_VARIABLE, make_request
from orchestrator.run.subprocess_run import (
    AT_ONCE,
    IsInterrupted,
    each_as_it_ends,
    longest_s,
    run_argv,
    wait_for,
)
from orchestrator.scenario.load import resolve_scenario
from worker_child.adapters.contract import Preset
from worker_child.paths import OUR_PYTHON

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "tests" / "scenarios" / "tiny_kill.toml"
LIMIT_S = 20.0
SAYS_ITS_PID = (
    "import os, sys, time\nwith open(sys.argv[1], 'w') as file: print(os.getpid(), file=file)\n"
)
SLEEPS = SAYS_ITS_PID + "time.sleep(600)"
TAKES_LEAVE = (
    "import signal\n"
    "signal.signal(signal.SIGTERM, lambda *_: sys.exit(open(sys.argv[1] + '.left', 'w').close()))\n"
)


def python(code: str, *arguments: object) -> list[str]:
    return [sys.executable, "-c", code, *map(str, arguments)]


def until(what: str, condition: Callable[[], bool]) -> None:
    give_up_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < give_up_s, what
        time.sleep(0.02)


def pid_in(file: Path) -> int:
    until("its pid", lambda: file.exists() and file.read_text().endswith("\n"))
    return int(file.read_text())


def alive(pid: int) -> bool:
    process = linux.read(pid)
    return process is not None and process.alive


def test_it_tells_the_exit_code_and_the_last_lines_of_both_streams() -> None:
    code = "import sys\nfor n in range(99): print(n, flush=True)\nsys.exit('no server')"
    ended = wait_for(python(code), limit_s=LIMIT_S)
    first, *rest = ended.said.splitlines()
    assert (ended.exit_code, first) == (1, "the run ended with exit code 1:")
    assert rest == [*map(str, range(85, 99)), "no server"]
    assert 0 < ended.took_s < LIMIT_S


@pytest.mark.parametrize(
    ("code", "judged"), [(0, True), (1, True), (2, False), (3, True), (-9, False)]
)
def test_a_complaint_is_what_came_to_no_verdict(code: int, judged: bool) -> None:
    dies = f"import os, sys; os.kill(os.getpid(), 9) if {code} < 0 else sys.exit({code})"
    ended = wait_for(python(dies), limit_s=LIMIT_S)
    assert ended.exit_code == code
    assert ended.complaint == (None if judged else ended.said)


def test_at_its_limit_it_is_ended_and_that_is_said(tmp_path: Path) -> None:
    argv = python(SLEEPS, tmp_path / "pid")
    ended = wait_for(argv, limit_s=1.5, name="its analysis")
    assert (ended.exit_code, ended.complaint) == (None, "its analysis did not end within 2 s")
    assert not alive(pid_in(tmp_path / "pid"))


def test_an_interruption_lets_it_end_in_good_order(tmp_path: Path) -> None:
    file, heard = tmp_path / "pid", list[float]()
    with pytest.raises(Interrupted):
        wait_for(
            python("import sys\n" + TAKES_LEAVE + SLEEPS, file),
            limit_s=600.0,
            tick=heard.append,
            interrupted=lambda: file.exists() and file.read_text().endswith("\n"),
        )
    assert not alive(pid_in(file))
    assert Path(f"{file}.left").exists(), "it was killed outright"
    assert heard == sorted(heard)
    assert heard[0] < 1.0


def test_it_dies_with_us(tmp_path: Path) -> None:
    waits = (
        "from orchestrator.run.subprocess_run import wait_for\n"
        f"wait_for({python(SLEEPS, tmp_path / 'pid')!r}, limit_s=600.0)"
    )
    with subprocess.Popen(python(waits), cwd=ROOT) as parent:
        pid = pid_in(tmp_path / "pid")
        parent.kill()
    until("the end of the run", lambda: not alive(pid))


def test_the_dsn_goes_by_the_environment_and_stands_on_no_command_line() -> None:
    code = f"import os, sys; print(os.environ[{DSN_VARIABLE!r}], sys.argv)"
    ended = wait_for(python(code), limit_s=LIMIT_S, dsn="host=here password=secret")
    assert ended.said.splitlines()[-1] == "host=here password=secret ['-c']"


def test_a_command_that_is_not_there_has_not_run() -> None:
    ended = wait_for([str(ROOT / "no_such_program")], limit_s=LIMIT_S)
    assert ended.complaint is not None
    assert "no_such_program" in ended.complaint


def test_the_command_line_asks_for_what_the_request_asks_for(tmp_path: Path) -> None:
    overrides = ("workload.duration_s=1", "faults=[]", "expectations={}")
    request = make_request(
        resolve_scenario(str(TINY), overrides),
        library="pgqueuer",
        preset="stock",
        ordinal=7,
        dsn="password=secret",
        results=tmp_path,
        overwrite=True,
        settings=("heartbeat_timeout_s=4",),
    )
    words = run_argv(request)[len([*OUR_PYTHON, "-m", "orchestrator"]) :]
    sets = [word for word in words if word.startswith("--set=")]
    settings = [word for word in words if word.startswith("--setting=")]
    flags = {*sets, *settings, "--overwrite"}
    options = dict(word.split("=", 1) for word in words if word not in flags)
    again = make_request(
        resolve_scenario(
            options["--scenario"],
            [word.removeprefix("--set=") for word in sets],
        ),
        library=options["--library"],
        preset=options["--preset"],
        ordinal=int(options["--ordinal"]),
        dsn=None,
        results=Path(options["--results"]),
        overwrite="--overwrite" in words,
        settings=[word.removeprefix("--setting=") for word in settings],
    )
    assert (again.preset, again.changes) == (request.preset, {"heartbeat_timeout_s": 4.0})
    assert (again.run_id, again.resolved.digest) == (request.run_id, request.resolved.digest)
    assert (again.results, again.overwrite) == (request.results, request.overwrite)
    assert "secret" not in " ".join(words)


def test_all_are_done_two_at_a_time_and_each_comes_as_it_ends() -> None:
    lock, at_work, most = threading.Lock(), set[int](), list[int]()
    both = threading.Barrier(AT_ONCE)

    def work(item: int, interrupted: IsInterrupted) -> int:
        with lock:
            at_work.add(item)
            most.append(len(at_work))
        both.wait(LIMIT_S)
        with lock:
            at_work.discard(item)
        assert not interrupted()
        return item * item

    assert dict(each_as_it_ends(work, range(6))) == {item: item * item for item in range(6)}
    assert max(most) == AT_ONCE


def test_a_ctrl_c_ends_what_is_under_way_and_starts_nothing_more(tmp_path: Path) -> None:
    def work(item: int, interrupted: IsInterrupted) -> None:
        wait_for(python(SLEEPS, tmp_path / str(item)), limit_s=600.0, interrupted=interrupted)

    def press() -> None:
        for item in range(AT_ONCE):
            pid_in(tmp_path / str(item))
        os.kill(os.getpid(), signal.SIGINT)

    presser = threading.Thread(target=press)
    presser.start()
    with pytest.raises(Interrupted):
        list(each_as_it_ends(work, range(5)))
    presser.join()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1"]
    assert not any(alive(pid_in(path)) for path in tmp_path.iterdir())


def test_a_run_in_waves_may_take_as_long_as_each_of_them_and_the_time_without_jobs() -> None:
    watched = listing_scenario(
        "single",
        Ability(fans_out=False, retries=False, least=(1, 1)),
        Preset(name="stock", settings={}, rescue=None, periods_s={"beat": 50.0}),
    )
    unwatched = listing_scenario(
        "single",
        Ability(fans_out=True, retries=True, least=(1, 1)),
        Preset(name="stock", settings={}, rescue=None, periods_s={}),
    )
    a_wave_s = watched.limits.drain_s + watched.limits.turn_s
    longest = longest_s(watched) - longest_s(unwatched)
    assert longest == pytest.approx(
        watched.workload.idle_s - unwatched.workload.idle_s - 2 * a_wave_s
    )
