"""RESULTS.md: what was measured, on what, how to measure it again; from the histories alone.

The same histories give the same bytes, in any order, under any name, on any machine.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from analysis.compare.cells import Block, Run, blocks_of, load_run
from analysis.compare.differences import configuration_of, differing, flattened, plain_text
from analysis.compare.statistics import ENOUGH_RUNS
from analysis.errors import HistoryError, NoSuchHistoryError
from analysis.report.how_to_repeat import how_to_repeat
from analysis.report.markdown import escaped, table
from analysis.report.process_ratios import process_ratios
from analysis.report.results_block import block_lines

HOW_TO_READ = f"""\
Each scenario has a table of what became of the jobs, of the kills, and of the figures; a column is
one library under one preset. Runs are pooled where their `cell_hash` (scenario, library and its
version, settings, PostgreSQL, code) is the same on the same hardware, and nowhere else.

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
`crashbench explain RUN.jsonl JOB` for a single job. The words are those of METHODOLOGY.md.
"""

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


def results_page(paths: Sequence[Path]) -> str:
    """The page on these histories. Raises NoSuchHistoryError where none is usable, and OSError."""
    runs, unreadable = _load(paths)
    if not runs:
        raise NoSuchHistoryError(" ".join(["there is no usable history.", *unreadable]))
    blocks = blocks_of(runs)
    lines = [
        "# Results",
        "",
        "*Made by `crashbench results` from the histories (JSONL) alone. Do not edit it.*",
        "",
        *_overview(blocks, unreadable),
        "## How to read this",
        "",
        HOW_TO_READ,
        *how_to_repeat(blocks),
    ]
    for place, machine in enumerate(by_machine(blocks), 1):
        lines += machine_lines(place, machine)
        for scenario, of_it in by_scenario(machine).items():
            lines += scenario_lines(scenario, of_it, machine)
        lines += process_ratios(machine)
    lines += _unreadable(unreadable)
    return "\n".join(lines).rstrip("\n") + "\n"


def by_machine(blocks: Sequence[Block]) -> list[list[Block]]:
    """The blocks of each machine."""
    hashes = sorted({block.hardware_hash for block in blocks})
    return [[block for block in blocks if block.hardware_hash == found] for found in hashes]


def by_scenario(blocks: Sequence[Block]) -> dict[str, list[Block]]:
    """The blocks of each scenario, in the order of their names."""
    names = sorted({block.scenario for block in blocks})
    return {name: [block for block in blocks if block.scenario == name] for name in names}


def _load(paths: Sequence[Path]) -> tuple[list[Run], list[str]]:
    runs, unreadable = [], []
    for path in paths:
        try:
            runs.append(load_run(path))
        except HistoryError as error:
            unreadable.append(str(error))
    return runs, sorted(unreadable)


def _overview(blocks: Sequence[Block], unreadable: Sequence[str]) -> Iterator[str]:
    valid = sum(len(block.runs) for block in blocks)
    invalid = sum(len(block.invalid) for block in blocks)
    kills = sum(run.summary.crash.kills for block in blocks for run in block.runs)
    jobs = sum(run.summary.jobs.enqueued for block in blocks for run in block.runs)
    yield f"{valid} runs with a ledger, {jobs} jobs, {kills} kills; {invalid} invalid runs" + (
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
        yield f"`{key.removeprefix('postgres.settings.')}`", escaped("; ".join(sorted(values[key])))


def scenario_lines(scenario: str, blocks: Sequence[Block], machine: Sequence[Block]) -> list[str]:
    """All that is said of one scenario; `machine` has every block of its machine."""
    lines = [f"### {scenario}", ""]
    starts = [run.start for block in blocks for run in [*block.runs, *block.invalid]]
    described = {(start.scenario.description, start.value_words) for start in starts}
    for text, values in sorted(described):
        lines += [_quoted(text), ""] if text.strip() else []
        lines += [_put_on_top(values), ""] if values else []
    if len(blocks) > 1:
        lines += _apart(blocks)
    for place, block in enumerate(blocks, 1):
        if len(blocks) > 1:
            lines += [f"#### {scenario}: conditions {place}", ""]
        lines += block_lines(block, machine)
    return lines


def _quoted(text: str) -> str:
    return f"> {escaped(text)}"


def _put_on_top(values: Sequence[str]) -> str:
    """What makes the file's description untrue, perhaps."""
    return f"Set on top of the file: {', '.join(f'`{escaped(value)}`' for value in values)}."


def _apart(blocks: Sequence[Block]) -> list[str]:
    """What keeps the blocks of one scenario from being compared."""
    columns = [[configuration_of(block.conditions)] for block in blocks]
    rows = [(f"`{found.key}`", *map(escaped, found.values)) for found in differing(columns)]
    headings = ("", *(f"conditions {place}" for place in range(1, len(blocks) + 1)))
    return [
        f"These runs were made under {len(blocks)} sets of conditions, which are not compared with "
        "one another. They differ in:",
        "",
        *table(headings, rows, left=len(headings)),
        "",
    ]


def _unreadable(sentences: Sequence[str]) -> list[str]:
    if not sentences:
        return []
    return ["## Files left out", "", *(f"- {escaped(sentence)}" for sentence in sentences), ""]
