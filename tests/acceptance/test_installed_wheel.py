"""Somebody installs the wheel, stands in an empty folder and knows of no checkout: all works.

An ordinary user does it, who can write neither the installation nor the checkout. It takes some
minutes, most of them for the packages, and is run by `make test-wheel`.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.toolchain import skip_or_fail
from tests.trap import RAISED, set_trap
from tests.wheel import ROOT, build

pytestmark = [pytest.mark.database, pytest.mark.from_wheel, pytest.mark.timeout(1800)]

INSTALL_LIMIT_S = 600.0
COMMAND_LIMIT_S = 400.0
_PYTHONS = ("python3", "python3.14", "python3.13", "python3.12", "python3.11")
_NEW_ENOUGH = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))"
BUILD = """
[build]
toolchain = "python"
minimum = "3.11"
commands = [["{python}", "-m", "venv", "--without-pip", "{out}/venv"]]
"""
_ONLY_IN_A_CHECKOUT = re.compile(
    r"^(?!# In a checkout first).*(?:\.venv|\bmake (?:setup|adapters|matrix|results|report)\b)",
    re.MULTILINE,
)
_PINNED = re.compile(r"^([a-z0-9][\w.-]*==[^ \\;]+)", re.MULTILINE)


@dataclass(frozen=True)
class User:
    """Whoever runs the commands: ourselves, or a user of the test's own where we are root."""

    uid: int
    gid: int

    def run(
        self, argv: list[str], folder: Path, limit_s: float = COMMAND_LIMIT_S
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in `folder`, with the shortest environment that will do."""
        as_other = os.geteuid() == 0
        return subprocess.run(
            argv,
            cwd=folder,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), "COLUMNS": "200"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit_s,
            user=self.uid if as_other else None,
            group=self.gid if as_other else None,
            extra_groups=[] if as_other else None,
        )


@pytest.fixture(scope="module")
def user() -> Iterator[User]:
    if os.geteuid() != 0:
        yield User(os.geteuid(), os.getegid())
        return
    if (useradd := shutil.which("useradd")) is None or (userdel := shutil.which("userdel")) is None:
        skip_or_fail("we are root, and there is no useradd to make an ordinary user with")
    name = f"crashbench-{secrets.token_hex(4)}"
    subprocess.run([useradd, "--system", "--user-group", "--no-create-home", name], check=True)
    try:
        account = pwd.getpwnam(name)
        yield User(account.pw_uid, account.pw_gid)
    finally:
        subprocess.run([userdel, name], check=True, capture_output=True)


@pytest.fixture(scope="module")
def room() -> Iterator[Path]:
    """A folder that everybody may enter, far from the checkout."""
    folder = Path(tempfile.mkdtemp(prefix="cbw-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def programs(user: User, room: Path) -> Path:
    """``bin`` of a fresh environment that holds the wheel and what pip took for it, as pinned.

    Installed by us, so that the local cache of packages serves: the user can only read it.
    """
    python = python_of(user, room)
    wheel = build(room)
    pinned = _PINNED.findall((ROOT / "requirements.lock").read_text())
    assert len(pinned) > 20
    (room / "pinned.txt").write_text("\n".join(pinned))
    environment = room / "environment"
    pip = [str(environment / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    words = ["install", "--quiet", "--constraint", str(room / "pinned.txt"), str(wheel)]
    for argv in ([python, "-m", "venv", str(environment)], [*pip, *words]):
        done = subprocess.run(
            argv, cwd=room, capture_output=True, text=True, timeout=INSTALL_LIMIT_S, umask=0o022
        )
        assert done.returncode == 0, done.stdout + done.stderr
    shutil.rmtree(room / "copy")  # what it was built from is of no use to anybody now
    return environment / "bin"


def python_of(user: User, room: Path) -> str:
    """A Python that the user may run; root's own often lies where nobody else can go."""
    named = [sys.executable, *filter(None, map(shutil.which, _PYTHONS)), "/usr/bin/python3"]
    usable = [python for python in map(os.path.realpath, named) if _is_usable(python, user, room)]
    if not usable:
        skip_or_fail(f"an ordinary user can run none of {', '.join(named)}, or it is too old")
    return usable[0]


def _is_usable(python: str, user: User, room: Path) -> bool:
    try:
        return user.run([python, "-c", _NEW_ENOUGH], room).returncode == 0
    except PermissionError:
        return False


@pytest.fixture(scope="module")
def desk(user: User, room: Path) -> Path:
    """The user's folder, empty but for folders that happen to be called like our packages."""
    folder = room / "desk"
    folder.mkdir()
    for path in (folder, *set_trap(folder).rglob("*")):
        os.chown(path, user.uid, user.gid)
    return folder


def test_the_main_job_its_report_and_an_adapter_of_ones_own(
    user: User, programs: Path, desk: Path
) -> None:
    def crashbench(*words: str) -> str:
        done = user.run([str(programs / "crashbench"), *words], desk)
        said = f"crashbench {' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert done.returncode == 0, said
        assert RAISED not in said
        assert str(ROOT) not in said, "nothing of the checkout takes part"
        assert not _ONLY_IN_A_CHECKOUT.search(said), "what is advised can be done here"
        return done.stdout

    assert "nothing to build" in crashbench("adapters", "pgqueuer")

    crashbench("run", "--scenario", "crash_recovery_short")
    run = "crash_recovery_short-pgqueuer-tuned-001"
    summary = json.loads((desk / "results" / f"{run}.summary.json").read_text())
    assert summary["verdict"] == "pass"
    with (desk / "results" / f"{run}.jsonl").open() as history:
        code = json.loads(history.readline())["fields"]["environment"]["code"]
    assert len(code["sha256"]) == 16
    assert code["commit"] is None

    crashbench("report", "results")
    assert run in (desk / "report.html").read_text()
    assert "crashbench matrix --libraries pgqueuer" in crashbench("results", "results")

    assert f"{programs.parent}" in crashbench("adapter", "new", "my_queue")
    assert "my_queue (tuned) conforms" in crashbench("conformance", "./my_queue")

    tiny = ["--set=workload.duration_s=6", "--set=faults.0.at_s=2", "--set=workload.warmup_s=1"]
    words = ["--presets=tuned", "--scenarios=crash_recovery_short", "--no-control", *tiny]
    crashbench("matrix", "--repetitions=1", "--results=many", *words)
    assert len(list((desk / "many").rglob("*.summary.json"))) == 1


def test_a_librarys_worker_is_built_into_the_users_cache(
    user: User, programs: Path, desk: Path
) -> None:
    """By a build that needs no network."""
    crashbench, name = str(programs / "crashbench"), "built_queue"
    assert user.run([crashbench, "adapter", "new", name], desk).returncode == 0
    with (desk / name / "adapter.toml").open("a") as manifest:
        manifest.write(BUILD)

    done = user.run([crashbench, "adapters", "--build", f"./{name}"], desk)

    assert done.returncode == 0, done.stdout + done.stderr
    (python,) = (desk / ".cache" / "crashbench").glob(f"*/{name}/venv/bin/python")
    assert python.exists()
