"""How figures are written: seconds with six digits, and a reason wherever there is none.

Everywhere in a summary a figure that cannot be had is null, and a key of the same name with
``_why`` behind it stands beside it and says why.
"""

from __future__ import annotations

from typing import Any

Figures = dict[str, Any]


def seconds(duration_ns: int) -> float:
    """Nanoseconds as seconds, to the microsecond."""
    return round(duration_ns / 1e9, 6)


def put(figures: Figures, name: str, value: Any, why: str) -> None:
    """Set a figure; where `value` is None, `why` goes beside it."""
    figures[name] = value
    if value is None:
        figures[f"{name}_why"] = why


def put_since(
    figures: Figures, name: str, since_ns: int | None, at_ns: int | None, why: str
) -> None:
    """Set a duration in seconds from `since_ns` to `at_ns`; null with `why` where one is None."""
    known = since_ns is not None and at_ns is not None
    put(figures, name, seconds(at_ns - since_ns) if known else None, why)  # type: ignore[operator]
