"""How long the rest of a matrix will take, by what its finished cells took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from statistics import fmean

from orchestrator.commands.matrix.plan import MatrixRun

OVERHEAD_S = 8.0
"""Beside the scenario itself, before anything was seen: the server, the workers, the audit."""

_Key = tuple[str, ...]


class Estimate:
    """Learns from each finished cell."""

    def __init__(self) -> None:
        self._took_s: defaultdict[_Key, list[float]] = defaultdict(list)
        self._overheads_s: list[float] = []

    def learn(self, cell: MatrixRun, took_s: float) -> None:
        """`cell` took so long, seconds."""
        self._took_s[_key(cell)].append(took_s)
        expected_s = cell.request.outlook().expected_s
        if expected_s is not None:
            self._overheads_s.append(took_s - expected_s)

    def length_s(self, cell: MatrixRun) -> float | None:
        """Of one cell: the mean of its kind, else what its scenario and preset let foresee."""
        known = self._took_s.get(_key(cell))
        if known:
            return fmean(known)
        expected_s = cell.request.outlook().expected_s
        if expected_s is not None:
            return max(0.0, expected_s + fmean(self._overheads_s or [OVERHEAD_S]))
        everything = [took_s for lengths in self._took_s.values() for took_s in lengths]
        return fmean(everything) if everything else None

    def left_s(self, cells: Iterable[MatrixRun], elapsed_s: float = 0.0) -> float | None:
        """Of all `cells`, the first having gone on for `elapsed_s`; None = nobody can say yet."""
        left_s = 0.0
        for place, cell in enumerate(cells):
            length_s = self.length_s(cell)
            if length_s is None:
                return None
            left_s += max(0.0, length_s - elapsed_s) if place == 0 else length_s
        return left_s


def _key(cell: MatrixRun) -> _Key:
    request = cell.request
    return request.scenario.name, request.library, request.preset.name
