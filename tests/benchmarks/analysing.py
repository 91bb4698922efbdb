"""What `analysis_cost` measures, each in a process of its own: decode a history, or judge it.

Prints one JSON object: CPU seconds of the work alone (imports excluded) and the process's highest
resident memory.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from analysis.history.lines import line_decoder
from analysis.history.load import read_blocks
from analysis.summary.summary import write_summary


class Spent(msgspec.Struct, frozen=True):
    """`cpu_s` = user and system time of the work; `peak_rss_mib` = VmHWM of the process."""

    cpu_s: float
    peak_rss_mib: float


def decode(path: Path) -> None:
    """The floor: the same lines by the same types, each block forgotten at once."""
    decoder = line_decoder()
    with path.open("rb") as file:
        for block in read_blocks(file):
            decoder.decode_lines(block)


def judge(path: Path) -> None:
    """Everything: load, fold, ledger, metrics and the summary's file."""
    write_summary(path)


WORKS: dict[str, Callable[[Path], None]] = {"decode": decode, "judge": judge}


def peak_rss_mib() -> float:
    """VmHWM of this process (proc(5)); unlike ru_maxrss it does not count what exec replaced."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise LookupError("/proc/self/status has no VmHWM line: is this kernel a Linux?")


def main(work: str, path: str) -> None:
    """Do one of `WORKS` and say what it took."""
    begun_ns = time.process_time_ns()
    WORKS[work](Path(path))
    cpu_s = (time.process_time_ns() - begun_ns) / 1e9
    sys.stdout.buffer.write(msgspec.json.encode(Spent(cpu_s, peak_rss_mib())) + b"\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
