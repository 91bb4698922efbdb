"""Two folders of tests never hold one file name: pytest then collects the first and fails."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

TESTS = Path(__file__).parents[1]


def test_every_file_of_tests_has_a_name_of_its_own() -> None:
    names = Counter(file.name for file in TESTS.rglob("test_*.py"))
    assert names
    assert [name for name, times in names.items() if times > 1] == []
