"""What a fault at a round trip needs: that nothing passed its frozen connections."""

from __future__ import annotations

from collections.abc import Callable

from analysis.checks.forms.form import Part, Witnessed
from orchestrator.history.round_trips import Freeze


def _at_point(part: Part) -> Part:
    """Asked of a victim that was held at a round trip alone."""
    return lambda kill: kill.sent.trigger == "point" and part(kill)


def _frozen(part: Callable[[Witnessed, Freeze], bool]) -> Part:
    """Asked of what the freeze has seen, where that is known."""
    return lambda kill: kill.after.freeze is not None and part(kill, kill.after.freeze)


def _went_round_the_proxy(kill: Witnessed, freeze: Freeze) -> bool:
    return not {session.pid for session in kill.before.sessions} <= set(freeze.backend_pids)


def _frozen_too_late(kill: Witnessed, freeze: Freeze) -> bool:
    reaped_ns = kill.after.reaped_ns
    looked_early = reaped_ns is None or freeze.looked_ns < reaped_ns
    return freeze.frozen_ns > kill.sent.t_ns or looked_early


FROZEN: dict[str, Part] = {
    "it does not say at which round trip": _at_point(lambda k: k.before.at_point is None),
    "nothing shows that its connections were frozen": _at_point(lambda k: k.after.freeze is None),
    "bytes passed after its connections had been frozen": _frozen(lambda k, f: f.passed_bytes > 0),
    "a session of the victim did not go through the proxy": _frozen(_went_round_the_proxy),
    "bytes passed that the proxy did not understand": _frozen(lambda k, f: f.unexplained_bytes > 0),
    "a connection was lost before the victim was killed": _frozen(lambda k, f: f.broken > 0),
    "it was frozen after the kill, or looked at before its end": _frozen(_frozen_too_late),
}
"""The further parts of a kill at a round trip."""
