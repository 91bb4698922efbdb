"""`crashbench calibrate`: the controls carried out, and expected laid beside found."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import typer

from analysis.report.console import HarmlessConsole
from orchestrator.commands.calibration.controls import all_trials
from orchestrator.commands.calibration.table import print_outcomes, print_progress, print_prospect
from orchestrator.commands.calibration.trials import carry_out_trials, exit_code_of, server_for_all
from orchestrator.commands.options import Dsn, Results
from orchestrator.history.files import require_writable


def calibrate(dsn: Dsn = None, results: Results = Path("results/calibration")) -> None:
    """Run the five control queues: is the instrument right?

    What each of them does is known, and is laid beside what is found. Each is run with every place
    held at a known point, with a kill at an instant and with a pause. Takes about a minute.
    Exit codes: 0 as expected, 1 a difference: the instrument is then at fault, 2 a run could not be
    carried out.
    """
    console, trials = HarmlessConsole(), all_trials()
    done = count(1)
    require_writable(results)
    print_prospect(trials, console)
    with server_for_all(dsn) as server_dsn:
        outcomes = carry_out_trials(
            trials,
            dsn=server_dsn,
            results=results,
            observe=lambda outcome: print_progress(outcome, next(done), len(trials), console),
        )
    print_outcomes(outcomes, console)
    raise typer.Exit(exit_code_of(outcomes))
