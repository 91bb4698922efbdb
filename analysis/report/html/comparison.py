"""Runs side by side: RESULTS.md's own tables under RESULTS.md's own rules, and a chart of each
figure that is read first.

A chart shows every value of every run. It pools and ranks nothing that the table does not.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from math import isinf
from typing import Final

from markdown_it import MarkdownIt

from analysis.compare.cells import Block, Cell, Run, blocks_of
from analysis.compare.control import reported
from analysis.compare.measures import KILL_MEASURES, RUN_MEASURES, Value
from analysis.compare.samples import Sample, kill_sample, run_sample
from analysis.compare.statistics import ENOUGH_RUNS, interval_of, median
from analysis.report.html.percentile_plot import percentile_plot
from analysis.report.html.plot import Json, NoPlot, Plot, Shown, numbers
from analysis.report.process_ratios import process_ratios
from analysis.report.results_page import HOW_TO_READ, machine_lines
from analysis.report.scenario_page import by_machine, by_scenario, scenario_lines

SHOWN: Final = (
    "throughput, jobs/s",
    "pickup p50, ms",
    "pickup p99, ms",
    "worker resumes",
    "first orphan picked up",
    "last orphan settled",
)
"""Titles of the measures that get a chart, where any run has them."""
FRAME_PX: Final = 110
CELL_PX: Final = 34
FOLD: Final = re.compile(r"<details><summary>[A-Za-z0-9' ,;:]*</summary>|</details>")
"""The only lines of HTML that RESULTS.md has; what a history says never begins a line."""
HEADING_SHIFT: Final = 1
"""The page's own headings stand above those of RESULTS.md."""


@dataclass(frozen=True)
class Part:
    """A piece of the comparison: RESULTS.md's words as HTML, then charts."""

    html: str
    plots: list[Shown] = field(default_factory=list)


def comparison(runs: Sequence[Run]) -> list[Part]:
    """All parts; none for a single run."""
    if len(runs) < 2:
        return []
    parts = []
    blocks = blocks_of(runs)
    for place, machine in enumerate(by_machine(blocks), 1):
        parts.append(Part(rendered(machine_lines(place, machine))))
        for scenario, of_it in by_scenario(machine).items():
            html = rendered(scenario_lines(scenario, of_it, machine))
            key = f"{len(parts)}"
            plots = [
                plot
                for number, block in enumerate(of_it)
                for plot in _plots(
                    reported(block, machine),
                    f"{key}-{number}",
                    many=len(of_it) > 1,
                    number=number + 1,
                )
            ]
            parts.append(Part(html, plots))
        if ratios := process_ratios(machine):
            parts.append(Part(rendered(ratios)))
    return parts


def how_to_read() -> str:
    """The rules of the tables, as HTML."""
    return rendered(HOW_TO_READ.split("\n"))


def rendered(lines: Sequence[str]) -> str:
    """RESULTS.md's Markdown as HTML. All HTML in it is text, the page's own folds apart."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parts: list[str] = []
    for fold, some in groupby(lines, FOLD.fullmatch):
        if fold is not None:
            parts += some
            continue
        tokens = parser.parse("\n".join(some))
        for token in tokens:
            if token.type in ("heading_open", "heading_close"):
                token.tag = f"h{int(token.tag[1:]) + HEADING_SHIFT}"
        parts.append(str(parser.renderer.render(tokens, parser.options, {})))
    return "\n".join(parts)


def _plots(block: Block, key: str, *, many: bool, number: int) -> Iterator[Shown]:
    if len(block.runs) < 2:
        return
    under = f", conditions {number}" if many else ""
    for place, (title, samples) in enumerate(_samples(block)):
        plot = _dot_plot(f"compared-{key}-{place}", f"{title}{under}", block, samples)
        if plot is not None:
            yield plot
    latencies = [
        (cell.label, run.summary.latency_ms.pickup, style)
        for style, cell in enumerate(block.cells)
        for run in cell.runs
    ]
    title = f"Pickup by percentile, a line a run{under}"
    found = percentile_plot(latencies, f"compared-{key}-percentiles", title)
    if not isinstance(found, NoPlot):
        yield found


def _samples(block: Block) -> Iterator[tuple[str, dict[str, Sample]]]:
    """What a chart may show: figures of runs, and of timed kills. Aimed ones are no samples."""
    for measure in RUN_MEASURES:
        if measure.title in SHOWN:
            yield measure.title, {c.label: run_sample(c, measure) for c in block.cells}
    for kill_measure in KILL_MEASURES:
        if kill_measure.title in SHOWN:
            title = f"{kill_measure.title}, seconds from a timed kill"
            cells = {c.label: kill_sample(c, kill_measure, biased=False) for c in block.cells}
            yield title, cells


def _dot_plot(key: str, title: str, block: Block, samples: dict[str, Sample]) -> Shown | None:
    values = [(cell, value) for cell in block.cells for value in samples[cell.label].values]
    seen = [value for _, value in values if _place(value) is not None]
    if not seen:
        return None
    traces = [*_values(values), *_medians(block.cells, samples)]
    says = " ".join(
        ["Every value of the table above, a row a library and preset.", *_legend(values)]
    )
    if any(sample.is_enough for sample in samples.values()):
        says += " A diamond is the median of what may be pooled, with its interval."
    else:
        says += f" Fewer than {ENOUGH_RUNS} runs: there is no interval, and nothing is ranked."
    labels = [cell.label for cell in block.cells]
    layout: Json = {
        "xaxis": {"rangemode": "tozero"},
        "yaxis": {
            "type": "category",
            "categoryorder": "array",
            "categoryarray": labels,
            "range": [len(labels) - 0.5, -0.5],
            "dtick": 1,
        },
    }
    height_px = FRAME_PX + CELL_PX * len(labels)
    return Plot(key, title, says, traces, layout, height_px, tabled=True)


def _legend(values: Sequence[tuple[Cell, Value]]) -> Iterator[str]:
    """A sentence for each mark that needs one."""
    if any(not value.poolable for _, value in values):
        yield (
            "A cross was taken while the machine stalled, or nobody can say whether it did: it is "
            "not pooled."
        )
    if any(isinf(value.number) for _, value in values):
        yield "What was never seen has no mark; a triangle is only known to lie beyond its place."


def _place(value: Value) -> float | None:
    """Where a value is drawn; None = it was never seen, and has no place."""
    return value.above if isinf(value.number) else value.number


def _values(values: Sequence[tuple[Cell, Value]]) -> Iterator[Json]:
    by_sort: defaultdict[tuple[str, str, str], list[tuple[str, float]]] = defaultdict(list)
    for cell, value in values:
        place = _place(value)
        if place is not None:
            by_sort[_sort(value)].append((cell.label, place))
    for (name, symbol, colour), found in sorted(by_sort.items()):
        yield {
            "type": "scatter",
            "mode": "markers",
            "name": name,
            "x": numbers([place for _, place in found]),
            "y": [label for label, _ in found],
            "marker": {"symbol": symbol, "color": colour, "size": 9},
        }


def _sort(value: Value) -> tuple[str, str, str]:
    if isinf(value.number):
        return "beyond", "triangle-right-open", "--series-4"
    if not value.poolable:
        return "machine limited", "x", "--series-3"
    return "a value", "circle-open", "--series-1"


def _medians(cells: Sequence[Cell], samples: dict[str, Sample]) -> Iterator[Json]:
    found = []
    for cell in cells:
        pooled = samples[cell.label].pooled
        interval = interval_of(pooled)
        middle = median([number for run in pooled for number in run]) if interval else None
        if interval and middle is not None and not isinf(interval.high):
            found.append((cell.label, middle, interval.high - middle, middle - interval.low))
    if found:
        labels, middles, over, under = (list(column) for column in zip(*found, strict=True))
        yield {
            "type": "scatter",
            "mode": "markers",
            "name": "median and interval",
            "x": numbers(middles),
            "y": labels,
            "error_x": {"type": "data", "array": over, "arrayminus": under, "symmetric": False},
            "marker": {"symbol": "diamond", "color": "--series-2", "size": 11},
        }
