"""The page itself: histories in, one HTML file out that asks nothing of any network.

The same histories give the same bytes, whatever the time zone, the locale or the hash seed.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import orjson
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from analysis.compare.cells import Run, run_of
from analysis.compare.crash_points import CrashPoints
from analysis.errors import HistoryError
from analysis.ledger.case import open_case
from analysis.report.html.comparison import Part, comparison, how_to_read
from analysis.report.html.crash_points import strips_of
from analysis.report.html.overview import TITLES as OVERVIEW_TITLES
from analysis.report.html.overview import overview, worst_place
from analysis.report.html.plot import Json, NoPlot
from analysis.report.html.run_view import RunView, plots_data, run_view
from analysis.report.terminal import NOTABLE_TITLE
from analysis.summary.summary import summarise

SCRIPTS: Final = ("plots.js", "look_up.js", "page.js")


def report_page(paths: Sequence[Path], tables: Sequence[CrashPoints] = ()) -> str:
    """The page on these histories, and on these tables of crash points.

    Raises OSError where a history cannot be read, and HistoryError where none is one.
    """
    views, runs, unreadable = _judge(paths)
    parts = comparison(runs)
    environment = Environment(
        loader=PackageLoader("analysis.report.html", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Trusted: it is the library's own file, and holds no end tag of a script.
    scripts = [Markup(get_plotlyjs()), *map(_text, SCRIPTS)]  # noqa: S704
    environment.tests["absent"] = lambda shown: isinstance(shown, NoPlot)
    environment.filters["data"] = _embedded
    return environment.get_template("page.html").render(
        views=views,
        opened=worst_place([view.summary for view in views]) if views else 0,
        overview=overview([view.summary for view in views]),
        overview_titles=OVERVIEW_TITLES,
        jobs_title=NOTABLE_TITLE,
        crash_points=strips_of(tables),
        parts=parts,
        parts_data=_parts_data(parts),
        how_to_read=how_to_read() if parts else "",
        unreadable=unreadable,
        style=_text("page.css"),
        scripts=scripts,
        script_hashes=Markup(" ".join(map(_hash_source, scripts))),  # noqa: S704
    )


def _judge(paths: Sequence[Path]) -> tuple[list[RunView], list[Run], list[str]]:
    """Every run, one at a time: a history's columns are let go before the next is read."""
    views: list[RunView] = []
    runs: list[Run] = []
    errors: list[HistoryError] = []
    for path in paths:
        try:
            case = open_case(path)
        except HistoryError as error:
            errors.append(error)
            continue
        summary = summarise(case)
        views.append(run_view(case, summary, len(views)))
        runs.append(run_of(case, summary))
    if not views and errors:
        raise errors[0]
    return views, runs, [str(error) for error in errors]


def _parts_data(parts: Sequence[Part]) -> Json:
    return {"plots": plots_data([plot for part in parts for plot in part.plots])}


def _text(name: str) -> Markup:
    """One of the page's own files."""
    return Markup(files("analysis.report.html").joinpath(name).read_text(encoding="utf-8"))  # noqa: S704


def _hash_source(script: str) -> str:
    """What the page's policy knows a script by: no other one runs, whatever came into the page."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _embedded(content: Any) -> Markup:
    """JSON that can stand in a script element: no ``<`` of it can end the element."""
    text = orjson.dumps(content, option=orjson.OPT_SORT_KEYS).decode()
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704
