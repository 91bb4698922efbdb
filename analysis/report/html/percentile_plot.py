"""The percentile plot of HdrHistogram: latency against percentiles, as many nines as there are."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10
from typing import Any, Final

from hdrh.histogram import HdrHistogram

from analysis.metrics.latency import Distribution
from analysis.report.html.plot import Json, NoPlot, Plot, Shown, line

KEY, TITLE = "percentiles", "Latency by percentile"
STEPS_A_NINE: Final = 12
NINES: Final = (
    ("0 %", 0),
    ("90 %", 1),
    ("99 %", 2),
    ("99.9 %", 3),
    ("99.99 %", 4),
    ("99.999 %", 5),
)
COLOURS: Final = ("--series-1", "--series-2", "--series-3", "--series-4", "--series-5")
DASHES: Final = ("solid", "dash", "dot", "dashdot", "longdash")


def percentile_plot(
    latencies: Sequence[tuple[str, Distribution, int]], key: str = KEY, title: str = TITLE
) -> Shown:
    """`latencies` = name, a summary's figures of one measure, and the number of its style; lines
    of one name have one place in the legend."""
    drawn = [(*one, curve(one[1])) for one in latencies if one[1].histogram]
    if not drawn:
        return NoPlot(key, title, "No latency was measured.")
    names: set[str] = set()
    traces = []
    for name, _, style, (x, y) in drawn:
        trace = line(name, x, y, COLOURS[style % len(COLOURS)], DASHES[style % len(DASHES)])
        traces.append(trace | {"showlegend": name not in names})
        names.add(name)
    censored = [
        f"of {name}, {figures.censored:,} of {figures.n:,} jobs never came so far and lie "
        "beyond the end of the line"
        for name, figures, _, _ in drawn
        if figures.censored
    ]
    says = (
        "Each step to the right is one more nine: ninety, ninety-nine, ninety-nine point nine "
        "percent of the jobs took no longer than the line says."
        + (f" {'; '.join(censored)}." if censored else "")
    )
    return Plot(key, title, says, traces, _layout())


def _layout() -> Json:
    ticks: Json = {
        "tickmode": "array",
        "tickvals": [10**nines for _, nines in NINES],
        "ticktext": [text for text, _ in NINES],
    }
    return {
        "xaxis": {"title": {"text": "share of the jobs"}, "type": "log", **ticks},
        "yaxis": {"title": {"text": "milliseconds"}, "type": "log"},
    }


def curve(figures: Distribution) -> tuple[list[float], list[float]]:
    """1 / (1 - share) and milliseconds, of the jobs that came so far.

    The ranks are counted over all jobs, the censored ones as the slowest.
    """
    histogram: Any = HdrHistogram.decode(figures.histogram)
    n, seen = figures.n, figures.n - figures.censored
    x, y = [], []
    for step in range(floor(STEPS_A_NINE * log10(n)) + 1 if n else 0):
        beyond = 10 ** (step / STEPS_A_NINE)
        rank = max(1, n - floor(n / beyond))
        if rank > seen:
            break
        x.append(round(beyond, 6))
        y.append(histogram.get_value_at_percentile(100 * rank / seen) / 1000)
    return x, y
