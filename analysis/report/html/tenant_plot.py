"""Pickup latency by tenant: who waits how long."""

from __future__ import annotations

from typing import Any

from analysis.metrics.fairness import Tenant, Tenants
from analysis.report.html.plot import Json, NoPlot, Plot, Shown, dots

KEY, TITLE = "tenants", "Tenants"


def tenant_plot(tenants: Tenants) -> Shown:
    """Median and p95 of each tenant, in the order of the p95; `tenants` = the summary's."""
    if tenants.count < 2:
        why = "no tenant" if tenants.count == 0 else "one tenant only"
        return NoPlot(KEY, TITLE, f"The jobs belong to {why}: there is nobody to compare.")
    known = [row for row in tenants.each if row.pickup.p95 is not None]
    if not known:
        return NoPlot(KEY, TITLE, "Of no tenant a p95 of pickup can be had.")
    known.sort(key=lambda row: (row.pickup.p95, row.tenant))
    places = list(range(1, len(known) + 1))
    traces = [
        _trace(known, places, share, colour, symbol)
        for share, colour, symbol in (("p95", "--series-1", "circle"), ("p50", "--series-2", "x"))
    ]
    says = (
        f"{len(known)} tenants from the quickest to the slowest by the p95 of pickup, which spans "
        f"{known[0].pickup.p95:,.1f} to {known[-1].pickup.p95:,.1f} ms."
        + _noisy_said(tenants, known)
        + _left_out(len(tenants.each) - len(known))
    )
    return Plot(KEY, TITLE, says, traces, _layout(tenants, known))


def _trace(known: list[Tenant], places: list[int], share: str, *style: str) -> Json:
    text = [f"{row.tenant}, {share} of {row.pickup.n:,} jobs" for row in known]
    colour, symbol = style
    trace = dots(share, places, [getattr(row.pickup, share) for row in known], colour, symbol, text)
    return {**trace, "hovertemplate": "%{text}: %{y} ms"}


def _layout(tenants: Tenants, known: list[Tenant]) -> Json:
    annotations: list[dict[str, Any]] = [
        {"text": "noisy", "x": place, "y": 1, "yref": "paper", "yanchor": "bottom"}
        | {"showarrow": False}
        for place, row in enumerate(known, 1)
        if row.tenant == tenants.noisy
    ]
    return {
        "xaxis": {"title": {"text": "tenants, the quickest first"}, "showgrid": False},
        "yaxis": {"title": {"text": "pickup, milliseconds"}, "type": "log"},
        "annotations": annotations,
        "shapes": [
            {"type": "line", "xref": "x", "yref": "paper", "x0": a["x"], "x1": a["x"]}
            | {"y0": 0, "y1": 1, "layer": "below"}
            | {"line": {"color": "--fault-edge", "dash": "dot", "width": 1}}
            for a in annotations
        ],
    }


def _noisy_said(tenants: Tenants, known: list[Tenant]) -> str:
    for place, row in enumerate(known, 1):
        if row.tenant == tenants.noisy:
            return f" The noisy one, {row.tenant}, has place {place}."
    return ""


def _left_out(count: int) -> str:
    return f" {count} more have no p95 and are left out." if count else ""
