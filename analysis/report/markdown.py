"""Markdown that reads well as plain text, too: tables with even columns."""

from __future__ import annotations

from collections.abc import Sequence

WIDEST = 60
"""Characters to which a column is filled up; a sentence in one cell must not widen all others."""


def escaped(text: str) -> str:
    """Text that a table's cell can hold: one line, no column mark, no HTML."""
    plain = " ".join(text.split())
    for mark, instead in (("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("`", "'")):
        plain = plain.replace(mark, instead)
    return plain


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
