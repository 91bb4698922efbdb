"""The certificate of a planted fault, a part of it changed."""

from __future__ import annotations

from typing import Any

import msgspec

from analysis.checks.certificates import certificate
from analysis.checks.forms.form import Certificate
from orchestrator.history.records import FaultEnded, FaultInjected
from tests.histories.builder import Story

Parts = dict[str, Any]
S = 1_000_000_000


def certified(
    story: Story, before: Parts | None = None, after: Parts | None = None, **sent: Any
) -> Certificate:
    """The certificate of a story's first fault with some parts changed; None = left out."""
    lines = story.first("fault_injected", fault=0), story.first("fault_ended", fault=0)
    injected, ended = (
        {**line, "parts": _with(line["parts"], changes)}
        for line, changes in zip(lines, (before, after), strict=True)
    )
    return certificate(
        msgspec.convert({**injected, **sent}, FaultInjected), msgspec.convert(ended, FaultEnded)
    )


def _with(parts: Parts, changes: Parts | None) -> Parts:
    return {name: value for name, value in (parts | (changes or {})).items() if value is not None}


def sent_ns(story: Story) -> int:
    at_ns: int = story.first("fault_injected", fault=0)["t_ns"]
    return at_ns


def seen(story: Story) -> Parts:
    parts: Parts = story.first("fault_ended", fault=0)["parts"]
    return parts
