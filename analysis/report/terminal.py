"""The summary as a person reads it: one block a run, calm, aligned, as wide as the terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator

import msgspec
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from analysis.faults_named import nth
from analysis.metrics.dedup import Dedup
from analysis.metrics.kill_types import Recovery
from analysis.metrics.latency import Latencies, by_name
from analysis.report.answer import Answer, Harm, answer, is_limited
from analysis.report.console import harmless, harmless_texts
from analysis.report.grid import Grid
from analysis.report.number_format import (
    LIMITED_MARK,
    MISSING,
    at_least,
    named_values,
    percentile,
    plain,
    seconds,
    words,
)
from analysis.report.terminal_cache import (
    CACHE_LATENCY_TITLE,
    CACHE_TITLE,
    cache_latency_table,
    cache_table,
)
from analysis.report.terminal_faults import (
    BYSTANDERS_TITLE,
    FAULTS_TITLE,
    bystanders_table,
    faults_table,
)
from analysis.report.terminal_ledger import CRASH_TITLE, JOBS_TITLE, crash_table, jobs_table
from analysis.report.terminal_load import errors_table, load_table, tenants_table
from analysis.summary.types import RunSection, Summary, UnexpectedExit
from orchestrator.history.records import HISTORY_VERSION

HARM_STYLES: dict[Harm, str] = {
    "grave": "bold red",
    "mild": "bold yellow",
    "none": "bold green",
    "void": "bold magenta",
}
VERDICT_STYLES = {"pass": "bold green", "fail": "bold red", "unknown": "bold yellow"}
INVALID_STYLE = "bold magenta"
INDENT = (0, 0, 0, 2)
TABLE_INDENT = (0, 0, 1, 4)
NOTABLE_TITLE = "Jobs to look at"
"""Of the table whose rows are jobs."""
MAX_LISTED_JOBS = 10
MOST_QUOTED = 3
"""So many different endings of stderr are quoted."""
MANY_KILLS = 3
_NUMBER_AND_UNIT = re.compile(r"(\d) (s|ms|min|h)\b")
_GLUE = "\ue000"
"""Stands for a space that is not to be broken at; for private use, and so in no harmless text."""
LIMITED_NOTE = "* machine limited: the machine stalled meanwhile; not to be pooled or ranked"

RECOVERY_COLUMNS = (
    ("reaped", "reaped_s"),
    ("respawned", "respawned_s"),
    ("ready", "ready_s"),
    ("resumed", "time_to_resume_s"),
    ("after ready", "resume_after_ready_s"),
    ("1st orphan", "first_orphan_pickup_s"),
    ("last orphan", "last_orphan_pickup_s"),
    ("bound", "predicted_bound_s"),
    ("in time", "within_bound"),
    ("settled", "last_orphan_settled_s"),
    ("backlog", "backlog_recovered_s"),
)
"""Title and key of what is printed of each kill: of all but one the seconds."""
FOUND_COLUMNS = (
    ("claimed", "claimed", True),
    ("started", "started", False),
    ("effect", "effect_done", False),
    ("unacked", "finished_unacknowledged", True),
)
"""Title, key, and whether it rests on the rows that the victim held."""


def print_summary(summary: Summary, console: Console) -> None:
    """Print one run's block: the answer, and below it what it rests on."""
    summary = harmless_texts(summary)
    told = answer(summary)
    console.print()
    console.print(_paragraph(told.finding, console, style=HARM_STYLES[told.harm]))
    for text in filter(None, (told.evidence, " ".join(told.details))):
        console.print(_paragraph(text, console))
    console.print()
    console.print(_headline(summary, told))
    for sentence in summary.reasons:
        console.print(Padding(Text(sentence), INDENT))
    for sentence in summary.findings:
        console.print(Padding(Text(sentence, style="dim"), INDENT))
    for quoted in last_words(summary.unexpected_exits):
        console.print(Padding(Text(quoted, style="dim"), INDENT))
    console.print()
    for title, grid in sections(summary):
        console.print(Padding(Text(title, style="bold"), INDENT))
        for table in grid.tables(console.width - TABLE_INDENT[3]):
            console.print(Padding(table, TABLE_INDENT))
    console.print(Padding(Text(throughput_line(summary)), INDENT))
    if is_limited(summary):
        console.print(Padding(Text(LIMITED_NOTE, style="dim"), INDENT))


def _paragraph(text: str, console: Console, style: str = "") -> Text:
    """A paragraph whose lines end between words, and never between a number and its unit."""
    glued = _NUMBER_AND_UNIT.sub(rf"\1{_GLUE}\2", text)
    lines = textwrap.wrap(glued, console.width, break_on_hyphens=False, break_long_words=False)
    return Text("\n".join(lines).replace(_GLUE, " "), style=style)


def verdict_style(verdict: str, harm: Harm) -> str:
    """A pass is green only where the jobs came to no harm."""
    if verdict == "pass" and harm != "none":
        return "bold"
    return VERDICT_STYLES.get(verdict, INVALID_STYLE)


def last_words(exits: Iterable[UnexpectedExit]) -> Iterator[str]:
    """What the workers that died unasked said; those that said the same are quoted once."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for left in exits:
        who = f"slot {left.slot} incarnation {left.incarnation}"
        alike.setdefault(tuple(left.stderr), []).append(who)
    for lines, workers in list(alike.items())[:MOST_QUOTED]:
        more = f" and {len(workers) - 1:,} more" if len(workers) > 1 else ""
        yield f"The last that {workers[0]}{more} wrote to stderr:"
        yield from (f"  {harmless(line)}" for line in lines)
    if len(alike) > MOST_QUOTED:
        yield f"{len(alike) - MOST_QUOTED:,} more said something else: see the summary."


def sections(summary: Summary) -> list[tuple[str, Grid]]:
    """The tables that have any rows, each under its title."""
    grids = (
        (JOBS_TITLE, jobs_table(summary.jobs)),
        ("Deduplication", _dedup(summary.jobs.dedup)),
        (CACHE_TITLE, cache_table(summary.cache)),
        (CACHE_LATENCY_TITLE, cache_latency_table(summary.cache)),
        (CRASH_TITLE, crash_table(summary)),
        (FAULTS_TITLE, faults_table(summary.faults)),
        (BYSTANDERS_TITLE, bystanders_table(summary.bystanders)),
        ("Expectations", _expectations(summary)),
        ("Recovery, seconds from the kill", _recovery(summary.recovery)),
        ("Found in flight at the kill", _found(summary.recovery)),
        (_latency_title(summary.run.warmup_s), _latency(summary.latency_ms)),
        ("Tenants, milliseconds", tenants_table(summary.tenants)),
        ("Errors", errors_table(summary.errors)),
        ("Load", load_table(summary)),
        (NOTABLE_TITLE, _notable(summary)),
    )
    return [(title, grid) for title, grid in grids if grid.row_count]


def _headline(summary: Summary, told: Answer) -> Text:
    style = verdict_style(summary.verdict, told.harm)
    text = Text.assemble((summary.run_id, "bold"), "  ", (summary.verdict, style))
    run = summary.run
    text.append(
        f"\n  {run.library} {run.library_version}, preset {run.preset}, "
        f"seed {run.seed}, time_scale {run.time_scale:g}" + _of_old(run),
        style="dim",
    )
    return text


def _of_old(run: RunSection) -> str:
    """A history of an older version can be asked less."""
    return (
        "" if run.history_version == HISTORY_VERSION else f", history version {run.history_version}"
    )


def _dedup(dedup: Dedup | None) -> Grid:
    counts = {} if dedup is None else msgspec.structs.asdict(dedup)
    return named_values((words(name), plain(count), "") for name, count in counts.items())


def _expectations(summary: Summary) -> Grid:
    grid = Grid(("", "expected", "found", "outcome"), text=(0, 3))
    for expectation in summary.expectations:
        grid.add_row(
            words(expectation.name),
            plain(expectation.expected),
            plain(expectation.found),
            expectation.outcome.replace("_", " "),
        )
    return grid


def _recovery(recovery: list[Recovery]) -> Grid:
    grid = Grid(("kill", *(title for title, _ in RECOVERY_COLUMNS)))
    for kill in recovery:
        mark = LIMITED_MARK if kill.machine_limited else ""
        values = [
            bound_text(kill) if name == "within_bound" else seconds(getattr(kill, name))
            for _, name in RECOVERY_COLUMNS
        ]
        style = HARM_STYLES["mild"] if kill.missed_bound else None
        grid.add_row(f"{nth(kill.fault)}{mark}", *values, style=style)
    _add_spread(grid, recovery)
    return grid


def bound_text(kill: Recovery) -> str:
    """Whether the first orphan came back within the library's own bound."""
    if kill.missed_bound:
        return "missed"
    return MISSING if kill.within_bound is None else "yes"


def _remark(kill: Recovery) -> str:
    marks = {
        kill.trigger: True,
        "biased": kill.biased,
        "raced": kill.raced,
        "no certificate": not kill.certificate.complete,
    }
    return ", ".join(mark for mark, holds in marks.items() if holds)


def _add_spread(grid: Grid, recovery: list[Recovery]) -> None:
    """Where there are many kills: the least, middle and greatest of each column."""
    if len(recovery) < MANY_KILLS:
        return
    grid.add_section()
    for title, share in (("min", 0.0), ("med", 0.5), ("max", 1.0)):
        cells = []
        for _, name in RECOVERY_COLUMNS:
            if name == "within_bound":
                cells.append("")
                continue
            values = [getattr(kill, name) for kill in recovery]
            cells.append(seconds(_at(sorted(v for v in values if v is not None), share)))
        grid.add_row(title, *cells, style="bold")


def _at(values: list[float], share: float) -> float | None:
    return values[round((len(values) - 1) * share)] if values else None


def _found(recovery: list[Recovery]) -> Grid:
    titles = ("kill", "orphans", *(title for title, *_ in FOUND_COLUMNS), "duplicates", "trigger")
    grid = Grid(titles, text=(0, len(titles) - 1))
    for kill in recovery:
        found = [
            at_least(getattr(kill.found, name), may_be_more=by_rows and kill.at_least)
            for _, name, by_rows in FOUND_COLUMNS
        ]
        grid.add_row(
            nth(kill.fault),
            at_least(kill.orphans, may_be_more=kill.at_least),
            *found,
            plain(kill.duplicates),
            _remark(kill),
        )
    return grid


def _latency_title(warmup_s: float) -> str:
    left_out = f"; jobs of the first {warmup_s:g} s left out" if warmup_s else ""
    return f"Latency, ms from when due (uncorrected: from when sent{left_out})"


def _latency(latency: Latencies) -> Grid:
    percentiles = ("p50", "p90", "p95", "p99", "p99_9", "max")
    censored = any(figures.censored for figures in by_name(latency).values())
    titles = ("", "n", *(name.replace("_", ".") for name in percentiles))
    grid = Grid((*titles, "censored") if censored else titles)
    for measure, figures in by_name(latency).items():
        mark = LIMITED_MARK if figures.machine_limited else ""
        cells = [percentile(figures, share) for share in percentiles]
        if censored:
            cells.append(plain(figures.censored))
        name = measure.removeprefix("pickup_")
        grid.add_row(f"{name}{mark}", plain(figures.n), *cells)
    return grid


def _notable(summary: Summary) -> Grid:
    grid = Grid(("job", "verdict", "flags"), text=(0, 1, 2))
    grave = [job for job in summary.notable_jobs if job.verdict not in ("completed_once",)]
    for job in grave[:MAX_LISTED_JOBS]:
        reason = f" ({job.reason.replace('_', ' ')})" if job.reason else ""
        raised = ", ".join(job.flags).replace("_", " ")
        grid.add_row(job.job_id, f"{job.verdict.replace('_', ' ')}{reason}", raised)
    if len(grave) > MAX_LISTED_JOBS:
        grid.add_row("...", f"and {len(grave) - MAX_LISTED_JOBS} more in the summary", "")
    return grid


def throughput_line(summary: Summary) -> str:
    """One line: of what, by whom, and from when until when."""
    value = summary.throughput_per_s
    if value is None:
        return f"Throughput: {MISSING} ({summary.throughput_per_s_why})"
    limited = LIMITED_MARK if summary.throughput_machine_limited else ""
    return (
        f"Throughput: {value:,.1f} jobs/s{limited}: jobs that all workers together completed, from "
        f"T+{summary.run.warmup_s:g} s until the last was due"
    )
