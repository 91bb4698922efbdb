"""`crashbench adapters` and `adapter new`: the libraries there are, building them, one more."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from analysis.report.console import HarmlessConsole
from orchestrator.libraries.build import Outcome, Result, Standing, build_library, standing_of
from orchestrator.libraries.library import Library, find_library, known_libraries
from orchestrator.libraries.manifest import Language
from orchestrator.libraries.new_adapter import TEMPLATE_LANGUAGES, WRITE_AN_ADAPTER, new_adapter
from orchestrator.libraries.toolchain import Missing, find_toolchain

EXIT_FAILED = 1


def adapters(
    names: Annotated[
        list[str] | None, typer.Argument(help="Libraries or folders; default: all there are.")
    ] = None,
    build: Annotated[
        bool, typer.Option("--build", help="Build what is not built, or out of date.")
    ] = False,
) -> None:
    """List the libraries, and build what they need.

    Where a toolchain is missing, one line says what to
    install and the rest goes on; that is a failure only where the variable CI is true. Exit code 1
    when a build failed.
    """
    raise typer.Exit(run_adapters(names or (), HarmlessConsole(), build=build))


def adapter_new(
    name: Annotated[str, typer.Argument(help="The library's name: small letters, digits and _.")],
    language: Annotated[
        Language, typer.Option(help=f"The worker's language: {', '.join(TEMPLATE_LANGUAGES)}.")
    ] = "python",
    into: Annotated[Path, typer.Option(help="Where its folder is made.")] = Path(),
) -> None:
    """Write an adapter that works as it stands, to begin with.

    It has a small queue of its own, which is to be replaced.

    crashbench adapter new my_queue --language go

    crashbench conformance ./my_queue
    """
    folder = new_adapter(name, language, into)
    words = str(folder) if "/" in str(folder) else f"./{folder}"
    needs_build = find_library(words).build is not None
    console = HarmlessConsole()
    for line in (
        f"written: {folder}",
        *[f"build it: crashbench adapters --build {words}"] * needs_build,
        f"check it: crashbench conformance {words}",
        f"go on as its README.md and {WRITE_AN_ADAPTER} say",
    ):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def run_adapters(
    names: Sequence[str], console: Console, *, build: bool, root: Path | None = None
) -> int:
    """List the libraries called `names`, all of them without any; `build` first.

    Returns the exit code: 1 when a build failed, or in CI when a toolchain was missing. Raises
    `UnknownNameError`, `ManifestError`.
    """
    libraries = [find_library(name) for name in names] if names else known_libraries()
    outcomes = [_built(library, console, root) for library in libraries] if build else []
    _print_table(libraries, console, root)
    return EXIT_FAILED if any(_is_failure(outcome) for outcome in outcomes) else 0


def _built(library: Library, console: Console, root: Path | None) -> Outcome:
    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    outcome = build_library(library, say, root)
    if outcome.result is Result.TOOLCHAIN_MISSING:
        say(f"{library.name}: left out, {outcome.text}")
    elif outcome.result is Result.REFUSED:
        say(f"left out: {outcome.text}")
    elif outcome.result is Result.FAILED:
        say(f"{library.name}: the build failed, {outcome.text}")
    return outcome


def _is_failure(outcome: Outcome) -> bool:
    """A machine without Go or Node is no fault of the user's; one that is to test them all is."""
    if outcome.result is Result.TOOLCHAIN_MISSING:
        return os.environ.get("CI") == "true"
    return outcome.result is Result.FAILED


def _print_table(libraries: Sequence[Library], console: Console, root: Path | None) -> None:
    table = Table(box=None, padding=(0, 2))
    for title in ("library", "language", "worker", "what to do"):
        table.add_column(title, no_wrap=title != "what to do")
    for library in libraries:
        standing = standing_of(library, root)
        table.add_row(library.name, library.language, standing.value, _advice(library, standing))
    console.print(table)


def _advice(library: Library, standing: Standing) -> str:
    if library.build is None or standing is Standing.BUILT:
        return ""
    if standing is Standing.REFUSED:
        return "crashbench adapters --build, where Go is given the module"
    toolchain = find_toolchain(library.build)
    return toolchain.remedy if isinstance(toolchain, Missing) else "crashbench adapters --build"
