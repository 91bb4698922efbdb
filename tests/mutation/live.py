"""Puts a mutant into modules that are imported already, or into those still to be imported.

A function that is changed gets its new code where it stands: whoever imported it, listed it in a
table or decorated it calls the mutant. What a module does while it is imported (a constant, a
decorator, a class's field) cannot be changed afterwards, nor can what was made by a function that
was called meanwhile (a closure): that takes a process that has not imported the module yet.
"""

from __future__ import annotations

import gc
import importlib.abc
import inspect
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, FrameType, FunctionType, ModuleType

COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")
Functions = dict[CodeType, list[FunctionType]]
"""By their code; those of a dictionary's lambdas may be several."""


def dotted(module: str) -> str:
    """A module's name, by its path."""
    return module.removesuffix(".py").replace("/", ".")


def live_functions(path: str) -> Functions:
    """The functions that were made of a file. To be asked before the collector is frozen."""
    found: Functions = {}
    for one in gc.get_objects():
        if isinstance(one, FunctionType) and one.__code__.co_filename == path:
            found.setdefault(one.__code__, []).append(one)
    return found


@contextmanager
def called_meanwhile(paths: Collection[str]) -> Iterator[set[CodeType]]:
    """The codes of some files that are run inside the block."""
    called: set[CodeType] = set()

    def of_call(frame: FrameType, _event: str, _value: object) -> None:
        if frame.f_code.co_filename in paths:
            called.add(frame.f_code)

    sys.settrace(of_call)
    try:
        yield called
    finally:
        sys.settrace(None)


def put_into_functions(
    live: Functions,
    path: str,
    before: str,
    after: str,
    called: Collection[CodeType] = frozenset(),
) -> bool:
    """Exchange the code of the functions in which two sources differ.

    False = they differ in what is done at import as well, in a function that was `called` then, or
    where no live function is: nothing was exchanged.
    """
    old, new = (compile(source, path, "exec", dont_inherit=True) for source in (before, after))
    changed = _changed(old, new)
    if changed is None or not changed or any(code not in live for code, _ in changed):
        return False
    if any(code in called for code, _ in changed):
        return False
    if any(code.co_freevars != other.co_freevars for code, other in changed):
        return False
    for code, other in changed:
        for function in live[code]:
            function.__code__ = other
    return True


def _changed(old: CodeType, new: CodeType) -> list[tuple[CodeType, CodeType]] | None:
    """The functions in which two codes that are run at import differ; None = so do they."""
    if _at_import(old) != _at_import(new):
        return None
    found: list[tuple[CodeType, CodeType]] = []
    for one, other in zip(_nested(old), _nested(new), strict=True):
        if one == other:
            continue
        if one.co_name in COMPREHENSIONS:
            return None
        if one.co_flags & inspect.CO_OPTIMIZED:
            found.append((one, other))
            continue
        of_class = _changed(one, other)
        if of_class is None:
            return None
        found += of_class
    return found


def _nested(code: CodeType) -> list[CodeType]:
    return [const for const in code.co_consts if isinstance(const, CodeType)]


def _at_import(code: CodeType) -> tuple[object, ...]:
    consts = [
        const.co_name if isinstance(const, CodeType) else (type(const), const)
        for const in code.co_consts
    ]
    return code.co_code, code.co_names, consts


class _Mutated(SourceFileLoader):
    """Loads one file's module from another source."""

    def __init__(self, fullname: str, path: str, source: str) -> None:
        super().__init__(fullname, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = compile(self._source, self.get_filename(fullname), "exec")
        return code


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, name: str, source: str) -> None:
        self._name = name
        self._source = source

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        spec = PathFinder.find_spec(fullname, path)
        assert spec is not None and spec.origin is not None, f"{fullname} has no file"
        spec.loader = _Mutated(fullname, spec.origin, self._source)
        return spec


def put_into_import(module: str, after: str) -> None:
    """Let a module that has not been imported yet be made of another source."""
    name = dotted(module)
    assert name not in sys.modules, f"{name} was imported before"
    sys.meta_path.insert(0, _Finder(name, after))
