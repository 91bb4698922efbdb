"""Says where within an adapter's folder an exception comes from, for whoever wrote the adapter."""

from __future__ import annotations

import traceback
from pathlib import Path


def told_with_origin(error: Exception, folder: Path) -> str:
    """``file:line: type: text`` of an error; without file and line where none is in `folder`.

    The line is that of the last frame within `folder`: what an adapter called may well fail
    elsewhere, and was called from there.
    """
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    origin = _origin(error, folder.resolve())
    return f"{f'{origin}: ' if origin else ''}{type(error).__name__}: {text}"


def _origin(error: Exception, folder: Path) -> str | None:
    places = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        places.append((error.filename, error.lineno))
    within = [place for place in places if Path(place[0]).resolve().is_relative_to(folder)]
    return "{}:{}".format(*within[-1]) if within else None
