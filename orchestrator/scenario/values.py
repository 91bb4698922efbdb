"""What the tables of a scenario file are made of: their base, and the bounds of their values."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

# Upper bounds keep infinity out; none of them is near anything sensible.
Seconds = Annotated[float, Meta(gt=0, le=1_000_000)]
SecondsFromZero = Annotated[float, Meta(ge=0, le=1_000_000)]
Factor = Annotated[float, Meta(ge=0, le=10_000)]
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
AtLeastOne = Annotated[int, Meta(ge=1, le=1_000_000)]
Text = Annotated[str, Meta(min_length=1)]
Name = Annotated[str, Meta(pattern="^[a-z0-9_]{1,60}$")]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The base of every table of a scenario file."""
