"""A folder of the run's own, for a cache that keeps its results in files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.postgres.cluster import usual_places
from orchestrator.processes.janitor import Janitor
from orchestrator.scenario.types import Scenario
from worker_child.adapters.contract import CACHE_FOLDER_VARIABLE


@contextmanager
def cache_folder(scenario: Scenario, janitor: Janitor) -> Iterator[None]:
    """Meanwhile whatever the parent starts finds the folder's path in its environment, where the
    scenario has a cache. The janitor removes it. Raises `NotMadeError`."""
    if scenario.workload.cache is None:
        yield
        return
    places = usual_places()
    fit = (place for place in places if os.access(place, os.W_OK | os.X_OK))
    os.environ[CACHE_FOLDER_VARIABLE] = str(janitor.directory(next(fit, places[0])))
    try:
        yield
    finally:
        del os.environ[CACHE_FOLDER_VARIABLE]
