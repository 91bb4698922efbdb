"""One block of RESULTS.md: cells of one scenario that may be compared, table by table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from analysis.compare.cells import Block, Run
from analysis.compare.control import control_lines, control_text, counted, reported
from analysis.compare.differences import Difference, differences_of
from analysis.compare.measures import (
    ALWAYS_SHOWN,
    COUNTS,
    KILL_MEASURES,
    RUN_MEASURES,
    Better,
)
from analysis.compare.samples import (
    NO_VALUE,
    Comparison,
    Sample,
    comparisons,
    every_value,
    interval_text,
    kill_sample,
    needs_room,
    number_text,
    run_sample,
    sample_text,
)
from analysis.compare.statistics import at_most_with_95_percent
from analysis.metrics.kill_types import Recovery
from analysis.report.answer import answer
from analysis.report.markdown import code, escaped, table

Samples = dict[str, Sample]
"""By a cell's label."""
Row = tuple[str, Better | None, Samples]
"""Title, what is better, and the samples."""


def block_lines(block: Block, machine: Sequence[Block]) -> list[str]:
    """All tables of one block; `machine` has every block of the same hardware, for the controls."""
    runs = _runs(block, machine)
    block = reported(block, machine)
    timed = _kill_rows(block, biased=False)
    aimed = _kill_rows(block, biased=True)
    load = _load_rows(block)
    parts: list[tuple[str, Sequence[str]]] = [
        ("Runs", runs),
        ("What became of the jobs", _counts(block)),
        ("Kills", _kills(block)),
        ("Recovery from timed kills, seconds from the kill", _figures(block, timed)),
        ("Recovery from aimed kills, seconds from the kill", _figures(block, aimed)),
        ("Load", _figures(block, load)),
        ("Paired differences", _paired(block, [*timed, *load])),
        ("Configuration differences", _configuration(block)),
        ("Invalid runs", _invalid(block.invalid)),
    ]
    lines: list[str] = []
    for title, content in parts:
        if content:
            lines += [f"**{title}**", "", *content, ""]
    return lines


def _kill_rows(block: Block, *, biased: bool) -> list[Row]:
    return [
        (m.title, m.better, {c.label: kill_sample(c, m, biased=biased) for c in block.cells})
        for m in KILL_MEASURES
    ]


def _load_rows(block: Block) -> list[Row]:
    return [
        (m.title, m.better, {c.label: run_sample(c, m) for c in block.cells}) for m in RUN_MEASURES
    ]


def _headings(block: Block, first: str = "") -> list[str]:
    return [first, *(escaped(cell.label) for cell in block.cells)]


def _runs(block: Block, machine: Sequence[Block]) -> list[str]:
    rows: list[Sequence[str]] = [
        (
            escaped(cell.label),
            escaped(cell.runs[0].start.library_version),
            str(len(cell.runs)),
            counted(run.summary.verdict for run in cell.runs),
            code(cell.cell_hash),
            control_text(cell, machine, needs_none=NO_VALUE),
        )
        for cell in block.cells
    ]
    headings = ["", "version", "runs", "verdicts", "cell_hash", "no-fault control"]
    rows += _not_offered(block, machine)
    lines = table(headings, rows, left=len(headings)) if rows else []
    found = [
        f"- `{run.run_id}` {run.summary.verdict}: "
        f"{escaped(' '.join([answer(run.summary).finding, *run.summary.reasons]))}"
        for run in block.runs
    ]
    changed = [
        f"- {escaped(cell.label)} is {escaped(cell.runs[0].start.base_preset)} with "
        f"{', '.join(map(code, cell.runs[0].start.setting_words))}."
        for cell in block.cells
        if cell.runs[0].start.changed_settings
    ]
    controls = [f"- {escaped(line)}" for line in control_lines(block, machine)]
    below = [*found, *changed, *controls]
    return [*lines, "", *below] if below else lines


def _not_offered(block: Block, machine: Sequence[Block]) -> list[Sequence[str]]:
    """Libraries that ran elsewhere on this machine and lack what this scenario needs."""
    needs = {need for run in [*block.runs, *block.invalid] for need in run.start.needs}
    found = {
        (start.library, start.preset, start.library_version): sorted(needs - start.offers.keys())
        for other in machine
        for start in (run.start for run in [*other.runs, *other.invalid])
    }
    return [
        (
            escaped(f"{library} {preset}"),
            escaped(version),
            "0",
            f"not offered: {', '.join(lacking)}",
            NO_VALUE,
            NO_VALUE,
        )
        for (library, preset, version), lacking in sorted(found.items())
        if lacking
    ]


def _counts(block: Block) -> list[str]:
    rows = []
    for place, (title, count) in enumerate(COUNTS):
        values = [[count(run.summary) for run in cell.runs] for cell in block.cells]
        if place < ALWAYS_SHOWN or any(value for column in values for value in column):
            texts = [" ".join(_count(value) for value in column) for column in values]
            rows.append((title, *texts))
    costs = [_costs_attempt(cell.runs) for cell in block.cells]
    if any(run.summary.faults for cell in block.cells for run in cell.runs):
        rows.append(("a rescue costs an attempt (measured)", *costs))
    return table(_headings(block, "jobs, run by run"), rows) if block.cells else []


def _costs_attempt(runs: Sequence[Run]) -> str:
    """What the library's own count said before and after, over all runs."""
    told = {run.summary.crash.rescue_costs_attempt for run in runs} - {"not_told"}
    return "some do" if len(told) > 1 else next(iter(told), "not told")


def _count(value: int | None) -> str:
    return NO_VALUE if value is None else str(value)


def _kills(block: Block) -> list[str]:
    """How many there were, and how often one did harm."""
    rows: list[Sequence[str]] = []
    timed, aimed = (_kills_by_cell(block, biased=biased) for biased in (False, True))
    for sort, kills, is_sample in (("timed", timed, True), ("aimed", aimed, False)):
        if any(kills):
            rows += _kills_of(sort, kills, is_sample=is_sample)
    if not rows:
        return []
    lost = [sum(run.summary.jobs.lost for run in cell.runs) for cell in block.cells]
    texts = [
        _seldom(hits, len(kills), is_sample=True) if kills and not hits else str(hits)
        for hits, kills in zip(lost, timed, strict=True)
    ]
    return table(_headings(block), [*rows, ("jobs lost", *texts)])


def _kills_by_cell(block: Block, *, biased: bool) -> list[list[Recovery]]:
    return [
        [kill for run in cell.runs for kill in run.summary.recovery if kill.biased == biased]
        for cell in block.cells
    ]


def _kills_of(
    sort: str, cells: Sequence[Sequence[Recovery]], *, is_sample: bool
) -> Iterator[Sequence[str]]:
    yield f"{sort} kills", *(str(len(kills)) for kills in cells)
    idle = [sum(not kill.orphans for kill in kills) for kills in cells]
    yield f"{sort} kills that found nothing in flight", *map(str, idle)
    hits = [sum(bool(kill.duplicates) for kill in kills) for kills in cells]
    yield (
        f"{sort} kills that led to a duplicate",
        *(
            _seldom(found, len(kills), is_sample=is_sample)
            for found, kills in zip(hits, cells, strict=True)
        ),
    )
    judged = [[kill for kill in kills if kill.within_bound is not None] for kills in cells]
    yield (
        f"{sort} kills whose first orphan came back later than its bound",
        *(
            f"{sum(kill.missed_bound for kill in kills)} of {len(kills)}" if kills else NO_VALUE
            for kills in judged
        ),
    )


def _seldom(hits: int, trials: int, *, is_sample: bool) -> str:
    """So many of so many; what a sample never showed has an upper bound, once it says anything."""
    if trials == 0:
        return NO_VALUE
    bound = at_most_with_95_percent(trials)
    if hits or not is_sample or bound >= 1:
        return f"{hits} of {trials}"
    return f"0 of {trials} (below 3/n = {bound:.2g})"


def _figures(block: Block, rows: Sequence[Row]) -> list[str]:
    """A table of what some cell has; below it, folded, every value that it does not show."""
    shown = [(title, samples) for title, _, samples in rows if _has_any(samples)]
    if not shown:
        return []
    lines = table(
        _headings(block),
        [
            (title, *(sample_text(samples[c.label]) for c in block.cells))
            for title, samples in shown
        ],
    )
    hidden = [
        f"- {title}, {escaped(cell.label)}: {every_value(samples[cell.label])}"
        for title, samples in shown
        for cell in block.cells
        if needs_room(samples[cell.label])
    ]
    if hidden:
        lines += ["", "<details><summary>Every value</summary>", "", *hidden, "", "</details>"]
    return lines


def _has_any(samples: Samples) -> bool:
    return any(sample.values for sample in samples.values())


def _paired(block: Block, rows: Sequence[Row]) -> list[str]:
    found = [
        comparison
        for title, better, samples in rows
        if better is not None
        for comparison in comparisons(block, title, better, samples)
    ]
    headings = ("figure", "first less second", "pairs", "median", "interval", "better")
    return table(headings, [_paired_row(one) for one in found], left=2) if found else []


def _paired_row(comparison: Comparison) -> Sequence[str]:
    found, better = comparison.found, comparison.better_one
    return (
        comparison.title,
        escaped(f"{comparison.one.label} - {comparison.other.label}"),
        str(found.pairs),
        number_text(found.median, None),
        interval_text(found.interval),
        "not told apart" if better is None else escaped(better.label),
    )


def _configuration(block: Block) -> list[str]:
    if not block.cells:
        return []
    found = differences_of(block)
    if not found:
        return ["Nothing in the histories' configuration differs."]
    return difference_lines(found, [cell.label for cell in block.cells])


def difference_lines(found: Sequence[Difference], names: Sequence[str]) -> list[str]:
    """An item a key: each value and who has it. A list wraps where a table would grow wide."""
    lines = []
    for one in found:
        by_value: defaultdict[str, list[str]] = defaultdict(list)
        for name, value in zip(names, one.values, strict=True):
            by_value[value].append(name)
        texts = (f"{escaped(value)} ({escaped(', '.join(of))})" for value, of in by_value.items())
        lines.append(f"- {code(one.key)}: {'; '.join(texts)}")
    return lines


def _invalid(runs: Sequence[Run]) -> list[str]:
    """They void what they would have shown, and are named."""
    return [
        f"- `{run.run_id}`: {escaped(' '.join(run.summary.reasons)) or 'no reason was given'}"
        for run in runs
    ]
