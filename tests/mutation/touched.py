"""Which lines of the judged modules each test runs, and how long it takes: whom to ask of a mutant.

`python -m tests.mutation.touched FOLDER OPTIONS FILE ...` asks each test of some files once,
without any mutant, and keeps what it saw by the file's digest. Exit 2 = one of them fails already.
"""

from __future__ import annotations

import ast
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
import pytest

from tests.mutation.judged import ROOT, judged
from tests.mutation.pytest_in_process import failure_of, with_collected

ASKED_CPU_S = 8.0
"""So much of a processor is spent at most on the tests that are asked of one mutant, as long as
they take without it."""
MOST_KILLERS = 6
Lines = dict[str, frozenset[int]]
"""By a judged module: its lines that were run."""


@dataclass(frozen=True)
class Touch:
    """One test."""

    cpu_s: float
    lines: Lines


Touches = dict[str, Touch]
"""By a test's node id."""


class _Watch:
    """What is run of the judged modules, by a trace function that looks at nothing else."""

    def __init__(self) -> None:
        self._names = {str(ROOT / module): module for module in judged()}
        self._seen: dict[str, set[int]] = {}

    def run(self, item: pytest.Item, following: pytest.Item | None) -> tuple[str | None, Touch]:
        """Run a test. Returns why it fails, and what it touched."""
        self._seen = {path: set() for path in self._names}
        begun_s = time.process_time()
        sys.settrace(self._of_call)
        try:
            failure = failure_of(item, following)
        finally:
            sys.settrace(None)
        cpu_s = time.process_time() - begun_s
        lines = {self._names[p]: frozenset(seen) for p, seen in self._seen.items() if seen}
        return failure, Touch(cpu_s, lines)

    def _of_call(self, frame: FrameType, _event: str, _value: object) -> Any:
        return self._of_line if frame.f_code.co_filename in self._seen else None

    def _of_line(self, frame: FrameType, _event: str, _value: object) -> Any:
        self._seen[frame.f_code.co_filename].add(frame.f_lineno)
        return self._of_line


class Kept(msgspec.Struct, frozen=True):
    """What one file's tests touched."""

    modules: dict[str, str]
    """By a judged module: its digest when they ran it."""
    touches: Touches


def kept_at(folder: Path, tests: str) -> Path:
    """Where a file's touches are kept, as long as it does not change."""
    return folder / "touched" / f"{Path(tests).stem}.{digest_of(tests)}.json"


def digest_of(path: str) -> str:
    """A short digest of a file of the checkout."""
    return sha256((ROOT / path).read_bytes()).hexdigest()[:16]


def is_known(folder: Path, tests: str, modules: Iterable[str]) -> bool:
    """Whether what a file's tests touch of some modules is kept, of those as they are today."""
    kept = kept_at(folder, tests)
    if not kept.exists():
        return False
    seen = msgspec.json.decode(kept.read_bytes(), type=Kept).modules
    return all(seen.get(module) == digest_of(module) for module in modules)


def touches_of(folder: Path, files: Iterable[str]) -> Touches:
    """What is kept of some files."""
    found: Touches = {}
    for tests in files:
        found |= msgspec.json.decode(kept_at(folder, tests).read_bytes(), type=Kept).touches
    return found


@dataclass
class Choice:
    """Whom to ask of a module's mutants, and in which order."""

    module: str
    touches: Touches
    killers: dict[tuple[int, int], list[str]] = field(default_factory=dict)
    """By a function's first and last line: who killed a mutant of it, the latest first."""

    def __post_init__(self) -> None:
        self._spans = _functions(ROOT / self.module)
        self._times = Counter(
            line for touch in self.touches.values() for line in touch.lines.get(self.module, ())
        )

    def span(self, line: int) -> tuple[int, int]:
        """The innermost function around a line; the line alone where there is none."""
        around = [span for span in self._spans if span[0] <= line <= span[1]]
        return max(around, default=(line, line))

    def killed_by(self, line: int, test: str) -> None:
        """A mutant of that line died of a test."""
        known = self.killers.setdefault(self.span(line), [])
        known[:] = [test, *(one for one in known if one != test)][:MOST_KILLERS]

    def asked(self, line: int) -> list[str]:
        """Who killed others there; for half of the time those that run the least beside this
        module; the quickest; the broadest; then, in turn, one who runs each rare line of the
        function and of the module, as time allows."""
        span = self.span(line)
        around = set(range(span[0], span[1] + 1))
        mine = {
            test: touch
            for test, touch in self.touches.items()
            if not around.isdisjoint(touch.lines.get(self.module, ()))
        }
        if not mine:  # what is done at import alone is seen by whoever uses the module
            mine = {test: t for test, t in self.touches.items() if self.module in t.lines}
        known = [test for test in self.killers.get(span, []) if test in mine]
        quickest = sorted(mine, key=lambda test: mine[test].cpu_s)
        everywhere = set(self._times)
        turns = zip(
            self._in_turn(quickest, around), self._in_turn(quickest, everywhere), strict=True
        )
        broadest = sorted(mine, key=lambda test: len(mine[test].lines[self.module]), reverse=True)
        close = _within(sorted(quickest, key=self._beside), mine, ASKED_CPU_S / 2)
        in_turn = [test for pair in turns for test in pair]
        order = [*known, *close, *quickest[:1], *broadest[:2], *in_turn]
        return _within(list(dict.fromkeys(order)), mine, ASKED_CPU_S)

    def _beside(self, test: str) -> float:
        """Of the judged lines that a test runs, which part is other modules'."""
        lines = self.touches[test].lines
        return 1 - len(lines[self.module]) / sum(map(len, lines.values()))

    def _in_turn(self, tests: Sequence[str], wanted: set[int]) -> list[str]:
        """All of some tests: of each line that is their rarest one first, the rarest line first."""
        by_line: defaultdict[int, list[str]] = defaultdict(list)
        for test in tests:
            run = self.touches[test].lines[self.module] & wanted
            by_line[min(run, key=lambda one: (self._times[one], one), default=0)].append(test)
        groups = sorted(by_line, key=lambda one: (self._times[one], one))
        rounds = zip_longest(*(by_line[one] for one in groups))
        return [test for one in rounds for test in one if test is not None]


def _within(tests: Sequence[str], touches: Touches, limit_s: float) -> list[str]:
    spent_s = 0.0
    chosen: list[str] = []
    for test in tests:
        spent_s += touches[test].cpu_s
        if chosen and spent_s > limit_s:
            break
        chosen.append(test)
    return chosen


def _functions(source: Path) -> list[tuple[int, int]]:
    return [
        (node.lineno, node.end_lineno or node.lineno)
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.FunctionDef)
    ]


def main(folder: Path, options: list[str], files: list[str]) -> int:
    """Ask the tests of some files, and keep what they touched."""
    failures: list[str] = []
    modules = {module: digest_of(module) for module in judged()}

    def ask(items: list[pytest.Item]) -> None:
        watch = _Watch()
        found: dict[str, Touches] = {tests: {} for tests in files}
        for item, following in zip_longest(items, items[1:]):
            failure, touch = watch.run(item, following)
            if failure is not None:
                failures.append(f"{item.nodeid} fails already without a mutant:\n{failure}")
                return
            found[item.nodeid.partition("::")[0]][item.nodeid] = touch
        for tests, touches in found.items():
            kept = kept_at(folder, tests)
            kept.parent.mkdir(exist_ok=True)
            kept.write_bytes(msgspec.json.encode(Kept(modules, touches)))

    code = with_collected([*options, *files], ask)
    for failure in failures:
        print(failure)  # noqa: T201
    return (
        2 if failures or code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED) else 0
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2].split(), sys.argv[3:]))
