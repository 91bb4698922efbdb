"""Several worker processes against one, with the same concurrency in all: the queue differs.

A ratio pairs runs by their ordinal: run k of N processes over run k of one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import inf

from analysis.compare.cells import Block, Cell, canonical
from analysis.compare.measures import RUN_MEASURES, RunMeasure, Value
from analysis.compare.samples import Sample, run_sample, sample_text
from analysis.report.markdown import escaped, table

_NAME = re.compile(r"multi_process_(?P<processes>\d+)(?P<variant>\w*)")
_BASE = 1
_SHARED_OUT = ("concurrency", "pool_size")
"""What each process gets its part of."""
_TITLES = ("throughput, jobs/s", "pickup p50, ms", "pickup p95, ms", "pickup p99, ms")
_MEASURES = tuple(measure for measure in RUN_MEASURES if measure.title in _TITLES)


def process_ratios(blocks: Sequence[Block]) -> list[str]:
    """A table for each variant of which one machine ran one process and several; else nothing."""
    named = (
        (found, cell)
        for block in blocks
        if (found := _NAME.fullmatch(block.scenario))
        for cell in block.cells
    )
    alike: defaultdict[tuple[str, str, bytes], dict[int, Cell]] = defaultdict(dict)
    for found, cell in named:
        alike[found["variant"], cell.label, _likeness(cell)][int(found["processes"])] = cell
    lines: list[str] = []
    for variant in sorted({variant for variant, _, _ in alike}):
        rows = [row for key in sorted(alike) if key[0] == variant for row in _rows(alike[key])]
        if rows:
            lines += [f"### multi_process{variant}: ratios to one process", ""]
            lines += [
                "Each run over the run of the same ordinal with one process. Throughput: above 1 "
                "is more; pickup: above 1 is slower.",
                "",
                *table(("", "processes", *(m.title for m in _MEASURES)), rows, left=1),
                "",
            ]
    return lines


def _likeness(cell: Cell) -> bytes:
    """Equal for cells that differ only in how many processes share concurrency and connections."""
    start, conditions = cell.runs[0].start, cell.runs[0].conditions
    workers = dict(conditions["scenario"]["workers"])
    slots = workers.pop("slots")
    shared = {name: slots * workers.pop(name) for name in _SHARED_OUT if name in workers}
    scenario = {**conditions["scenario"], "workers": {**workers, **shared}}
    return canonical([start.library_version, {**conditions, "scenario": scenario}])


def _rows(cells: dict[int, Cell]) -> Iterator[Sequence[str]]:
    one = cells.get(_BASE)
    for processes, cell in sorted(cells.items()):
        if one is not None and processes != _BASE:
            ratios = (sample_text(_ratio(cell, one, measure)) for measure in _MEASURES)
            yield escaped(cell.label), str(processes), *ratios


def _ratio(cell: Cell, one: Cell, measure: RunMeasure) -> Sample:
    bases = _by_ordinal(run_sample(one, measure))
    found = {
        ordinal: _over(value, bases[ordinal])
        for ordinal, value in _by_ordinal(run_sample(cell, measure)).items()
        if ordinal in bases and 0 < bases[ordinal].number < inf
    }
    return Sample(tuple(found), tuple((value,) for value in found.values()))


def _by_ordinal(sample: Sample) -> dict[int, Value]:
    """An ordinal that a cell has twice pairs with nothing for certain, and is left out."""
    return {
        ordinal: run[0]
        for ordinal, run in zip(sample.ordinals, sample.runs, strict=True)
        if run and sample.ordinals.count(ordinal) == 1
    }


def _over(value: Value, base: Value) -> Value:
    marks = {value.limited, base.limited}
    limited = True if True in marks else None if None in marks else False
    above = None if value.above is None else value.above / base.number
    return Value(value.number / base.number, above, limited)
