"""RESULTS.md: what was measured, on what, how to measure it again; from the histories alone.

The same histories give the same bytes, in any order, under any name, on any machine.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

from analysis.compare.cells import Block, Run, blocks_of, load_run
from analysis.compare.differences import flattened, plain_text
from analysis.compare.statistics import ENOUGH_RUNS
from analysis.errors import HistoryError, NoSuchHistoryError
from analysis.report import crash_points_page, faults_page
from analysis.report.how_to_repeat import how_to_repeat
from analysis.report.markdown import code, escaped, table
from analysis.report.overview import (
    HOW_TO_READ_IT,
    finding,
    overview_lines,
    scenario_table,
)
from analysis.report.process_ratios import process_ratios
from analysis.report.scenario_page import MADE_BY, by_machine, file_names

HOW_TO_READ = f"""\
Each scenario has a page with tables of what became of the jobs, of the kills and of the figures; a
column is one library under one preset. Runs are pooled where their `cell_hash` (scenario, library
and its version, settings, PostgreSQL, code) is the same on the same hardware, and nowhere else.

- **Fewer than {ENOUGH_RUNS} runs**: every value is printed, by ordinal; there is no interval and no
  ranking. ` / ` stands between runs that have several values.
- **From {ENOUGH_RUNS} runs on**: `median [low, high] (n)`. The interval holds the median with at
  least 95 %: order statistics where a run has one value, else (marked `b`) a seeded bootstrap that
  draws runs first and kills within them.
- `*` = machine limited: the machine stalled meanwhile; `?` = nobody can say whether it did. Such
  values are shown and never pooled or ranked. `>x` = it fell among jobs that never came so far;
  `not seen` = what was to come had not
  come when the run ended; `-` = it does not apply.
- Timed kills are samples. Aimed kills (triggered by a state, or by held jobs) fix a phase and stand
  in a table of their own.
- What n timed kills never showed is rarer than 3/n a kill (with 95 %, from four kills on); it is
  not thereby impossible.
- One is called better than another only where the interval of the paired difference excludes 0,
  Holm-corrected over the pairs shown for that figure.

Every number can be traced: `crashbench judge RUN.jsonl`, and
`crashbench explain RUN.jsonl JOB` for a single job.

**A few words** (all of them stand in METHODOLOGY.md)

- An *orphan* is a job that a worker had in hand when it was killed. It *comes back* when another
  worker starts it; the *bound* is how long that may take by the library's own settings.
- *Left behind* (also *stranded*): a job that was not taken up by its deadline, or that nobody
  ever will take up. *Lost*: never done, and gone from the queue. *Duplicated*: done twice or more.
- *In doubt at the kill*: jobs whose row the dead worker held, so that the queue alone cannot say
  whether they had been done.
- A *certificate* is the proof that a fault was really done: the signal, the process and its
  sessions gone, seen and recorded. Without it a run is *invalid* and gives no figures.
- *Throughput*: jobs completed by all workers together, from the end of the warm-up until the last
  job was due. Where the workers keep up it is the rate of the load.
- A kill has a number, from 1 on, in the order of the scenario.
"""

WITHOUT_PAGES = "The tables of each scenario are written by `--pages docs/results`."

MACHINE_ROWS = (
    ("processor", ("hardware.cpu",)),
    ("architecture", ("hardware.architecture",)),
    ("cores", ("hardware.cores",)),
    ("cores' time allowed", ("hardware.cpu_quota",)),
    ("memory, GiB", ("hardware.memory_gib",)),
    ("distribution", ("distribution",)),
    ("kernel", ("kernel",)),
    ("Python", ("python_implementation", "python")),
    ("PostgreSQL", ("postgres.version", "postgres.origin", "postgres.package")),
    ("server's file system", ("postgres.file_system",)),
    ("durability", ("postgres.durability",)),
    ("Crashbench", ("code.version", "code.commit", "code.sha256")),
    ("with changes of its own", ("code.dirty",)),
)


@dataclass(frozen=True)
class Measured:
    """Histories, judged and laid side by side."""

    blocks: list[Block]
    unreadable: list[str]
    """A sentence for each file that is no history."""


def measured(paths: Sequence[Path]) -> Measured:
    """Read and judge them. Raises NoSuchHistoryError where none is usable, and OSError."""
    runs, unreadable = _load(paths)
    if not runs:
        raise NoSuchHistoryError(" ".join(["there is no usable history.", *unreadable]))
    return Measured(blocks_of(runs), unreadable)


FURTHER = {
    crash_points_page.PAGE: "Every point at which a worker can die: [crash points]",
    faults_page.PAGE: "Every harm that was tried, library by library: [faults]",
}
"""Pages of what is not measured by runs of one scenario."""


def results_page(
    found: Measured, folder: str | None, further: Collection[str] = frozenset()
) -> str:
    """RESULTS.md; `folder` = the scenarios' pages, as seen from it; None = there are none.

    `further` = which of `FURTHER` are among them.
    """
    blocks = found.blocks
    machines = by_machine(blocks)
    lines = [f"# {finding(blocks)}", "", MADE_BY, "", *_size(blocks, found.unreadable)]
    for place, machine in enumerate(machines, 1):
        lines += [f"**Machine {place}**", ""] if len(machines) > 1 else []
        lines += overview_lines(machine)
    lines += [HOW_TO_READ_IT, "", "## Scenario by scenario", ""]
    lines += scenario_table(blocks, partial(_link, file_names(blocks), folder))
    lines += [WITHOUT_PAGES, ""] if folder is None else []
    if folder is not None:
        for page, text in FURTHER.items():
            lines += [f"{text}({quote(folder)}/{page}).", ""] if page in further else []
    lines += ["## How to read the pages", "", HOW_TO_READ, *how_to_repeat(blocks, folder)]
    for place, machine in enumerate(machines, 1):
        lines += [*machine_lines(place, machine), *process_ratios(machine)]
    lines += _unreadable(found.unreadable)
    return "\n".join(lines).rstrip("\n") + "\n"


def _link(names: Mapping[str, str], folder: str | None, scenario: str) -> str:
    if folder is None:
        return escaped(scenario)
    return f"[{escaped(scenario)}]({quote(f'{folder}/{names[scenario]}')})"


def _load(paths: Sequence[Path]) -> tuple[list[Run], list[str]]:
    runs, unreadable = [], []
    for path in paths:
        try:
            runs.append(load_run(path))
        except HistoryError as error:
            unreadable.append(str(error))
    return runs, sorted(unreadable)


def _size(blocks: Sequence[Block], unreadable: Sequence[str]) -> Iterator[str]:
    valid = sum(len(block.runs) for block in blocks)
    invalid = sum(len(block.invalid) for block in blocks)
    kills = sum(run.summary.crash.kills for block in blocks for run in block.runs)
    jobs = sum(run.summary.jobs.enqueued for block in blocks for run in block.runs)
    yield f"{valid} runs with a result, {jobs} jobs, {kills} kills; {invalid} invalid runs" + (
        f"; {len(unreadable)} files that are no histories." if unreadable else "."
    )
    yield ""


def machine_lines(place: int, blocks: Sequence[Block]) -> list[str]:
    """What a machine is, and what ran on it; `place` counts the machines from 1."""
    runs = [run for block in blocks for run in [*block.runs, *block.invalid]]
    lines = [f"## Machine {place}", "", *table(("", ""), list(_machine_rows(runs)), left=2), ""]
    lines += [
        "<details><summary>PostgreSQL's settings and the packages</summary>",
        "",
        *table(("", ""), [*_settings_rows(runs)], left=2),
        "",
        "</details>",
        "",
    ]
    return lines


def _machine_rows(runs: Sequence[Run]) -> Iterator[tuple[str, str]]:
    flat = [dict(flattened(run.start.environment)) for run in runs]
    for title, keys in MACHINE_ROWS:
        texts = {
            " ".join(plain_text(one[key]) for key in keys if one.get(key) is not None)
            for one in flat
        }
        texts.discard("")
        if texts:
            yield title, escaped("; ".join(sorted(texts)))
    boots = {boot for one in flat if (boot := one.get("boot")) is not None}
    if boots:
        unsaid = sum(one.get("boot") is None for one in flat)
        yield (
            "machines of this kind that took part",
            f"{len(boots)}, told apart by the boots of their kernels"
            + (f"; of {unsaid} runs it is not known" if unsaid else ""),
        )
    measured = (one.get("postgres.measured.fdatasync_us") for one in flat)
    times_us = sorted(time_us for time_us in measured if time_us is not None)
    if times_us:
        yield "fdatasync, microseconds", f"{times_us[0]:g} to {times_us[-1]:g}"
    versions = {f"{run.start.library} {run.start.library_version}" for run in runs}
    yield "under test", escaped(", ".join(sorted(versions)))


def _settings_rows(runs: Sequence[Run]) -> Iterator[tuple[str, str]]:
    values: defaultdict[str, set[str]] = defaultdict(set)
    for run in runs:
        for key, value in flattened(run.start.environment):
            if key.startswith(("postgres.settings.", "packages.")):
                values[key].add(plain_text(value))
    for key in sorted(values):
        yield code(key.removeprefix("postgres.settings.")), escaped("; ".join(sorted(values[key])))


def _unreadable(sentences: Sequence[str]) -> list[str]:
    if not sentences:
        return []
    return ["## Files left out", "", *(f"- {escaped(sentence)}" for sentence in sentences), ""]
