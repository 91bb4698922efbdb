"""A worker's death is ours only when its last words say so."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.workers.crash_origin import ends_in_our_code

ROOT = Path(__file__).resolve().parents[2]

PYTHON = """Traceback (most recent call last):
  File "{first}", line 1, in one
  File "{last}", line 2, in two
ValueError: no
"""
GO = """panic: runtime error: index out of range [5] with length 2

goroutine 34 [running]:
panic({{0x7d1e80?, 0xc0000141e0?}})
	runtime/panic.go:783 +0x132
{first}(0xc000012345)
	somewhere/file.go:77 +0x1d
{second}(...)
	elsewhere/file.go:12
"""
NODE = """file:///somewhere/main.mjs:1
throw new Error("no");
      ^

Error: no
    at {first}:12:34)
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)
    at async {second}:9:6

Node.js v20.20.2
"""
OURS_IN_NODE = f"Emitter.emit (file://{ROOT}/.adapters/some_queue/child/emitter.mjs"
THEIRS_IN_NODE = f"run ({ROOT}/.adapters/some_queue/node_modules/queue/main.js"
OURS, THEIRS = str(ROOT / "worker_child/body.py"), "/usr/lib/python3/library.py"
OURS_IN_GO, THEIRS_IN_GO = "crashbench/lang/go/child.(*Body).fanOut", "github.com/some/queue.Run"


@pytest.mark.parametrize(
    ("stderr", "ours"),
    [
        ("", False),
        ("out of memory", False),
        ("something\ncrashbench: a note event of 4097 bytes arrived\n", True),
        ("crashbench: no\nthe library has the last word", False),
        (PYTHON.format(first=THEIRS, last=OURS), True),
        (PYTHON.format(first=OURS, last=THEIRS), False),
        (GO.format(first=OURS_IN_GO, second=THEIRS_IN_GO), True),
        (GO.format(first="main.(*decisions).pass", second="main.main"), True),
        (GO.format(first=THEIRS_IN_GO, second=OURS_IN_GO), False),
        (GO.format(first="runtime.goexit", second=THEIRS_IN_GO), False),
        (NODE.format(first=OURS_IN_NODE, second=THEIRS_IN_NODE), True),
        (NODE.format(first=THEIRS_IN_NODE, second=OURS_IN_NODE), False),
        (
            NODE.format(first=OURS_IN_NODE, second="x")
            + NODE.format(first=THEIRS_IN_NODE, second="x"),
            False,
        ),
    ],
)
def test_the_last_words_tell_whose_fault_it_was(stderr: str, ours: bool) -> None:
    assert ends_in_our_code(stderr) is ours
