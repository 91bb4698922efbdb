"""A built program, asked for one thing: its answer, or a sentence that says what failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from worker_child.adapters import program
from worker_child.adapters.program import NotBuiltError, ProgramFailedError, ask_program

SCRIPT = """#!/bin/sh
case "$1" in
  version) echo "1.2.3" ;;
  install) echo "$CRASHBENCH_DSN" ;;
  break) echo "no such database" >&2; exit 4 ;;
  *) exec sleep 600 ;;
esac
"""


@pytest.fixture(autouse=True)
def _made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "built_root", lambda: tmp_path)
    worker = tmp_path / "made" / "worker"
    worker.parent.mkdir()
    worker.write_text(SCRIPT)
    worker.chmod(0o755)


def test_what_it_prints_is_the_answer() -> None:
    assert ask_program("made", "version") == "1.2.3"


def test_the_dsn_goes_by_the_environment() -> None:
    assert ask_program("made", "install", dsn="dbname=x password=y") == "dbname=x password=y"


def test_a_failure_quotes_what_it_said() -> None:
    with pytest.raises(ProgramFailedError, match=r"`break` and .* code 4; it said: no such data"):
        ask_program("made", "break")


def test_one_that_never_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "LIMIT_S", 0.2)
    with pytest.raises(ProgramFailedError, match=r"not done within 0\.2 s"):
        ask_program("made", "hang")


def test_one_that_was_never_built_says_what_to_do() -> None:
    with pytest.raises(NotBuiltError, match="crashbench adapters --build"):
        ask_program("unmade", "version")
