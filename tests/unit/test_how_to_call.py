"""What is printed as the next command can be typed as it stands, wherever Crashbench lies."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from orchestrator.commands.program import crashbench_words


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``bin`` of an environment that holds Crashbench; the shell finds none, and stands beside."""
    programs = tmp_path / "home" / "environment" / "bin"
    programs.mkdir(parents=True)
    _make_program(programs / "crashbench")
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    return programs


def _make_program(path: Path) -> None:
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)


def test_where_the_shell_does_not_find_it_it_is_called_by_its_path(environment: Path) -> None:
    assert crashbench_words() == [str(environment / "crashbench")]


def test_a_path_that_begins_here_is_a_short_one(
    environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(environment.parents[1])
    assert crashbench_words() == ["environment/bin/crashbench"]


def test_where_the_environment_is_active_the_name_will_do(
    environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(environment))
    assert crashbench_words() == ["crashbench"]


def test_a_link_to_it_that_the_shell_finds_is_as_good(
    environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = tmp_path / "links"
    links.mkdir()
    (links / "crashbench").symlink_to(environment / "crashbench")
    monkeypatch.setenv("PATH", str(links))
    assert crashbench_words() == ["crashbench"]


def test_another_installation_of_that_name_is_not_taken_for_this_one(
    environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _make_program(tmp_path / "crashbench")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert crashbench_words() == [str(environment / "crashbench")]


def test_without_a_script_the_module_is_called(environment: Path) -> None:
    (environment / "crashbench").unlink()
    assert crashbench_words() == [str(environment / "python"), "-m", "orchestrator"]
