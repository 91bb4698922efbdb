"""platform-lib's store: its own Go tests against a real PostgreSQL, with or without the library."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter

import pytest

from tests.conftest import Database
from tests.toolchain import need_program
from worker_child.paths import ADAPTERS

STORE = ADAPTERS / "platform_lib" / "store"
REMEDY = "install Go 1.26 or newer from https://go.dev/dl"

pytestmark = [pytest.mark.database, pytest.mark.slow, pytest.mark.timeout(300)]


def test_the_store_keeps_its_promises_against_a_postgresql(database: Database) -> None:
    done = subprocess.run(
        [need_program("go", REMEDY), "test", "-count=1", "-json", "./..."],
        cwd=STORE,
        env={
            **os.environ,
            "GOTOOLCHAIN": "local",
            "GOFLAGS": "-mod=readonly -buildvcs=false",
            "CRASHBENCH_TEST_DSN": database.worker_dsn,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    said = [json.loads(line) for line in done.stdout.splitlines()]
    text = "".join(line.get("Output", "") for line in said) + done.stderr
    assert done.returncode == 0, text
    outcomes = Counter(line["Action"] for line in said if "Test" in line)
    assert outcomes["pass"] >= 20, text
    assert outcomes["skip"] == 0, text
