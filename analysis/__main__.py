"""`python -m analysis results/`: judges histories, writes their summaries and prints them."""

from __future__ import annotations

import sys
from collections.abc import Callable

import typer

from analysis.commands import (
    explain_command,
    jobs_command,
    report_command,
    results_command,
    schema_command,
    summary_command,
)
from analysis.report.console import world_in_a_sentence

COMMANDS: dict[str, Callable[..., None]] = {
    "summary": summary_command,
    "explain": explain_command,
    "jobs": jobs_command,
    "results": results_command,
    "report": report_command,
    "schema": schema_command,
}
"""`crashbench` calls the first one `judge`, and has no use for the last one."""

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="Judge what a crash did to every job. The histories (JSONL) are the only input.",
)
for name, command in COMMANDS.items():
    app.command(name)(command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a path in place of a command means `summary`."""
    given = sys.argv[1:] if arguments is None else arguments
    if given and not given[0].startswith("-") and given[0] not in COMMANDS:
        given = ["summary", *given]
    with world_in_a_sentence("error"):
        app(given, prog_name="python -m analysis")


if __name__ == "__main__":
    main()
