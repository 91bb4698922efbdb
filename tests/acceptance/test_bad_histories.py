"""Files that are no histories, or damaged ones: a sentence, an exit code, no traceback."""

from __future__ import annotations

import msgspec
import pytest

from orchestrator.documents.examples import EXAMPLES, line_of
from orchestrator.history.records import RunStart
from orchestrator.scenario.load import load_scenario
from tests.acceptance.room import SCENARIO, Room

pytestmark = pytest.mark.database


def history_lines() -> list[str]:
    """A small history that can be read: lines as the documents show them."""
    start = EXAMPLES["run_start"]
    assert isinstance(start, RunStart)
    scenario = load_scenario(str(SCENARIO))
    records = [
        msgspec.structs.replace(start, scenario=scenario),
        EXAMPLES["child_spawned"],
        EXAMPLES["run_end"],
    ]
    return [line_of(record) + "\n" for record in records]


START, SPAWNED, END = history_lines()
FOREIGN: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty"),
    "prose": (b"Dear diary,\n", "line 1: this is no line of a history"),
    "binary": (b"\x7fELF\xff\xfe\x00\n", "line 1: this is no line of a history"),
    "others": (b'{"level":"info","msg":"hello"}\n', "line 1: this is no line of a history"),
    "latin": (b'{"run_id":"\xff","timestamp":"","kind":"note"}\n', "line 1: this is no line"),
    "damaged": ((START + SPAWNED[:50] + "\n" + END).encode(), "line 2: the line is malformed"),
    "mixed": (
        (START + SPAWNED.replace('{"run_id":"', '{"run_id":"other-')).encode(),
        "line 2: the line belongs to run 'other-",
    ),
}


def test_foreign_and_damaged_histories_are_refused_with_the_line_and_the_others_judged(
    room: Room,
) -> None:
    room.results.mkdir()
    for name, (content, _) in FOREIGN.items():
        (room.results / f"{name}.jsonl").write_bytes(content)
    (room.results / "readable.jsonl").write_text(START + SPAWNED + END)
    said = room.run(str(room.results), module="analysis")
    said.assert_refused(*(f"{name}.jsonl" for name in FOREIGN))
    for name, (_, words) in FOREIGN.items():
        (told,) = [line for line in said.error.splitlines() if f"{name}.jsonl" in line]
        assert words in told
    assert [name for name in room.names() if not name.endswith(".jsonl")] == [
        "readable.summary.json"
    ]


@pytest.mark.parametrize("name", ["prose", "latin", "damaged"])
def test_a_foreign_or_damaged_history_is_not_reproduced(room: Room, name: str) -> None:
    room.results.mkdir()
    history = room.results / f"{name}.jsonl"
    history.write_bytes(FOREIGN[name][0])
    room.run("reproduce", str(history), f"--dsn={room.dsn}").assert_refused(history.name)
    assert room.names() == [history.name]


def test_a_history_with_a_torn_last_line_is_read_up_to_it_and_not_passed(room: Room) -> None:
    room.results.mkdir()
    history = room.results / "some.jsonl.partial"
    history.write_text(START + SPAWNED + END[:40])
    said = room.run(str(history), module="analysis")
    assert said.code == 3, said.out + said.error
    assert "Traceback" not in said.error


@pytest.mark.parametrize("command", [[], ["explain", "RUN", "j000001"], ["jobs", "RUN"]])
def test_a_history_that_is_not_there_is_named(room: Room, command: list[str]) -> None:
    missing = str(room.results / "some.jsonl")
    arguments = [missing if word == "RUN" else word for word in command] or [missing]
    room.run(*arguments, module="analysis").assert_refused("some.jsonl", "No such file")


def test_a_folder_without_a_finished_history_is_named(room: Room) -> None:
    room.results.mkdir()
    said = room.run(str(room.results), module="analysis")
    said.assert_refused("no finished history", str(room.results))
