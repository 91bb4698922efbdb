"""What a worker that died unasked said last is kept, and quoted where its death is reported."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from analysis.report.terminal import last_words, print_summary
from analysis.summary.summary import analyse
from analysis.summary.types import Summary, UnexpectedExit
from tests.histories.stories import crash, died_unasked

TRACEBACK = [
    "Traceback (most recent call last):",
    *(f'  File "queue.py", line {line}, in fetch' for line in range(1, 9)),
    "RuntimeError: the queue has gone",
]


def judged(stderr: str, folder: Path, *, ours: bool = False) -> Summary:
    story = died_unasked(ours=ours)
    story.first("child_exited", reason="died")["stderr_tail"] = stderr
    return analyse(story.write(folder))


def printed(summary: Summary) -> str:
    out = io.StringIO()
    print_summary(summary, Console(file=out, width=100, color_system="truecolor"))
    return out.getvalue()


@pytest.mark.parametrize("ours", [False, True], ids=["its own fault", "our fault"])
def test_the_end_of_a_traceback_is_quoted(ours: bool, tmp_path: Path) -> None:
    summary = judged("\n".join(TRACEBACK) + "\n", tmp_path, ours=ours)
    (left,) = summary.unexpected_exits
    text = printed(summary)

    assert left.stderr == TRACEBACK[-8:]
    assert left.ours is ours
    assert "The last that slot 0 incarnation 0 wrote to stderr:" in text
    assert "RuntimeError: the queue has gone" in text
    assert "line 1, in fetch" not in text


def test_what_a_worker_wrote_cannot_steer_the_terminal(tmp_path: Path) -> None:
    text = printed(judged("\x1b[2J\x1b]0;pwned\x07[bold]not markup[/bold]\u202egone", tmp_path))

    assert "\x1b[2J" not in text
    assert "\x07" not in text
    assert "\u202e" not in text
    assert r"\x1b[2J\x1b]0;pwned\x07[bold]not markup[/bold]\u202egone" in text


def test_an_endless_line_is_cut(tmp_path: Path) -> None:
    (left,) = judged("x" * 10_000, tmp_path).unexpected_exits

    assert len(left.stderr[0]) == 300


def test_a_run_in_which_nobody_died_unasked_has_nothing_to_quote(tmp_path: Path) -> None:
    summary = analyse(crash().write(tmp_path))

    assert summary.unexpected_exits == ()
    assert b"unexpected_exits" not in summary.as_json()
    assert "wrote to stderr" not in printed(summary)


def test_workers_that_said_the_same_are_quoted_once_and_no_more_than_three_endings() -> None:
    def left(slot: int, said: str) -> UnexpectedExit:
        return UnexpectedExit(slot=slot, incarnation=0, ours=False, stderr=[said])

    same = [left(slot, "gone") for slot in range(4)]
    others = [left(slot, f"gone for reason {slot}") for slot in range(4, 8)]
    lines = list(last_words([*same, *others]))

    assert lines[:2] == [
        "The last that slot 0 incarnation 0 and 3 more wrote to stderr:",
        "  gone",
    ]
    assert len(lines) == 2 * 3 + 1
    assert lines[-1] == "2 more said something else: see the summary."
