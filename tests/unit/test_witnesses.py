"""What one witness says is held against every other: found histories, each for its own reason."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.checks.consistency import disagreements
from analysis.history.load import load
from analysis.summary.summary import analyse
from tests.histories.builder import RUN_ID
from tests.histories.stories import A, crash, healthy

FOUND = Path(__file__).parent.parent / "found"


def mended(name: str, folder: Path) -> Path:
    """A found history whose run_end counts its bytes rightly: that is not what it is found for."""
    text = gzip.decompress((FOUND / f"{name}.jsonl.gz").read_bytes())
    before = text.rstrip(b"\n").rfind(b"\n") + 1
    end = re.sub(rb'"bytes_written":\d+', b'"bytes_written":%d' % before, text[before:])
    path = folder / f"{name}.jsonl"
    path.write_bytes(text[:before] + end)
    return path


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (
            "hidden_duplicate_open_execution_in_a_clean_worker",
            "Slot 0 incarnation 1 stopped cleanly after a drain that agreed, and an execution is",
        ),
        ("effect_seen_at_the_kill_gone_at_the_end", "was read at a kill and is gone at the final"),
    ],
)
def test_a_found_history_is_void_for_its_own_reason(name: str, why: str, tmp_path: Path) -> None:
    summary = analyse(mended(name, tmp_path))

    assert summary.verdict == "invalid"
    assert any(why in reason for reason in summary.reasons), summary.reasons
    assert not any("bytes" in reason for reason in summary.reasons), summary.reasons


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda text: text.replace('"length_us":5000', '"length_us":50000', 1), "bytes precede it"),
        (lambda text: text.replace('"rate_per_s":1.0', '"rate_per_s":2.0', 1), "digest is"),
        (lambda text: text.replace(RUN_ID, "another-name-stock-001"), "by its run_start it is"),
        (lambda text: text.replace('"preset":"stock"', '"preset":"tuned"', 1), "by its run_start"),
    ],
)
def test_a_file_that_was_changed_by_hand_is_void(
    change: Callable[[str], str], why: str, tmp_path: Path
) -> None:
    text = healthy().write(tmp_path).read_text()
    path = tmp_path / "changed.jsonl"
    path.write_text(change(text))
    summary = analyse(path)

    assert change(text) != text
    assert summary.verdict == "invalid"
    assert any(why in reason for reason in summary.reasons), summary.reasons


def test_a_history_that_was_written_by_hand_with_care_passes(tmp_path: Path) -> None:
    assert analyse(crash().write(tmp_path)).verdict == "pass"


@pytest.mark.parametrize(
    ("told", "instead", "why"),
    [
        (r'"bytes_written":\d+', '"bytes_written":0', "run_end says that 0 bytes precede it"),
        (r'"application_name":"cb:\w+:0:0"', '"application_name":"cb"', "bears the name 'cb'"),
    ],
)
def test_a_history_of_version_1_is_asked_for_its_bytes_and_its_sessions_names_as_well(
    told: str, instead: str, why: str, tmp_path: Path
) -> None:
    text = (FOUND.parent / "histories" / "a_crash.jsonl").read_text()
    path = tmp_path / "changed.jsonl"
    path.write_text(re.sub(told, instead, text))
    history = load(path)

    assert history.version == 1
    assert any(why in sentence for sentence in disagreements(history))


def test_a_row_that_was_told_of_cannot_be_recovered_as_well(tmp_path: Path) -> None:
    story = healthy()
    told = story.first("job_enqueued", job_id=A)
    story.record("job_enqueued", **{**told, "outcome": "recovered"})
    reasons = " ".join(analyse(story.write(tmp_path)).reasons)
    assert "recovered although their enqueue is told of" in reasons
