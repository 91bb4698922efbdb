"""Markdown that reads well as plain text, too: tables with even columns."""

from __future__ import annotations

import re
from collections.abc import Sequence

from analysis.report.console import harmless

WIDEST = 60
"""Characters to which a column is filled up; a sentence in one cell must not widen all others."""


MARKS = str.maketrans(
    {"&": "&amp;", "<": "&lt;", "\\": "&#92;", "|": "\\|", "`": "'", "[": "\\["}
    | {"*": "\\*", "~": "\\~"}
)
"""What would be taken for a mark of Markdown's or for HTML, and what stands for it instead."""
OPENING = re.compile(r"(#{1,6}(?= |$)|>|[-+](?= )|-{3,}|=+$|[0-9]{1,9}(?=[.)]( |$)))")
"""What makes a heading, a quotation, a list or a rule of the line that begins with it."""
UNFIT_FOR_CODE = frozenset("`|\\")


def escaped(text: str) -> str:
    """Text that others wrote, for any place of a page: one line, no mark of Markdown's, no HTML."""
    plain = harmless(" ".join(text.split())).translate(MARKS)
    opening = OPENING.match(plain)
    if opening is None:
        return plain
    place = opening.end() if opening[0].isdecimal() else 0
    return f"{plain[:place]}\\{plain[place:]}"


def code(text: str) -> str:
    """Text that others wrote, as code where it can stand so; there nothing needs to be escaped."""
    plain = harmless(" ".join(text.split()))
    return escaped(text) if not plain or UNFIT_FOR_CODE & set(plain) else f"`{plain}`"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> list[str]:
    """The lines of a table; the first `left` columns are flush left, the others right.

    Cells are taken as they are: escape what others have written.
    """
    widths = [
        min(WIDEST, max(3, *map(len, column))) for column in zip(headings, *rows, strict=True)
    ]
    rule = [
        "-" * width if place < left else "-" * (width - 1) + ":"
        for place, width in enumerate(widths)
    ]
    return [_line(cells, widths, left) for cells in (headings, rule, *rows)]


def _line(cells: Sequence[str], widths: Sequence[int], left: int) -> str:
    padded = [
        cell.ljust(width) if place < left else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return f"| {' | '.join(padded)} |"
