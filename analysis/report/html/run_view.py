"""One run as the page shows it: what was run, the tables of the terminal, the charts, the jobs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from analysis.compare.differences import flattened, plain_text
from analysis.ledger.case import Case
from analysis.metrics.latency import by_name, instants
from analysis.metrics.throughput import warm_ns
from analysis.report.answer import Answer, answer, is_limited
from analysis.report.grid import Grid
from analysis.report.how_to_repeat import run_command
from analysis.report.html.kills_plot import kills_plot
from analysis.report.html.latency_plot import latency_plot
from analysis.report.html.load_plots import queue_plot, throughput_plot
from analysis.report.html.look_up import look_up
from analysis.report.html.percentile_plot import percentile_plot
from analysis.report.html.plot import Clock, Json, Plot, Shown, clock_of
from analysis.report.html.resource_plots import resource_plots
from analysis.report.html.tenant_plot import tenant_plot
from analysis.report.html.timeline_plot import (
    crossings,
    end_of_timeline,
    marks_of,
    timeline_plot,
    timeline_table,
)
from analysis.report.html.workers_plot import workers_plot
from analysis.report.number_format import words
from analysis.report.results_page import MACHINE_ROWS
from analysis.report.terminal import LIMITED_NOTE, sections, throughput_line
from analysis.report.terminal_load import MIB
from analysis.summary.types import Summary
from orchestrator.scenario.types import CHECK_INTERVALS


@dataclass(frozen=True)
class Kill:
    """One death's timeline, and the same as a table."""

    plot: Shown
    table: Grid


@dataclass(frozen=True)
class RunView:
    """Everything about a run that stands on the page; `number` counts the runs from 0."""

    number: int
    summary: Summary
    answer: Answer
    facts: list[tuple[str, str]]
    tables: list[tuple[str, Grid]]
    notes: list[str]
    plots: list[Shown]
    kills: list[Kill]
    settings: list[tuple[str, Grid]]
    """Each table under its title."""
    jobs: Json
    length_s: float

    @property
    def job_verdicts(self) -> list[str]:
        """Every verdict that some job of the run has."""
        return sorted({verdict for verdict, _ in self.jobs["outcomes"]})

    @property
    def job_flags(self) -> list[str]:
        """Every flag that some job of the run has."""
        raised = (flags.split(", ") for _, flags in self.jobs["outcomes"] if flags)
        return sorted({flag for flags in raised for flag in flags})

    @property
    def data(self) -> Json:
        """What page.js needs of it."""
        shown = [*self.plots, *(kill.plot for kill in self.kills)]
        return {
            "run_id": self.summary.run_id,
            "plots": plots_data(shown),
            "jobs": self.jobs,
        }


def plots_data(shown: list[Shown]) -> Json:
    """The charts by their keys."""
    return {
        plot.key: {"figure": plot.figure, "over_time": plot.over_time, "title": plot.title}
        for plot in shown
        if isinstance(plot, Plot)
    }


def run_view(case: Case, summary: Summary, number: int) -> RunView:
    """Gather everything that is shown of a judged run."""
    clock = clock_of(case, summary.recovery)
    times = instants(case.history, warm_ns(case))
    latencies = [
        (name.replace("_", " "), latency, style)
        for style, (name, latency) in enumerate(by_name(summary.latency_ms).items())
    ]
    return RunView(
        number=number,
        summary=summary,
        answer=answer(summary),
        facts=list(_facts(case, summary)),
        tables=sections(summary),
        notes=list(_notes(summary)),
        plots=[
            latency_plot(case, times, clock),
            throughput_plot(times, clock),
            queue_plot(case, clock),
            workers_plot(case, clock),
            percentile_plot(latencies),
            tenant_plot(summary.tenants),
            *([kills_plot(summary.recovery)] if len(summary.recovery) > 1 else []),
            *resource_plots(case, summary.resources, clock),
        ],
        kills=list(_kills(case, summary, clock)),
        settings=_settings(case, summary),
        jobs=look_up(case, clock),
        length_s=clock.length_s,
    )


def _kills(case: Case, summary: Summary, clock: Clock) -> Iterator[Kill]:
    by_fault = {kill.fault: kill for kill in summary.recovery}
    for death in case.deaths:
        fault = death.victim.fault
        end_ns = end_of_timeline(case, death, clock.end_ns)
        found = crossings(case, death, end_ns)
        marks = marks_of(case, death, end_ns, by_fault.get(fault.fault) if fault else None)
        yield Kill(timeline_plot(death, found, clock, marks), timeline_table(death, found))


def _settings(case: Case, summary: Summary) -> list[tuple[str, Grid]]:
    """What was asked for, what the library was set to, its own rhythms, and what parity must show
    beside them."""
    start, run = case.history.start, summary.run
    asked, settings, rhythms, parity, members = (
        Grid(("", "", ""), text=(0, 1, 2)) for _ in range(5)
    )
    for name, value in flattened(run.asked_for):
        asked.add_row(name, plain_text(value), "")
    for name, value in flattened(run.settings):
        changed = "changed on top of the preset" if name in start.changed_settings else ""
        settings.add_row(name, plain_text(value), changed)
    for name, period_s in sorted(run.periods_s.items()):
        rhythms.add_row(words(name), f"{period_s:g} s", "")
    workers = start.scenario.workers
    sizes = (
        ("workers (slots)", workers.slots),
        ("jobs at once in each (concurrency)", workers.concurrency),
    )
    for name, count in sizes:
        parity.add_row(name, f"{count:,}", "of the scenario, the same for every library")
    parity.add_row("attempts at most", f"{workers.max_attempts:,}", "of the scenario")
    for name, phrase in run.parity.items():
        parity.add_row(words(name), phrase, "")
    for name, phrase in run.offers.items():
        parity.add_row(f"offers: {words(name)}", phrase, "not every library does")
    for one in run.workers:
        peak = one.peak_rss_bytes
        members.add_row(
            f"slot {one.slot}, process {one.incarnation}",
            "" if one.identity is None else one.identity,
            "" if peak is None else f"{peak / MIB:,.1f} MiB of memory at most",
        )
    for opened in run.opened:
        who = "as a worker told" if opened.workers == 1 else f"as {opened.workers} workers told"
        for name, value in flattened(opened.what):
            parity.add_row(f"opened: {name}", plain_text(value), who)
    grids = (
        (f"The scenario {run.scenario}, resolved", asked),
        (f"Settings of the preset {summary.run.preset}", settings),
        ("The library's own rhythms", rhythms),
        ("Parity", parity),
        ("The workers' names in the queue, and their memory", members),
    )
    return [(title, grid) for title, grid in grids if grid.row_count]


def _facts(case: Case, summary: Summary) -> Iterator[tuple[str, str]]:
    run = summary.run
    start = case.history.start
    described = case.scenario.description.strip()
    yield "scenario", run.scenario + (f": {described}" if described else "")
    if run.invocation is not None and run.invocation.values:
        yield "set on top of the file", ", ".join(run.invocation.values)
    yield "library", f"{run.library} {run.library_version}, preset {run.preset}"
    if start.changed_settings:
        yield "changed settings", ", ".join(start.setting_words)
    yield "ordinal and seed", f"{run.ordinal}, {run.seed}"
    yield "time_scale", f"{run.time_scale:g} (multiplies medium and long jobs)"
    condition = case.scenario.server
    interval = f"client_connection_check_interval = {CHECK_INTERVALS[condition]}"
    yield "server condition", f"{condition} ({interval})"
    environment = dict(flattened(case.history.start.environment))
    for title, keys in MACHINE_ROWS:
        values = [plain_text(environment[key]) for key in keys if environment.get(key) is not None]
        if values:
            yield title, " ".join(values)
    yield "history version", str(run.history_version)
    yield "cell_hash", run.cell_hash
    if run.preset_hash is not None:
        yield "preset_hash", f"{run.preset_hash} (its no-fault control has the same)"
    if run.producer_latest_us is not None:
        yield "producer", f"woke {run.producer_latest_us / 1000:.3f} ms late at worst"
    if run.stream_s is not None:
        yield "stream of jobs", f"ended at T+{run.stream_s:.3f} s"
    if run.invocation is not None:
        yield "asked for by", run_command(start)


def _notes(summary: Summary) -> Iterator[str]:
    yield throughput_line(summary)
    if is_limited(summary):
        yield LIMITED_NOTE
