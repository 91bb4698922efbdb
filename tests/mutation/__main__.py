"""`make mutation`: changes what judges, bit by bit, and sees that a unit test fails each time.

cosmic-ray makes the mutants and keeps their sessions in .mutation/, one a module, so that an
interrupted run goes on where it was. A module that has changed is judged anew; where only tests
have, `--again` judges the survivors once more. Mutants live in memory alone: no file of the
checkout is ever changed. Exit 0 = SURVIVORS.md lists every survivor and nothing else; 1 = it does
not; 2 = the tests of a module fail already without a mutant.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Annotated

import typer
from rich.console import Console

from tests.examples import MUTATION, PROFILE_VARIABLE
from tests.mutation.judged import ROOT, asked_about, judged
from tests.mutation.mutants import forget_survivors, open_session
from tests.mutation.survivors import LISTED, Tally, disagreements, listed, tally
from tests.mutation.touched import is_known

FOLDER = ROOT / ".mutation"


def in_parallel(what: str, options: list[str], shares: list[list[str]]) -> bool:
    """Run a module of this package once for each share that is not empty; whether all went well."""
    environment = os.environ | {PROFILE_VARIABLE: MUTATION}
    argv = [sys.executable, "-m", f"tests.mutation.{what}", str(FOLDER), " ".join(options)]
    running = [
        subprocess.Popen([*argv, *share], cwd=ROOT, env=environment) for share in shares if share
    ]
    codes = [one.wait() for one in running]
    return not any(codes)


def judge(modules: list[str], options: list[str], jobs: int) -> bool:
    """Judge what is pending of some modules, those with the fewest mutants first."""
    pending = {
        module: tally(module, open_session(FOLDER, module, ROOT / module)).pending
        for module in modules
    }
    left = sorted((module for module in modules if pending[module]), key=lambda m: pending[m])
    asked = sorted({tests for module in left for tests in asked_about(module)})
    unseen = [tests for tests in asked if not is_known(FOLDER, tests, left)]
    if not in_parallel("touched", options, [unseen[job::jobs] for job in range(jobs)]):
        return False
    return in_parallel("one_job", options, [left[job::jobs] for job in range(jobs)])


def show(tallies: list[Tally]) -> None:
    """A line for each module, and one for all."""
    console = Console(highlight=False)
    for one in tallies:
        console.print(
            f"{one.module}: {one.killed} of {one.killed + one.survived} killed"
            f" ({one.score:.1%}){f', {one.pending} to come' if one.pending else ''}"
        )
    killed, survived = sum(t.killed for t in tallies), sum(t.survived for t in tallies)
    whole = Tally("all", killed, survived)
    console.print(f"all: {killed} of {killed + survived} killed ({whole.score:.1%})")


def main(
    files: Annotated[list[str] | None, typer.Argument(help="modules; none = all judged")] = None,
    again: Annotated[bool, typer.Option(help="judge the survivors of before once more")] = False,
    jobs: Annotated[int, typer.Option(min=1, help="so many modules at a time")] = 2,
    deselect: Annotated[list[str] | None, typer.Option(help="a test to leave out")] = None,
) -> None:
    """Mutate, judge, and hold the survivors against SURVIVORS.md."""
    modules = files or judged()
    FOLDER.mkdir(exist_ok=True)
    if again:
        for module in modules:
            forget_survivors(open_session(FOLDER, module, ROOT / module))
    options = [f"--deselect={test}" for test in deselect or []]
    whole = judge(modules, options, jobs)
    tallies = [tally(module, open_session(FOLDER, module, ROOT / module)) for module in modules]
    show(tallies)
    said = disagreements(tallies, listed(LISTED.read_text()))
    for line in said:
        typer.echo(line)
    raise typer.Exit(int(bool(said)) if whole else 2)


if __name__ == "__main__":
    typer.run(main)
