"""What reads histories and says something of them: the commands, for whichever program has them.

`python -m analysis` has them by themselves, so that histories can be read where no run can be
carried out; `crashbench` has them beside its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from analysis.compare import crash_points
from analysis.compare.crash_points import CrashPoints
from analysis.errors import AnalysisError, NoSuchHistoryError, OutputError
from analysis.report import crash_points_page, fault_tables, faults_page
from analysis.report.console import HarmlessConsole, HarmlessText, complain, harmless
from analysis.report.explain import explain
from analysis.report.fault_tables import FaultTable
from analysis.report.html.page import report_page
from analysis.report.jobs_table import FORMATS, job_rows
from analysis.report.results_page import FURTHER, measured, results_page
from analysis.report.scenario_page import MADE_BY, scenario_pages
from analysis.report.terminal import last_words, print_summary
from analysis.section import seconds
from analysis.summary.schema import SCHEMA, schema_text
from analysis.summary.summary import write_summary
from analysis.summary.verdict import worst

Run = Annotated[Path, typer.Argument(metavar="RUN", help="A history: <run_id>.jsonl")]


def summary_command(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH", help="Histories, or folders of them")
    ],
) -> None:
    """Judge histories again, and print what became of the jobs.

    Writes <run_id>.summary.json beside each. Of a folder, the finished histories are read; a
    .partial may be named itself. The exit code is the worst verdict's: 0 pass, 1 fail,
    2 unreadable, 3 invalid, 4 unknown.
    """
    console, exit_codes = HarmlessConsole(highlight=False), []
    for path in histories(paths):
        try:
            summary = write_summary(path)
        except OutputError:
            raise
        except (AnalysisError, OSError, MemoryError) as error:
            complain(error)
            exit_codes.append(2)
        else:
            print_summary(summary, console)
            exit_codes.append(summary.exit_code)
    raise typer.Exit(worst(exit_codes))


def explain_command(
    run: Run,
    job_id: Annotated[str, typer.Argument(metavar="JOB_ID", help="Such as j000042")],
    lines: Annotated[
        bool, typer.Option("--lines", help="The history's own lines (JSON), too.")
    ] = False,
    stderr: Annotated[
        bool,
        typer.Option("--stderr", help="What the workers that died unasked wrote to stderr, too."),
    ] = False,
) -> None:
    """Print what happened to one job, a sentence a line of the history.

    They come in the order of time, in seconds from T = 0.
    """
    explanation = explain(run, job_id)
    console = HarmlessConsole(highlight=False, soft_wrap=True)
    title = harmless(f"Job {explanation.job_id}: {explanation.verdict}")
    console.print(title, markup=False, style="bold")
    console.print(explanation.meaning, markup=False)
    for fact in explanation.facts:
        at_s = seconds(fact.record.t_ns - explanation.started_ns)
        console.print(f"{at_s:+12.6f} s  {harmless(fact.sentence)}", markup=False)
        if lines:
            console.print(f"{harmless(fact.raw)}", markup=False, style="dim")
    if stderr:
        for said in last_words(explanation.unexpected_exits):
            console.print(said, markup=False, style="dim")


def jobs_command(
    run: Run,
    output_format: Annotated[
        str, typer.Option("--format", help=f"One of: {', '.join(FORMATS)}")
    ] = "csv",
) -> None:
    """Print one row a job, as CSV or JSON.

    It has instants, attempts, verdict and flags; times are seconds from T = 0.
    """
    if output_format not in FORMATS:
        raise typer.BadParameter(
            f"{output_format!r} is no format; give one of: {', '.join(FORMATS)}"
        )
    FORMATS[output_format](job_rows(run), HarmlessText(sys.stdout))


def results_command(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH",
            help="Histories, tables of crash points or of faults (crash-points-*.json, "
            "faults-*.json), or folders of them",
        ),
    ],
    pages: Annotated[
        Path | None,
        typer.Option(help="A folder for one page a scenario, which RESULTS.md then links to."),
    ] = None,
) -> None:
    """Print RESULTS.md: what was measured, side by side.

    It opens with one table of all libraries and presets, is made from the histories alone, and
    says what may be compared with what, and how far. The tables of each scenario go to --pages, and
    those of crash points and of faults to crash_points.md and faults.md there; pages of scenarios
    that are not among these histories are taken away.
    """
    files, points, faults = inputs(paths)
    found = measured(files)
    folder = None if pages is None else Path(os.path.relpath(pages)).as_posix()
    further = (
        {crash_points_page.PAGE: crash_points_page.crash_points_page(points)} if points else {}
    )
    further |= {faults_page.PAGE: faults_page.faults_page(faults)} if faults else {}
    page = results_page(found, folder, further.keys())
    if pages is not None:
        write_pages(pages, scenario_pages(found.blocks) | further)
    sys.stdout.buffer.write(page.encode())


def write_pages(folder: Path, pages: Mapping[str, str]) -> None:
    """Write them, each whole; take away what an earlier call made and this one does not."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages.items():
        draft = folder / f"{name}.tmp"
        draft.write_text(text, encoding="utf-8")
        draft.replace(folder / name)
    # The pages of crash points and of faults stay where this call was given none of their tables.
    for old in sorted(folder.glob("*.md")):
        is_ours = MADE_BY in old.read_text(encoding="utf-8").splitlines()[:3]
        if is_ours and old.name not in {*pages, *FURTHER}:
            old.unlink()


def report_command(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH",
            help="Histories, tables of crash points (crash-points-*.json), or folders of them",
        ),
    ],
    output: Annotated[Path, typer.Option(help="The file to write.")] = Path("report.html"),
) -> None:
    """Write report.html: charts, runs side by side, any job looked up.

    It is one file, needs no network, and is made from the histories and tables alone.
    """
    files, points, _ = inputs(paths)
    page = report_page(files, points).encode()
    draft = output.with_name(f"{output.name}.tmp")
    draft.write_bytes(page)
    draft.replace(output)
    HarmlessConsole(highlight=False, soft_wrap=True).print(
        f"written: {output} ({len(page) / 1e6:.1f} MB)", markup=False
    )


def schema_command(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; leave with 1 where it has drifted.")
    ] = False,
) -> None:
    """Write the JSON schemas of a summary and of crash points, from the analysis's own types."""
    texts = {
        SCHEMA: schema_text(),
        crash_points.SCHEMA: schema_text(CrashPoints, crash_points.SCHEMA_TITLE),
    }
    for path, text in texts.items():
        if not check:
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            sys.stderr.write(f"{path.name} is not what the types say. Write it with `make docs`\n")
            raise typer.Exit(1)


class Inputs(NamedTuple):
    """What the paths of a command name."""

    histories: list[Path]
    crash_points: list[CrashPoints]
    faults: list[FaultTable]


def inputs(paths: list[Path]) -> Inputs:
    """The histories, as `histories` has them, and the tables of crash points and of faults among
    these paths or in these folders. Where there is a table no history is needed."""
    points, faults = dict[Path, CrashPoints](), dict[Path, FaultTable]()
    others: list[Path] = []
    for path in paths:
        named = [path] if path.is_file() else sorted(path.glob("*.json"))
        of_points = [file for file in named if file.match(crash_points.TABLES)]
        of_faults = [file for file in named if file.match(fault_tables.TABLES)]
        points |= {file: crash_points.read_table(file) for file in of_points}
        faults |= {file: fault_tables.read_fault_table(file) for file in of_faults}
        if not (of_points or of_faults) or any(path.glob("*.jsonl")):
            others.append(path)
    return Inputs(histories(others) if others else [], list(points.values()), list(faults.values()))


def histories(paths: list[Path]) -> list[Path]:
    """The files to judge, each once, in the order given; a folder gives its finished histories."""
    found: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise NoSuchHistoryError(
                f"No such file or folder: {path}. Name a history, or a folder of histories"
            )
        inside = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
        if not inside:
            what = f"there is no finished history (*.jsonl) in {path}"
            raise NoSuchHistoryError(f"{what}; carry out a run with `crashbench run` first")
        found |= dict.fromkeys(inside)
    return list(found)
