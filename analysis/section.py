"""What every section of a summary is made of: typed figures, and a reason where there is none.

A figure that cannot be had is null, and ``<name>_why`` beside it says why; where the figure is
there, that key is left out. Durations are seconds with six digits unless the name says otherwise.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec


class Section(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """A JSON object of the summary. A field with a default is left out where it has that value."""


class Duration(NamedTuple):
    """A time in seconds, or why there is none: one of the two is None."""

    s: float | None
    why: str | None


def seconds(duration_ns: int) -> float:
    """Nanoseconds as seconds, to the microsecond."""
    return round(duration_ns / 1e9, 6)


def duration(since_ns: int | None, at_ns: int | None, why: str) -> Duration:
    """From one instant to the other; none, for the reason `why`, where either is None."""
    if since_ns is None or at_ns is None:
        return Duration(None, why)
    return Duration(seconds(at_ns - since_ns), None)


def why_none(value: object, why: str) -> str | None:
    """What goes beside a figure: `why` where there is no value, else nothing."""
    return why if value is None else None
