"""The command line: what ``crashbench`` and ``python -m orchestrator`` understand."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import typer
from typer.core import TyperGroup

from analysis import commands as reading
from analysis.report.console import HarmlessFormatter, complain, world_in_a_sentence
from orchestrator.commands.adapters import adapter_new, adapters
from orchestrator.commands.calibration.command import calibrate
from orchestrator.commands.conformance.command import conformance
from orchestrator.commands.crash_points.command import crash_points
from orchestrator.commands.faults.command import faults
from orchestrator.commands.matrix.command import matrix
from orchestrator.commands.reproduce import reproduce
from orchestrator.commands.run import run
from orchestrator.errors import CrashbenchError, Interrupted

EXIT_INTERRUPTED = 130
"""128 + SIGINT, as a shell would say it: an interrupted run has no verdict."""
DEFAULT_COMMAND = "run"
_HELP = ("-h", "--help")


class Section(NamedTuple):
    """A paragraph of the help page: its title, and its commands by the words that call them."""

    title: str
    commands: dict[str, Callable[..., None]]


SECTIONS = (
    Section(
        "Measure",
        {
            "run": run,
            "matrix": matrix,
            "crash-points": crash_points,
            "faults": faults,
            "reproduce": reproduce,
        },
    ),
    Section(
        "Look at what was measured",
        {
            "report": reading.report_command,
            "results": reading.results_command,
            "judge": reading.summary_command,
            "explain": reading.explain_command,
            "jobs": reading.jobs_command,
        },
    ),
    Section(
        "Bring a queue, and check the instrument",
        {
            "adapters": adapters,
            "adapter new": adapter_new,
            "conformance": conformance,
            "calibrate": calibrate,
        },
    ),
)
"""Every command, in the order in which a newcomer needs them."""


class Commands(TyperGroup):
    """Prints the commands by `SECTIONS`, those of a group by both of their words."""

    # Any: typer has a click of its own, whose types have no public name.
    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """See click."""
        for section in SECTIONS:
            with formatter.section(section.title):
                formatter.write_dl([(words, _purpose(f)) for words, f in section.commands.items()])


def _purpose(command: Callable[..., None]) -> str:
    """The first line of what it says of itself."""
    return (command.__doc__ or "").partition("\n")[0]


def _application() -> typer.Typer:
    options: dict[str, Any] = {
        "add_completion": False,
        "context_settings": {"help_option_names": list(_HELP)},
        "rich_markup_mode": None,
        "pretty_exceptions_enable": False,
    }
    made = typer.Typer(cls=Commands, help=_WHAT_IT_IS, **options)
    groups: dict[str, typer.Typer] = {}
    for section in SECTIONS:
        for words, function in section.commands.items():
            group, _, name = words.rpartition(" ")
            if group and group not in groups:
                groups[group] = typer.Typer(
                    help="Write an adapter of your own.", no_args_is_help=True, **options
                )
                made.add_typer(groups[group], name=group)
            groups.get(group, made).command(name)(function)
    return made


_WHAT_IT_IS = """\
What does a PostgreSQL job queue do when its worker is killed?

Without a command it is `crashbench run`, which alone carries out the main job: two minutes of
pgqueuer with a SIGKILL in the middle. Each command tells more with --help.

  crashbench run --scenario crash_recovery_short

  crashbench report results/crash_recovery_short-pgqueuer-tuned-001.jsonl
"""

app = _application()


def with_command(arguments: list[str]) -> list[str]:
    """The words with their command: nothing, or an option in its place, means a run."""
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in _HELP):
        return [DEFAULT_COMMAND, *arguments]
    return arguments


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; an error of the world is a sentence on stderr and an exit code."""
    if not sys.platform.startswith("linux"):
        sys.exit("crashbench runs on Linux only: it rests on PR_SET_PDEATHSIG and subreapers")
    logging.basicConfig(level=logging.WARNING)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(HarmlessFormatter("%(levelname)s: %(message)s"))
    logging.getLogger("orchestrator").setLevel(logging.INFO)
    try:
        with world_in_a_sentence("crashbench"):
            given = sys.argv[1:] if arguments is None else arguments
            app(with_command(given), prog_name="crashbench")
    except CrashbenchError as error:
        complain(error, "crashbench")
        sys.exit(error.exit_code)
    except Interrupted:
        sys.stderr.write("crashbench: interrupted; what had been recorded is kept\n")
        sys.exit(EXIT_INTERRUPTED)
