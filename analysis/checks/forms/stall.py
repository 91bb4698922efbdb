"""The certificate of a stall: nothing passed, then everything flowed again."""

from __future__ import annotations

from collections.abc import Callable

from analysis.checks.forms.form import SESSIONS_BEFORE, Form, Part, Witnessed, complete_or_not
from analysis.checks.forms.frozen import FROZEN
from orchestrator.history.round_trips import RescuerHeld

STALLED: dict[str, Part] = {
    name: FROZEN[name]
    for name in FROZEN
    if "before the victim was killed" not in name and "after the kill" not in name
}
"""What a stall needs of a freeze: a worker that is stalled may lose a connection by itself."""


def _held(part: Callable[[Witnessed, RescuerHeld], bool]) -> Part:
    """Asked of a rescuer that was held."""
    return lambda stall: stall.after.rescuer is not None and part(stall, stall.after.rescuer)


def _went_on_too_soon(stall: Witnessed, rescuer: RescuerHeld) -> bool:
    known = (rescuer.freeze.frozen_ns, stall.after.released_ns, rescuer.answered_ns)
    last = (rescuer.freeze.looked_ns, rescuer.went_on_ns)
    instants = [instant for instant in (*known, *last) if instant is not None]
    return None in known or instants != sorted(instants)


def _is_none_of_its_own(stall: Witnessed, rescuer: RescuerHeld) -> bool:
    """Whether what was held is nobody's, or the stalled worker's."""
    held = set(rescuer.freeze.backend_pids)
    return not held or not held.isdisjoint(session.pid for session in stall.before.sessions)


RESCUER_HELD: dict[str, Part] = {
    "bytes passed while the rescuer was held": _held(lambda _, r: r.freeze.passed_bytes > 0),
    "bytes of the rescuer passed that the proxy did not understand": _held(
        lambda _, r: r.freeze.unexplained_bytes > 0
    ),
    "a connection of the rescuer was lost before it went on": _held(
        lambda _, r: r.freeze.broken > 0
    ),
    "a session of the rescuer did not go through its proxy": _held(lambda _, r: bool(r.outside)),
    "nothing shows that the rescuer had a session of its own": _held(_is_none_of_its_own),
    "the rescuer was not held from before everything flowed again until the answer": _held(
        _went_on_too_soon
    ),
}
"""The further parts of a stall whose rescuer is held."""


STALL = Form(
    {
        **SESSIONS_BEFORE,
        **STALLED,
        **RESCUER_HELD,
        "it was not seen to flow again": lambda s: s.after.released_ns is None,
    },
    complete_or_not,
)
