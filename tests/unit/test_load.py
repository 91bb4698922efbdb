"""Reading a history: foreign, damaged and torn files, and who may stand in one."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from analysis.errors import HistoryError
from analysis.history.load import load, read_blocks
from analysis.summary.summary import analyse
from tests.histories.builder import RUN_ID, Story
from tests.histories.stories import A, crash, healthy


def written(folder: Path, text: str) -> Path:
    path = folder / f"{RUN_ID}.jsonl"
    path.write_text(text)
    return path


def text_of(story: Story) -> str:
    return "".join(f"{line}\n" for line in story.lines())


@pytest.mark.parametrize("block_bytes", [1, 7, 64, 1000, 100_000])
def test_blocks_hold_whole_lines_and_together_the_file(block_bytes: int) -> None:
    text = text_of(crash()).encode() + b"a tail"
    blocks = list(read_blocks(io.BytesIO(text), block_bytes))

    assert b"".join(blocks) == text
    assert all(block.endswith(b"\n") for block in blocks[:-1])


def test_a_torn_tail_is_accepted_once_and_makes_the_run_invalid(tmp_path: Path) -> None:
    summary = analyse(written(tmp_path, text_of(healthy())[:-40]))

    assert summary.verdict == "invalid"
    assert any("truncated" in reason for reason in summary.reasons)


def test_a_last_line_without_its_line_end_is_whole(tmp_path: Path) -> None:
    assert analyse(written(tmp_path, text_of(healthy())[:-1])).verdict == "pass"


def test_a_line_torn_in_the_middle_is_an_error_that_names_it(tmp_path: Path) -> None:
    lines = text_of(healthy()).splitlines(keepends=True)
    lines[4] = lines[4][:50] + "\n"

    with pytest.raises(HistoryError, match=r"line 5: the line is malformed") as caught:
        load(written(tmp_path, "".join(lines)))
    assert caught.value.line == 5


@pytest.mark.parametrize(
    "text",
    ["", "not JSON at all\n", '{"some": "object"}\n', "\x00\x01\x02", "[1, 2]\n"],
    ids=["empty", "text", "another_object", "binary", "an_array"],
)
def test_a_foreign_file_is_refused_with_what_to_do(text: str, tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match=r"Give a \.jsonl file"):
        load(written(tmp_path, text))


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    text = text_of(healthy()).replace('"kind":"job_started"', '"kind":"job_begun"')

    with pytest.raises(HistoryError, match="does not fit its kind"):
        load(written(tmp_path, text))


def test_an_unknown_kind_on_the_last_line_is_not_taken_for_a_torn_tail(tmp_path: Path) -> None:
    text = text_of(healthy()).replace('"kind":"run_end"', '"kind":"the_end"')

    with pytest.raises(HistoryError, match="does not fit its kind"):
        load(written(tmp_path, text))


def test_a_line_of_another_run_is_refused(tmp_path: Path) -> None:
    lines = text_of(healthy()).splitlines(keepends=True)
    lines[6] = lines[6].replace(RUN_ID, "another-run-stock-001")

    with pytest.raises(HistoryError, match=r"line 7: the line belongs to run 'another-run"):
        load(written(tmp_path, "".join(lines)))


@pytest.mark.parametrize("run_id", ["../../etc/x", "", "a b", ".hidden"])
def test_a_run_id_that_is_no_file_name_is_refused(run_id: str, tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="cannot be the name of a run"):
        load(written(tmp_path, text_of(healthy()).replace(RUN_ID, run_id)))


def test_a_line_with_a_further_key_is_refused(tmp_path: Path) -> None:
    lines = text_of(healthy()).splitlines(keepends=True)
    lines[3] = lines[3].replace('{"run_id"', '{"extra":1,"run_id"')

    with pytest.raises(HistoryError, match="line 4"):
        load(written(tmp_path, "".join(lines)))


def test_keys_in_another_order_and_spaces_are_read_all_the_same(tmp_path: Path) -> None:
    lines = [dict(reversed(json.loads(line).items())) for line in crash().lines()]
    before = sum(len(json.dumps(line)) + 1 for line in lines[:-1])
    lines[-1]["fields"]["bytes_written"] = before
    path = written(tmp_path, "".join(f"{json.dumps(line)}\n" for line in lines))
    plain = analyse(crash().write(tmp_path, "plain"))

    assert analyse(path).as_json() == plain.as_json()


def test_another_version_of_the_history_is_refused(tmp_path: Path) -> None:
    story = healthy()
    story.first("run_start")["history_version"] = 99

    with pytest.raises(HistoryError, match="version 99"):
        load(story.write(tmp_path))


def test_two_run_starts_are_refused(tmp_path: Path) -> None:
    story = healthy()
    story.records.append(story.records[0])

    with pytest.raises(HistoryError, match="2 run_start lines"):
        load(story.write(tmp_path))


def test_a_number_beyond_64_bits_is_refused(tmp_path: Path) -> None:
    story = healthy()
    story.first("job_started")["t_ns"] = 2**70

    with pytest.raises(HistoryError):
        load(story.write(tmp_path))


def test_a_slot_that_no_key_can_hold_is_refused(tmp_path: Path) -> None:
    story = healthy()
    story.first("job_started")["slot"] = 2**20

    with pytest.raises(HistoryError, match="identity lies outside"):
        load(story.write(tmp_path))


def test_explicit_nulls_read_like_missing_keys(tmp_path: Path) -> None:
    story = crash()
    for kind, fields in story.records:
        if kind == "job_enqueued":
            fields |= {"n": None, "slot": None, "incarnation": None}
        if kind == "job_started":
            fields["inbox_id"] = None
    path = story.write(tmp_path)

    assert analyse(path).verdict == "pass"


@pytest.mark.parametrize(
    "names",
    [
        ["j0000é1", "j000000/7", "j1234567", "x", "h000000", "j00000x"],
        ["j00000x", "j0000-1", "x000001", "j000004"],
    ],
    ids=["of_many_lengths", "as_long_as_ours"],
)
def test_ids_that_are_none_of_ours_keep_their_names(names: list[str], tmp_path: Path) -> None:
    story = Story()
    worker = story.worker()
    story.enqueue(A, *names)
    story.exit(worker)
    story.end()
    jobs = load(story.write(tmp_path)).jobs

    assert sorted(jobs) == sorted([A, *names])
    for name in (A, *names):
        number = jobs.number(name)
        assert number is not None
        assert jobs.name(number) == name
    assert jobs.number("j000009") is None
    assert jobs.number("nobody") is None
