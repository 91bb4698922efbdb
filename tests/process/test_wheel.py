"""What a wheel holds: all that the checkout's packages and scenarios hold, and nothing else."""

from __future__ import annotations

import tarfile
from pathlib import Path
from zipfile import ZipFile

from tests.wheel import build, files_of_the_checkout, place_in_the_wheel

NODE_WORKER = "worker_child/lang/node/worker"


def test_the_wheel_has_every_file_of_the_checkout_and_no_other(tmp_path: Path) -> None:
    with ZipFile(build(tmp_path)) as wheel:
        entries = {entry.filename: entry for entry in wheel.infolist()}

    wanted = {place for name in files_of_the_checkout() if (place := place_in_the_wheel(name))}
    assert {"orchestrator/shipped_scenarios/crash_recovery.toml", NODE_WORKER} <= wanted
    assert {name for name in entries if ".dist-info/" not in name} == wanted
    assert entries[NODE_WORKER].external_attr >> 16 & 0o111, "it is executed, not read"


def test_the_source_distribution_has_what_the_wheel_is_built_from(tmp_path: Path) -> None:
    with tarfile.open(build(tmp_path, kind="sdist")) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}

    assert set(files_of_the_checkout()) <= held
