"""As much of a history as one check asks for: lines by their type, and what the parent wrote."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

from analysis.history.history import History


class Lines:
    """The lines of a history, by their type, in the order in which they stand."""

    def __init__(self, lines: Sequence[Any]) -> None:
        self._lines = lines

    def of(self, kind: type[Any]) -> list[Any]:
        """Those of one type."""
        return [line for line in self._lines if isinstance(line, kind)]


def stand_in(*lines: Any, **columns: Any) -> History:
    """A history of these lines; `columns` are the other things that the check asks for."""
    return cast(History, SimpleNamespace(records=Lines(lines), **columns))
