"""The delete-first control seen from the parent: a claimed row is gone."""

from __future__ import annotations

from worker_child.adapters.control.inbox import ControlAdapter


class DeleteFirstAdapter(ControlAdapter):
    """Nothing is left that could be rescued."""

    name = "control_delete_first"
    rescue = None
    claims_visible = False
