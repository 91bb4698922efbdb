"""Changes recorded histories at random, makes their checksums true again, and sees who notices.

`python -m tests.histories.mutator [COUNT]` makes so many seeded mutations and prints the holes: the
classes (kind, field, operation) of which at least one mutation neither was noticed nor changed any
figure. HOLES.md beside this file holds each with its reason; one that is not listed fails, and so
does one that is listed and is none any more, save those that only other seeds find.

A checksum never counts as noticing: a child's ordinals and their count, the counts of rows read,
the bytes written and the scenario's digest are made anew after each change.
"""

from __future__ import annotations

import gzip
import json
import random
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from analysis.errors import HistoryError
from analysis.summary.summary import analyse
from orchestrator.history.records import KINDS
from tests.histories.builder import Fields, scenario_digest

RECORDED = Path(__file__).parent / "recorded"
HOLES = Path(__file__).parent / "HOLES.md"
OTHER_SEEDS = "## Found by other seeds"
"""Below this stand the holes that the draws of `make mutator` miss."""
MUTATIONS = 6_600
"""Turns; in one of six what was drawn would change nothing, so that more than 5,000 are made."""
PROCESSES = 2
WHOLE_LINE = "(line)"
CHECKSUMS = frozenset({"n", "events", "lines", "bytes_written", "scenario_sha256"})
"""Fields that are mended, so that no change of them lasts."""
INSTANT_STEPS = (20_000_000, -20_000_000, 2_000_000_000, -2_000_000_000)
"""By how many nanoseconds an instant is moved: what is less than a figure's last digit (0.1 ms in
most) leaves every figure as it truly would be, and is no hole."""
Operation = Literal["delete", "double", "swap", "change"]
Outcome = Literal["noticed", "told", "hole"]
Line = dict[str, Any]
Class = tuple[str, str, Operation]
"""(kind, field, operation): fields one level down are named `parts.eof_ns`."""
NESTED = frozenset({"parts", "target"})


@dataclass(frozen=True)
class Site:
    """Somewhere in a history where a class of mutations can be carried out."""

    history: str
    place: int
    of: Class


def recorded() -> dict[str, list[Line]]:
    """Real histories, by name."""
    return {
        path.name.partition(".")[0]: [
            json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()
        ]
        for path in sorted(RECORDED.glob("*.jsonl.gz"))
    }


def sites(histories: dict[str, list[Line]]) -> dict[Class, list[Site]]:
    """By a class: everywhere it can be carried out."""
    found: defaultdict[Class, list[Site]] = defaultdict(list)
    for name, lines in histories.items():
        for place, line in enumerate(lines):
            for of in _classes(line):
                found[of].append(Site(name, place, of))
    return dict(sorted(found.items()))


def _classes(line: Line) -> Iterator[Class]:
    kind = line["kind"]
    yield kind, WHOLE_LINE, "delete"
    yield kind, WHOLE_LINE, "double"
    for name, value in line["fields"].items():
        inner = [f"{name}.{key}" for key in value] if name in NESTED else [name]
        for path in inner:
            if path not in CHECKSUMS:
                for operation in ("delete", "swap", "change"):
                    yield kind, path, operation


def mutated(lines: list[Line], site: Site, rng: random.Random) -> list[Line] | None:
    """The history with one change, mended; None = the change would have changed nothing."""
    was = lines[site.place]
    lines = [_copied(line) for line in lines]
    kind, path, operation = site.of
    if path == WHOLE_LINE:
        if operation == "delete":
            del lines[site.place]
        else:
            lines.insert(site.place, _copied(lines[site.place]))
        return mended(lines)
    table, name = _table(lines[site.place], path)
    if operation == "delete":
        del table[name]
    elif operation == "change":
        table[name] = _changed(table[name], rng)
    else:
        others = [_table(line, path) for line in lines if line["kind"] == kind]
        values = [(t, t[name]) for t, _ in others if name in t and t[name] != table[name]]
        if not values:
            return None
        other, value = rng.choice(values)
        other[name], table[name] = table[name], value
    if operation == "delete" and _reads_the_same(was, lines[site.place]):
        return None
    return mended(lines)


def _reads_the_same(was: Line, line: Line) -> bool:
    """Whether what was deleted is what its lack means: no word of the history has changed."""
    try:
        return bool(_decoded(line) == _decoded(was))
    except msgspec.ValidationError:
        return False


def _decoded(line: Line) -> Any:
    kind = KINDS[line["kind"]]
    record = msgspec.convert(line["fields"], kind)
    before_or_after = getattr(record, "before", None) or getattr(record, "after", None)
    return record, before_or_after


def _copied(line: Line) -> Line:
    """Deep enough for whatever a mutation writes to."""
    fields = line["fields"].items()
    inner = {name: dict(value) if name in NESTED else value for name, value in fields}
    return {**line, "fields": inner}


def _table(line: Line, path: str) -> tuple[Fields, str]:
    head, _, rest = path.partition(".")
    fields: Fields = line["fields"]
    return (fields.get(head, {}), rest) if rest else (fields, head)


def _changed(value: Any, rng: random.Random) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + rng.choice(INSTANT_STEPS if value > 1 << 32 else (1, -1, 7, 40))
    if isinstance(value, float):
        return value + rng.choice((1.0, 0.5))
    if isinstance(value, str):
        return rng.choice((f"{value}x", value[:-1] or "x"))
    if isinstance(value, list):
        return value[:-1] if value else [value]
    if isinstance(value, dict) and value:
        key = rng.choice(sorted(value))
        return {**value, key: _changed(value[key], rng)}
    return {"x": 1} if value == {} else 1


def mended(lines: list[Line]) -> list[Line]:
    """The same, every checksum made true again; changes `lines`."""
    counts: Counter[tuple[Any, Any]] = Counter()
    reads: Counter[tuple[Any, Any]] = Counter()
    for line in lines:
        fields = line["fields"]
        if "n" in fields:
            place = fields.get("slot"), fields.get("incarnation")
            fields["n"] = counts[place]
            counts[place] += 1
        if line["kind"] == "row_read" and "job_id" in fields:
            reads[fields.get("read"), fields.get("fault")] += 1
    for line in lines:
        kind, fields = line["kind"], line["fields"]
        if kind == "child_exited":
            fields["events"] = counts[fields.get("slot"), fields.get("incarnation")]
        elif kind == "row_read" and "job_id" not in fields:
            fields["lines"] = reads[fields.get("read"), fields.get("fault")]
        elif kind == "run_start" and "scenario" in fields:
            fields["scenario_sha256"] = scenario_digest(fields["scenario"])
        elif kind == "run_end":
            before = [other for other in lines if other is not line]
            fields["bytes_written"] = sum(len(text(other)) for other in before)
    return lines


def text(line: Line) -> bytes:
    """A line as it stands in the file."""
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


def summary(lines: list[Line], folder: Path) -> dict[str, Any] | None:
    """What the analysis says; None = it refuses the file."""
    path = folder / "mutated.jsonl"
    path.write_bytes(b"".join(map(text, lines)))
    try:
        told: dict[str, Any] = json.loads(analyse(path).as_json())
    except HistoryError:
        return None
    told["run"].pop("scenario_sha256")
    return told


class Trial:
    """Mutates and judges; the histories as they are give the figures to compare with."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._histories = {name: mended(lines) for name, lines in recorded().items()}
        self._plain = {name: summary(lines, folder) for name, lines in self._histories.items()}
        self._sites = sites(self._histories)

    @property
    def verdicts(self) -> dict[str, str]:
        """Of the histories as they are."""
        return {name: "refused" if s is None else s["verdict"] for name, s in self._plain.items()}

    def run(
        self, count: int, seed: int = 100, share: int = 0, shares: int = 1
    ) -> dict[Class, Counter[Outcome]]:
        """So many mutations, the classes in turn; by a class: what became of them.

        Each mutation rests on its number alone, so that several processes can take a share each.
        """
        found: defaultdict[Class, Counter[Outcome]] = defaultdict(Counter)
        classes = list(self._sites)
        random.Random(seed).shuffle(classes)
        for number in range(share, count, shares):
            rng = random.Random(f"{seed}/{number}")
            of = classes[number % len(classes)]
            site = rng.choice(self._sites[of])
            lines = mutated(self._histories[site.history], site, rng)
            if lines is not None:
                found[of][self._outcome(site.history, lines)] += 1
        return dict(found)

    def _outcome(self, name: str, lines: list[Line]) -> Outcome:
        told = summary(lines, self._folder)
        if told is None or told["verdict"] == "invalid":
            return "noticed"
        return "hole" if told == self._plain[name] else "told"


def holes(found: dict[Class, Counter[Outcome]]) -> list[Class]:
    """The classes of which a mutation went by unseen."""
    return sorted(of for of, outcomes in found.items() if outcomes["hole"])


def listed(*, by_other_seeds: bool = True) -> dict[Class, str]:
    """The holes of HOLES.md, each with its reason; with or without those that other seeds found."""
    rows: dict[Class, str] = {}
    found_here, _, others = HOLES.read_text(encoding="utf-8").partition(OTHER_SEEDS)
    for row in (found_here + others if by_other_seeds else found_here).splitlines():
        cells = [cell.strip(" `") for cell in row.strip("|").split("|")]
        if row.startswith("| `"):
            kind, field, operations, reason = cells
            for operation in operations.split(", "):
                rows[kind, field, operation] = reason  # type: ignore[index]
    return rows


def _a_share(count: int, share: int) -> dict[Class, Counter[Outcome]]:
    with tempfile.TemporaryDirectory() as folder:
        return Trial(Path(folder)).run(count, share=share, shares=PROCESSES)


def in_parallel(count: int) -> dict[Class, Counter[Outcome]]:
    """What `Trial.run` finds, by several processes."""
    found: defaultdict[Class, Counter[Outcome]] = defaultdict(Counter)
    with ProcessPoolExecutor(PROCESSES) as pool:
        for part in pool.map(_a_share, [count] * PROCESSES, range(PROCESSES)):
            for of, outcomes in part.items():
                found[of] += outcomes
    return dict(found)


def main(count: int) -> int:
    """Print what was found. 1 = a hole that is not listed, or one that is listed and none."""
    found = in_parallel(count)
    outcomes = sum(found.values(), Counter())
    known, seen = listed(), holes(found)
    new = [of for of in seen if of not in known]
    lines = [f"{' '.join(of)} - {known.get(of, 'NEW')}" for of in seen]
    gone = [of for of in listed(by_other_seeds=False) if of not in seen]
    lines.append(
        f"{outcomes.total()} mutations: {dict(outcomes)}; {len(found)} classes, "
        f"{len(seen)} holes, {len(new)} of them new"
    )
    lines += [f"no hole any more: {' '.join(of)}" for of in gone]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 1 if new or gone else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else MUTATIONS))
