"""The never-rescuing control seen from the parent: a claim without an end, under a name."""

from __future__ import annotations

from worker_child.adapters.control.inbox import ControlAdapter


class NeverRescuesAdapter(ControlAdapter):
    """A dead worker's rows stay claimed for ever."""

    name = "control_never_rescues"
    rescue = None
