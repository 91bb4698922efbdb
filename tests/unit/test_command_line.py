"""One program: its commands, its help, and what it takes a line without a command for."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from analysis import __main__ as reading
from orchestrator.commands import cli
from tests.histories.side_by_side import compared, write

COMMANDS = [words for section in cli.SECTIONS for words in section.commands]


def help_of(*words: str) -> str:
    result = CliRunner().invoke(cli.app, [*words, "--help"], env={"COLUMNS": "80"})
    assert result.exit_code == 0, result.output
    return result.output


def test_the_commands_are_those_and_in_that_order() -> None:
    assert [
        *("run", "matrix", "crash-points", "faults", "reproduce"),
        *("report", "results", "judge", "explain", "jobs"),
        *("adapters", "adapter new", "conformance", "calibrate"),
    ] == COMMANDS


def test_one_page_has_every_command_with_its_purpose_on_one_line() -> None:
    lines = help_of().splitlines()
    begun = [line.strip().partition("  ")[0] for line in lines]
    assert [name for name in begun if name in COMMANDS] == COMMANDS
    assert max(map(len, lines)) <= 80
    for section in cli.SECTIONS:
        for words, function in section.commands.items():
            purpose = (function.__doc__ or "").partition("\n")[0]
            assert any(words in line and purpose in line for line in lines), words


@pytest.mark.parametrize("words", COMMANDS)
def test_each_command_has_a_page_of_its_own_that_fits_a_terminal(words: str) -> None:
    assert max(map(len, help_of(*words.split()).splitlines())) <= 80


@pytest.mark.parametrize(
    ("given", "means"),
    [
        ([], ["run"]),
        (["--mode=parent"], ["run", "--mode=parent"]),
        (["--scenario", "steady"], ["run", "--scenario", "steady"]),
        (["run", "--scenario", "steady"], ["run", "--scenario", "steady"]),
        (["matrix"], ["matrix"]),
        (["--help"], ["--help"]),
        (["-h"], ["-h"]),
    ],
)
def test_a_line_without_a_command_means_a_run(given: list[str], means: list[str]) -> None:
    assert cli.with_command(given) == means


def test_what_reads_histories_is_the_same_function_in_both_programs() -> None:
    shown = dict(cli.SECTIONS[1].commands)
    assert shown.pop("judge") is reading.COMMANDS["summary"]
    assert shown == {name: reading.COMMANDS[name] for name in shown}
    assert reading.COMMANDS.keys() - shown == {"summary", "schema"}, "the schema is for developers"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("--library=pgqueue", ["no library 'pgqueue'", 'did you mean "pgqueuer"?']),
        ("--preset=tunde", ["no preset 'tunde'", 'did you mean "tuned"?']),
        ("--preset=zzz", ["no preset 'zzz'; there are", "tuned"]),
        ("--set=workload.rate_s=3", ["workload.rate_s", 'did you mean "rate_per_s"?']),
        ("--scenario=/nowhere/my.toml", ["/nowhere/my.toml", "No such file"]),
        ("--ordinal=0", ["--ordinal", "greater than or equal to 1"]),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_one_or_with_all(
    given: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results"
    with pytest.raises(SystemExit) as left:
        cli.main([given, f"--results={results}"])
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert [word for word in words if word not in said] == []
    assert not results.exists()


def test_a_setting_that_is_unknown_is_one_sentence_and_exit_code_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["--scenario", "crash_recovery_short", "--setting", "heartbeat_timeot_s=4"]
    with pytest.raises(SystemExit) as left:
        cli.main(words)
    assert left.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert 'did you mean "heartbeat_timeout_s"?' in line


def test_a_report_that_cannot_be_written_is_one_sentence_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history = write(compared("tuned", 1), tmp_path)
    with pytest.raises(SystemExit) as left:
        cli.main(["report", str(history), "--output", str(tmp_path / "nowhere" / "report.html")])
    assert left.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "No such file or directory" in line
