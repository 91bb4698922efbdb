"""Tables of figures for a terminal: too wide a one goes on below, and no digit is ever cut."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

GAP = 2
"""Characters between two columns."""


class Grid:
    """Rows under titles, or without any where all are empty.

    Text columns may wrap; all others hold figures, which do not.
    """

    def __init__(self, titles: Iterable[str], text: Iterable[int] = (0,)) -> None:
        """`text` = the places of the text columns; the first column names a row."""
        self._titles = list(titles)
        self._text = frozenset(text)
        self._rows: list[tuple[tuple[str, ...], str | None]] = []
        self._sections: set[int] = set()

    @property
    def row_count(self) -> int:
        """Rows, without the titles."""
        return len(self._rows)

    @property
    def titles(self) -> list[str]:
        """One a column; all empty where the rows speak for themselves."""
        return self._titles

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The cells, row by row."""
        return [cells for cells, _ in self._rows]

    def is_text(self, place: int) -> bool:
        """Whether a column holds text; else figures, flush right."""
        return place in self._text

    def add_row(self, *cells: str, style: str | None = None) -> None:
        """Add a row, one cell a title."""
        self._rows.append((cells, style))

    def add_section(self) -> None:
        """Set what follows apart."""
        self._sections.add(len(self._rows) - 1)

    def tables(self, width: int) -> list[Table]:
        """As few tables of at most `width` characters as hold everything.

        Each repeats the first column. A single column of figures that is wider yet stands alone.
        """
        least = [self._least_width(place) for place in range(len(self._titles))]
        parts: list[list[int]] = [[0]]
        used = least[0]
        for place in range(1, len(least)):
            if used + least[place] > width and len(parts[-1]) > 1:
                parts.append([0])
                used = least[0]
            parts[-1].append(place)
            used += least[place]
        return [self._table(places) for places in parts]

    def _least_width(self, place: int) -> int:
        cells = [self._titles[place], *(cells[place] for cells, _ in self._rows)]
        if place in self._text:
            cells = [word for cell in cells for word in cell.split()]
        return max(map(len, cells), default=0) + GAP

    def _table(self, places: list[int]) -> Table:
        table = Table(
            box=None,
            pad_edge=False,
            show_edge=False,
            show_header=any(self._titles),
            padding=(0, GAP, 0, 0),
        )
        for place in places:
            text = place in self._text
            table.add_column(
                self._titles[place],
                justify="left" if text else "right",
                header_style="dim",
                no_wrap=not text,
                overflow="fold",
            )
        for number, (cells, style) in enumerate(self._rows):
            end_section = number in self._sections
            table.add_row(*(cells[place] for place in places), style=style, end_section=end_section)
        return table
