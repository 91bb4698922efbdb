"""From the file to columns: reads a history in blocks and keeps what the judgement needs.

Every line must belong to the run of the first one. A line that is cut short is accepted once, as
the last of the file: that is how a history ends whose recorder was killed.
"""

from __future__ import annotations

import gc
import hashlib
import os
import re
import stat
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from analysis.errors import HistoryError
from analysis.history.history import History, TableBuilder
from analysis.history.lines import LINES, Head, line_decoder
from analysis.history.upgrade import CHANGED, READABLE, VersionOf, upgrade
from orchestrator.history.records import HISTORY_VERSION

BLOCK_BYTES: Final = 256 * 1024
LONGEST_LINE_BYTES: Final = 16 * 1024 * 1024
"""A child's line has 4,096 bytes at most, and a run_start some ten thousand."""
RUN_ID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
"""A run's summary is a file of this name: no run_id may lead out of its folder."""
FOREIGN_REMEDY = "Give a .jsonl file that `python -m orchestrator` wrote"
SORTS: Final[dict[str, Callable[[int], bool]]] = {
    "a FIFO": stat.S_ISFIFO,
    "a device": lambda mode: stat.S_ISCHR(mode) or stat.S_ISBLK(mode),
    "a socket": stat.S_ISSOCK,
    "a folder": stat.S_ISDIR,
}
"""What a name may stand for that is no file."""
DAMAGED_REMEDY = (
    "Only the last line of a history may be cut short; restore the file or repeat the run"
)


def read_blocks(file: BinaryIO, block_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
    """Cut a file into blocks of whole lines; the last block may lack its final line end.

    Raises OverflowError at a line that is longer than any that Crashbench writes.
    """
    while block := file.read(block_bytes):
        if not block.endswith(b"\n"):
            rest = file.readline(LONGEST_LINE_BYTES)
            if len(rest) == LONGEST_LINE_BYTES:
                raise OverflowError(f"a line is longer than {LONGEST_LINE_BYTES:,} bytes")
            block += rest
        yield block


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file, to be read. Raises HistoryError where it is none: a FIFO would be waited for, and
    a device may never end. Raises OSError where it cannot be read."""
    # O_NONBLOCK: else the opening of a FIFO that nobody writes to would wait already.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        sort = next((name for name, test in SORTS.items() if test(mode)), "no file")
        raise HistoryError(path, None, f"this is {sort}", FOREIGN_REMEDY)
    with os.fdopen(descriptor, "rb") as file:
        yield file


class _ScenarioOf(msgspec.Struct):
    """Of a run_start nothing but the scenario, whatever keys it has."""

    scenario: dict[str, Any]


def _scenario_digest(fields: msgspec.Raw) -> str:
    """Of the very keys that stand there: what today's version would add to them was not asked."""
    scenario = msgspec.json.decode(fields, type=_ScenarioOf).scenario
    return hashlib.sha256(msgspec.json.encode(scenario, order="sorted")).hexdigest()


class Reader:
    """Decodes the blocks of one file, one after the other, and names the line that is wrong."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.version = HISTORY_VERSION
        """Of the history; known once its first line was read."""
        self._decoder = line_decoder(HISTORY_VERSION)
        self._run_id: str | None = None
        self._opening = b""
        self.scenario_digest: str | None = None
        """Of the scenario in run_start, reckoned as whoever wrote it reckoned it."""
        self.bytes_beside_end = 0
        """How many bytes have been read, run_end's own line apart."""
        self._torn: HistoryError | None = None
        self._lines_read = 0

    @property
    def run_id(self) -> str:
        """The run that the file tells of. Raises HistoryError when no line named one."""
        if self._run_id is None:
            raise HistoryError(self._path, None, "the file is empty", FOREIGN_REMEDY)
        return self._run_id

    @property
    def truncated(self) -> bool:
        """Whether the last line was cut short."""
        return self._torn is not None

    @property
    def lines_read(self) -> int:
        """How many lines were decoded so far."""
        return self._lines_read

    def lines(self, block: bytes) -> list[Any]:
        """The block's lines, decoded. Raises HistoryError."""
        if self._torn is not None:
            raise self._torn
        if self._run_id is None:
            self._open(block)
        try:
            lines: list[Any] = self._decoder.decode_lines(block)
        except (msgspec.DecodeError, UnicodeDecodeError):
            lines = self._line_by_line(block)
        else:
            if block.count(b"\n" + self._opening) + block.startswith(self._opening) != len(lines):
                self._check_heads(block)
        self._lines_read += len(lines)
        self.bytes_beside_end += len(block)
        return lines

    def look_at(self, block: bytes, kinds: Collection[str]) -> None:
        """Take from the text of a block what no decoded line tells of run_start and run_end."""
        if "run_start" not in kinds and "run_end" not in kinds:
            return
        for line in block.splitlines(keepends=True):
            if b'"run_start"' not in line and b'"run_end"' not in line:
                continue
            try:
                head = msgspec.json.decode(line, type=Head)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue  # the torn last line
            if head.kind == "run_start":
                self.scenario_digest = _scenario_digest(head.fields)
            elif head.kind == "run_end":
                self.bytes_beside_end -= len(line)

    def _numbered(self, block: bytes) -> Iterator[tuple[int, bytes]]:
        whole = block.removesuffix(b"\n")
        return enumerate(whole.split(b"\n"), self._lines_read + 1)

    def _open(self, block: bytes) -> None:
        first = block.split(b"\n", 1)[0]
        try:
            head = msgspec.json.decode(first, type=Head)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            what = f"this is no line of a history ({error})"
            raise HistoryError(self._path, 1, what, FOREIGN_REMEDY) from error
        if not RUN_ID.fullmatch(head.run_id):
            what = f"{head.run_id!r} cannot be the name of a run"
            raise HistoryError(self._path, 1, what, FOREIGN_REMEDY)
        if head.kind == "run_start":
            self._take_version(head)
        self._run_id = head.run_id
        # To the quote: what ends with a letter that is rare in a line is found half as fast.
        self._opening = b'{"run_id":%s,"timestamp":"' % msgspec.json.encode(head.run_id)

    def _take_version(self, head: Head) -> None:
        try:
            version = msgspec.json.decode(head.fields, type=VersionOf).history_version
        except msgspec.ValidationError:
            return  # the line does not fit its kind, and is refused with all that is wrong with it
        if version not in READABLE:
            known = " or ".join(map(str, READABLE))
            what = f"the history has version {version}, not {known}"
            remedy = "Read it with the version of Crashbench that wrote it"
            raise HistoryError(self._path, None, what, remedy)
        self.version = version
        self._decoder = line_decoder(version)

    def _check_heads(self, block: bytes) -> None:
        for number, line in self._numbered(block):
            self._check_head(number, line)

    def _check_head(self, number: int, line: bytes) -> None:
        try:
            head = msgspec.json.decode(line, type=Head)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            what = f"this is no line of a history ({error})"
            raise HistoryError(self._path, number, what, FOREIGN_REMEDY) from error
        if head.run_id != self._run_id:
            what = f"the line belongs to run {head.run_id!r}, the first one to {self._run_id!r}"
            remedy = "A history holds one run; take the foreign lines out or repeat the run"
            raise HistoryError(self._path, number, what, remedy)

    def _line_by_line(self, block: bytes) -> list[Any]:
        lines = []
        for number, line in self._numbered(block):
            if self._torn is not None:
                raise self._torn
            try:
                lines.append(self._decoder.decode(line))
            except msgspec.ValidationError as error:
                what = f"the line does not fit its kind ({error})"
                remedy = "HISTORY.md says what each kind holds; another version may have written it"
                raise HistoryError(self._path, number, what, remedy) from error
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                what = f"the line is malformed ({error})"
                self._torn = HistoryError(self._path, number, what, DAMAGED_REMEDY)
            else:
                self._check_head(number, line)
        return lines


def _by_kind(lines: Iterable[Any], reader: Reader) -> dict[str, list[Any]]:
    by_type: defaultdict[type[Any], list[Any]] = defaultdict(list)
    for line in lines:
        by_type[type(line)].append(line.fields)
    kind_of = LINES[reader.version]
    by_kind = {kind_of[line]: fields for line, fields in by_type.items()}
    return _upgraded(by_kind, CHANGED.get(reader.version, {}))


@contextmanager
def _without_collections() -> Iterator[None]:
    """Millions of records come and go here, none in a cycle: to look for one costs a tenth."""
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collected:
            gc.enable()


def load(path: Path) -> History:
    """Read a whole history. Raises HistoryError, and OSError where the file cannot be read."""
    reader = Reader(path)
    tables = TableBuilder()
    try:
        with opened(path) as file, _without_collections():
            size = os.fstat(file.fileno()).st_size
            for block in read_blocks(file):
                # Nothing of a block outlives its turn: the next one finds its memory in the cache.
                by_kind = _by_kind(reader.lines(block), reader)
                reader.look_at(block, by_kind)
                tables.add(by_kind)
                del by_kind
        return tables.history(
            path,
            reader.run_id,
            reader.version,
            size,
            truncated=reader.truncated,
            scenario_digest=reader.scenario_digest,
            bytes_beside_end=reader.bytes_beside_end,
        )
    except OverflowError as error:
        what = f"near or before line {reader.lines_read}: {error}"
        remedy = "Crashbench did not write that line; repeat the run"
        raise HistoryError(path, None, what, remedy) from error
    except msgspec.ValidationError as error:
        what = f"near or before line {reader.lines_read}: a line does not fit its kind ({error})"
        raise HistoryError(path, None, what, "Restore the file or repeat the run") from error


def _upgraded(
    by_kind: dict[str, list[Any]], kinds: Mapping[str, type[Any]]
) -> dict[str, list[Any]]:
    """Of an older version, the `kinds` that have changed since, as today's types."""
    changed = {kind: [*map(upgrade, by_kind[kind])] for kind in kinds if kind in by_kind}
    return {**by_kind, **changed} if changed else by_kind
