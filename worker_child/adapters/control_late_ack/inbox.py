"""The late-acknowledging control seen from the parent: a row outlasts its job by a second."""

from __future__ import annotations

from types import MappingProxyType

from worker_child.adapters.control.inbox import POLL_S, ControlAdapter
from worker_child.protocol import Rescue

ACKNOWLEDGE_EVERY_S = 1.0


class LateAckAdapter(ControlAdapter):
    """A slot has one process at a time, so a new one may free what the earlier ones had claimed.

    It does so before it is ready: no lease has to run out.
    """

    name = "control_late_ack"
    rescue = Rescue("the slot's next worker frees it before it is ready", 0.0, 0.0, POLL_S)
    settings = MappingProxyType({"acknowledge_every_s": ACKNOWLEDGE_EVERY_S})
