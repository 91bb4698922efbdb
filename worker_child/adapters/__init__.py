"""The table of libraries under test. Adding one touches its folder and one line here."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from worker_child.adapters.contract import Adapter

LIBRARIES: dict[str, str] = {
    "pgqueuer": "worker_child.adapters.pgqueuer.inbox:PgQueuerAdapter",
    "river": "worker_child.adapters.river.inbox:RiverAdapter",
    "platform_lib": "worker_child.adapters.platform_lib.inbox:PlatformLibAdapter",
    "graphile_worker": "worker_child.adapters.graphile_worker.inbox:GraphileWorkerAdapter",
    "procrastinate": "worker_child.adapters.procrastinate.inbox:ProcrastinateAdapter",
    "control_holding": "worker_child.controls.inbox:HoldingAdapter",
    "control_delete_first": "worker_child.controls.inbox:DeleteFirstAdapter",
    "control_never_rescues": "worker_child.controls.inbox:NeverRescuesAdapter",
    "control_late_ack": "worker_child.controls.inbox:LateAckAdapter",
    "control_short_lease": "worker_child.controls.inbox:ShortLeaseAdapter",
    "control_forking": "worker_child.controls.inbox:ForkingAdapter",
    "control_elected": "worker_child.controls.inbox:ElectedAdapter",
    "control_cache": "worker_child.controls.inbox:CacheAdapter",
    "control_keyed": "worker_child.controls.inbox:KeyedAdapter",
}
"""Library name -> ``module:class`` of its parent's side, imported only when asked for."""


def load_adapter(library: str) -> Adapter:
    """Import one library's adapter. Raises KeyError for a name that is not in the table."""
    module, _, attribute = LIBRARIES[library].partition(":")
    return cast("Adapter", getattr(import_module(module), attribute)())
