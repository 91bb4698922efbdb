"""Where `make adapters` puts what a library's worker is started from."""

from __future__ import annotations

from pathlib import Path

from worker_child.paths import BUILT


class NotBuiltError(Exception):
    """A library's worker has not been built; the text says what to do."""


def built(library: str, program: str = "worker") -> Path:
    """The path of a program that was built for `library`. Raises `NotBuiltError`.

    `program` is its path within the library's folder, such as ``venv/bin/python``.
    """
    path = BUILT / library / program
    if not path.exists():
        raise NotBuiltError(
            f"{library}'s worker is not there: {path.relative_to(BUILT.parent)} has not been "
            "built. Run `make adapters`, which says what it needs for that"
        )
    return path
