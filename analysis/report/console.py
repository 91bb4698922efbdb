"""What goes to a terminal, and what is said when the world will not have it.

Names, notes, messages and what a child wrote to stderr were written by others: no character of
theirs moves a cursor, changes a colour, turns the direction of writing or begins a line of its own.
"""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TextIO, TypeVar

import msgspec
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from analysis.errors import AnalysisError, OutputError

EXIT_WORLD: Final = 2
"""README's code for a world that would not have it."""
OUT_OF_MEMORY: Final = (
    "the memory is exhausted. Name fewer histories at a time, or use a machine with more memory"
)
STDOUT: Final = 1
STDERR: Final = 2
StructT = TypeVar("StructT", bound=msgspec.Struct)


def harmless(text: str) -> str:
    """A foreign text in one line for a terminal; what is not to be printed stands as its escape."""
    return "".join(map(_printable, text.expandtabs(4)))


def _printable(char: str) -> str:
    if char.isprintable():
        return char
    # "surrogatepass": a lone surrogate is no character, and cannot be printed as it is.
    return " " if char == "\xa0" else char.encode("unicode_escape", "surrogatepass").decode()


def harmless_texts(record: StructT) -> StructT:
    """The same record, every text in it fit for a terminal."""
    return msgspec.convert(_walked(msgspec.to_builtins(record)), type(record))


def _walked(part: Any) -> Any:
    if isinstance(part, str):
        return harmless(part)
    if isinstance(part, list):
        return [_walked(inner) for inner in part]
    if isinstance(part, dict):
        return {_walked(key): _walked(inner) for key, inner in part.items()}
    return part


class HarmlessConsole(Console):
    """A console whose texts are harmless, line ends apart: the program's own are kept.

    What rich itself sends to move the cursor comes in segments that say so.
    """

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """See rich."""
        for segment in super().render(renderable, options):
            text, style, control = segment
            if control or text.isprintable() or text == "\n":
                yield segment
            else:
                yield Segment("\n".join(map(harmless, text.split("\n"))), style)

    def on_broken_pipe(self) -> None:
        """See rich, which would leave with 1."""
        raise OutputError(BrokenPipeError(os.strerror(32)))


class HarmlessText(io.TextIOBase):
    """Rows for another tool as they are; where a person reads them, harmless ones."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._is_read_by_a_person = file.isatty()

    def write(self, text: str, /) -> int:
        """Write a row with its line end, or a part of one."""
        if self._is_read_by_a_person:
            text = "\n".join(map(harmless, text.split("\n")))
        return self._file.write(text)


class HarmlessFormatter(logging.Formatter):
    """For what is logged: a message may quote what a child said."""

    def format(self, record: logging.LogRecord) -> str:
        """One line a message; a traceback keeps its lines."""
        return "\n".join(map(harmless, super().format(record).split("\n")))


def complain(error: BaseException, program: str = "error") -> None:
    """A sentence on stderr; what is told in several lines goes on indented."""
    first, *more = map(harmless, _told(error).split("\n"))
    text = "\n".join([first, *(line if line.startswith(" ") else f"  {line}" for line in more)])
    try:
        sys.stderr.write(f"{program}: {text}\n")
        sys.stderr.flush()
    except OSError:
        # There is nobody left to tell. What is held would be tried once more at the exit, and
        # Python answers a refusal there with an exit code of its own.
        if sys.stderr is sys.__stderr__:
            os.dup2(os.open(os.devnull, os.O_WRONLY), STDERR)


def _told(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return OUT_OF_MEMORY
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


class _Output(io.FileIO):
    """The real stdout; a refusal by it is no OSError, which click and rich would answer with 1."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            raise OutputError(error) from error


@contextmanager
def world_in_a_sentence(program: str) -> Iterator[None]:
    """Within it, what the world refuses becomes one sentence on stderr, and exit code 2.

    That is: an unreadable file, a full device or closed pipe behind stdout, exhausted memory.
    """
    kept = sys.stdout
    # Only the real one: a test's stand-in refuses nothing.
    if isinstance(kept, io.TextIOWrapper) and kept is sys.__stdout__:
        raw = io.BufferedWriter(_Output(STDOUT, "wb", closefd=False))
        sys.stdout = io.TextIOWrapper(
            raw, kept.encoding, kept.errors, line_buffering=kept.line_buffering
        )
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OutputError as error:
        # What could not be written is still held, and would be tried once more at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)
        complain(error, program)
        raise SystemExit(error.exit_code) from error
    except AnalysisError as error:
        complain(error, program)
        raise SystemExit(error.exit_code) from error
    except (OSError, MemoryError) as error:
        # The frames hold what filled the memory.
        error.__traceback__ = None
        complain(error, program)
        raise SystemExit(EXIT_WORLD) from None
    finally:
        sys.stdout = kept
