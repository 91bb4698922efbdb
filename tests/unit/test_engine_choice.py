"""Which engine a matrix gets: Dask is an extra, and its absence or misuse is a sentence."""

from __future__ import annotations

import subprocess
import sys

import pytest

from orchestrator.commands.engine.choice import engine_for
from orchestrator.commands.engine.engine import LocalEngine
from orchestrator.errors import ClusterError

ADDRESS = "tcp://127.0.0.1:9"
CLUSTER = "orchestrator.commands.engine.cluster"


def refuse(address: str, dsn: str | None) -> str:
    with pytest.raises(ClusterError) as refused, engine_for(address, [], dsn, print):
        pass
    return str(refused.value)


def test_without_an_address_it_is_this_machine() -> None:
    with engine_for(None, [], "postgresql://u:hunter2@h/d", print) as engine:
        assert isinstance(engine, LocalEngine)


def test_a_connection_string_is_refused_and_not_quoted() -> None:
    said = refuse(ADDRESS, "postgresql://u:hunter2@h/d")
    assert "cannot go with --dask" in said and "hunter2" not in said


@pytest.mark.parametrize("missing", ["dask", "distributed"])
def test_without_the_extra_the_command_that_installs_it_is_told(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.delitem(sys.modules, CLUSTER, raising=False)
    said = refuse(ADDRESS, None)
    assert f"{sys.executable} -P -m pip install distributed==" in said


def test_the_command_line_is_imported_without_dask() -> None:
    program = (
        "import sys; sys.modules['dask'] = sys.modules['distributed'] = None;"
        "import orchestrator.commands.cli"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
