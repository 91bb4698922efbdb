"""`crashbench conformance` from the command line: its table, its reason, its exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.command_line import desk
from worker_child.paths import TEMPLATES

WRONG_ADAPTERS = Path(__file__).resolve().parents[1] / "wrong_adapters"


@pytest.mark.database
@pytest.mark.parametrize(
    ("adapter", "code", "sentence"),
    [
        (TEMPLATES / "python", 0, "my_queue (tuned) conforms: 1 of 1 are met"),
        (
            WRONG_ADAPTERS / "acknowledges_first",
            1,
            "acknowledges_first (tuned) does NOT conform: 1 of 1 are broken",
        ),
    ],
)
def test_the_exit_code_says_whether_an_adapter_conforms(
    adapter: Path, code: int, sentence: str, tmp_path: Path
) -> None:
    with desk(tmp_path) as at:
        ended = at.run("conformance", str(adapter), "--only", "acknowledges last")

        assert ended.code == code, str(ended)
        assert sentence in ended.out
        assert list(at.temporary.iterdir()) == []


def test_a_check_that_does_not_exist_is_a_usage_error(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        ended = at.run("conformance", "pgqueuer", "--only", "acknowledged last")

    assert ended.code == 2
    assert "acknowledges last" in ended.error
