"""What is said of machine, code and server settings, from texts as the kernel prints them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from orchestrator.postgres.facts import durability, fdatasync_us, file_system_type
from orchestrator.run.environment import cell_hash, describe, describe_code, describe_hardware

DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}


def test_the_description_is_json_and_equal_when_asked_twice(tmp_path: Path) -> None:
    first, second = describe(tmp_path), describe(tmp_path)
    assert json.dumps(first) == json.dumps(second)
    assert first["packages"]["psycopg"]
    assert first["hardware_hash"] == cell_hash(first["hardware"])
    assert str(tmp_path) not in json.dumps(first)


def test_machines_are_told_apart_by_a_digest_that_names_none(tmp_path: Path) -> None:
    drawn = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    described = describe(tmp_path)
    assert described["boot"] == cell_hash({"boot_id": drawn})
    assert drawn not in json.dumps(described)
    assert "boot" not in described["hardware"]


def test_memory_that_the_kernel_keeps_at_boot_does_not_change_the_hardware() -> None:
    cpu = "processor\t: 0\nmodel name\t: Sleepy 3000\n"
    first = describe_hardware(cpu, "MemTotal:       24668168 kB\n")
    second = describe_hardware(cpu, "MemTotal:       24660000 kB\n")
    other = describe_hardware(cpu, "MemTotal:       32660000 kB\n")
    assert (first["cpu"], first["memory_gib"]) == ("Sleepy 3000", 24)
    assert cell_hash(first) == cell_hash(second) != cell_hash(other)


def test_a_hash_depends_on_values_and_not_on_their_order() -> None:
    assert cell_hash({"a": 1, "b": {"c": 2, "d": 3}}) == cell_hash({"b": {"d": 3, "c": 2}, "a": 1})
    assert cell_hash({"a": 1}) != cell_hash({"a": 2})
    with pytest.raises(ValueError, match="JSON compliant"):
        cell_hash({"a": float("nan")})


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_a_checkout_tells_its_commit_and_whether_it_was_changed(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
        subprocess.run(["git", "-C", str(tmp_path), *who, *words], check=True)  # noqa: S607

    git("init", "--quiet")
    assert describe_code(tmp_path)["commit"] is None
    code = tmp_path / "orchestrator" / "file"
    code.parent.mkdir()
    code.write_text("one")
    git("add", ".")
    git("commit", "--quiet", "--message=first")
    clean = describe_code(tmp_path)
    (tmp_path / "RESULTS.md").write_text("no code")
    assert describe_code(tmp_path) == clean
    code.write_text("two")
    changed = describe_code(tmp_path)

    assert len(clean["commit"]) == 40
    assert (clean["dirty"], changed["dirty"]) == (False, True)
    assert clean["commit"] == changed["commit"]
    assert clean["sha256"] != changed["sha256"]


def test_outside_a_checkout_a_digest_of_our_files_tells_two_installations_apart(
    tmp_path: Path,
) -> None:
    def installed(name: str, text: str) -> dict[str, Any]:
        package = tmp_path / name / "analysis"
        package.mkdir(parents=True)
        (package / "verdict.py").write_text(text)
        return describe_code(tmp_path / name)

    one, same, another = (
        installed(name, text) for name, text in (("a", "x"), ("b", "x"), ("c", "y"))
    )
    assert one == same
    assert one["sha256"] != another["sha256"]
    assert one["version"] == another["version"]
    assert one["commit"] is None
    assert one["why"]


def test_durable_means_that_nothing_is_switched_off_and_the_data_are_on_a_disk() -> None:
    assert durability(DURABLE, "ext4") == "durable"
    assert durability(DURABLE | {"synchronous_commit": "remote_apply"}, None) == "durable"
    assert durability(DURABLE | {"fsync": "off"}, "ext4") == "not durable: fsync off"
    assert durability(DURABLE, "tmpfs") == "not durable: data on tmpfs"
    assert "synchronous_commit off" in durability(DURABLE | {"synchronous_commit": "off"}, "xfs")


def test_the_innermost_and_latest_mount_tells_the_file_system() -> None:
    mounts = (
        "21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
        "30 21 0:25 / /mnt/fast rw - xfs /dev/vdb rw\n"
        "31 21 0:26 / /mnt/fast rw - btrfs /dev/vdc rw\n"
        "32 21 0:27 / /mnt/with\\040blank rw - tmpfs tmpfs rw\n"
    )
    assert file_system_type(Path("/mnt/fast/deep"), mounts) == "btrfs"
    assert file_system_type(Path("/mnt/fastest"), mounts) == "ext4"
    assert file_system_type(Path("/mnt/with blank/x"), mounts) == "tmpfs"


def test_the_sync_probe_measures_and_leaves_no_file(tmp_path: Path) -> None:
    assert fdatasync_us(tmp_path) > 0
    assert list(tmp_path.iterdir()) == []
