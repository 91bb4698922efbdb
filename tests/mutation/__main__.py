"""`make mutation`: changes what judges, bit by bit, and sees that a unit test fails each time.

cosmic-ray makes the mutants and keeps their sessions in .mutation/, one a module, so that an
interrupted run goes on where it was. A module that has changed is judged anew; where only tests
have, `--again` judges the survivors once more. Each job works in a copy of the tree: the checkout
itself is never changed. Exit 0 = SURVIVORS.md lists every survivor and nothing else; 1 = it does
not; 2 = the tests of a module fail already without a mutant.
"""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tests.examples import MUTATION, PROFILE_VARIABLE
from tests.mutation.judged import ROOT, judged
from tests.mutation.mutants import forget_survivors, open_session
from tests.mutation.survivors import LISTED, Tally, disagreements, listed, tally

FOLDER = ROOT / ".mutation"
NOT_COPIED = (".git", ".venv", ".adapters", ".mutation", ".*_cache", "__pycache__", "node_modules")
MADE = ("build", "dist", "results", "*.egg-info")


def copy_tree(number: int) -> Path:
    """A fresh copy of the checkout for one job to change."""
    tree = FOLDER / f"tree{number}"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(ROOT, tree, ignore=_left_out)
    return tree


def _left_out(folder: str, names: list[str]) -> set[str]:
    made = MADE if Path(folder) == ROOT else ()
    return shutil.ignore_patterns(*NOT_COPIED, *made)(folder, names)


def judge_module(module: str, again: bool, options: list[str], trees: queue.Queue[Path]) -> int:
    """Judge what is pending of one module, in the next free tree. Returns the exit code."""
    tree = trees.get()
    try:
        session = open_session(FOLDER, module, ROOT / module)
        if again:
            forget_survivors(session)
        if tally(module, session).pending == 0:
            return 0
        argv = [sys.executable, "-m", "tests.mutation.one_module", module, str(session), *options]
        environment = os.environ | {PROFILE_VARIABLE: MUTATION}
        return subprocess.run(argv, cwd=tree, env=environment, check=False).returncode
    finally:
        trees.put(tree)


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
    trees: queue.Queue[Path] = queue.Queue()
    for number in range(min(jobs, len(modules))):
        trees.put(copy_tree(number))
    options = [f"--deselect={test}" for test in deselect or []]
    with ThreadPoolExecutor(trees.qsize()) as pool:
        codes = list(pool.map(lambda module: judge_module(module, again, options, trees), modules))
    tallies = [tally(module, open_session(FOLDER, module, ROOT / module)) for module in modules]
    show(tallies)
    said = disagreements(tallies, listed(LISTED.read_text()))
    for line in said:
        typer.echo(line)
    raise typer.Exit(2 if any(codes) else int(bool(said)))


if __name__ == "__main__":
    typer.run(main)
