"""The holding control seen from the parent: a claim is a row lock, which nobody else can see."""

from __future__ import annotations

from worker_child.adapters.control.inbox import POLL_S, ControlAdapter
from worker_child.protocol import Rescue


class HoldingAdapter(ControlAdapter):
    """A kill rolls the claim back: the row is free as soon as the victim's sessions are gone."""

    name = "control_holding"
    rescue = Rescue("its row lock goes with its connection", 0.0, 0.0, POLL_S)
    claims_visible = False
