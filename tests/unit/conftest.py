"""Fixtures of the unit tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.summary.summary import analyse
from tests.unit.stories_read import Read


@pytest.fixture
def read(tmp_path: Path) -> Read:
    return lambda story: analyse(story.write(tmp_path))
