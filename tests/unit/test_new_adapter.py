"""`crashbench adapter new` writes a folder that is an adapter, and refuses what could be none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from orchestrator.errors import NewAdapterError
from orchestrator.libraries.library import find_library
from orchestrator.libraries.manifest import Language
from orchestrator.libraries.new_adapter import TEMPLATE_LANGUAGES, new_adapter, renamed
from worker_child.adapters.contract import PARITY, Workers


@pytest.mark.parametrize("language", TEMPLATE_LANGUAGES)
def test_a_new_adapter_is_found_by_its_folder_and_bears_its_own_name(
    language: Language, tmp_path: Path
) -> None:
    folder = new_adapter(f"their_{language}_queue", language, tmp_path)

    library = find_library(str(folder))
    adapter = library.load()

    assert library.name == adapter.name == f"their_{language}_queue"
    assert library.language == language
    assert adapter.preset("tuned", Workers(1, 10, 5, 5, 1.0)).parity.keys() == PARITY.keys()
    sys.modules.pop(type(adapter).__module__.partition(".")[0])


@pytest.mark.parametrize("language", TEMPLATE_LANGUAGES)
def test_nothing_in_a_new_adapter_speaks_of_the_template(
    language: Language, tmp_path: Path
) -> None:
    folder = new_adapter("their_queue", language, tmp_path)

    texts = [path.read_text() for path in folder.rglob("*") if path.is_file()]

    assert len(texts) >= 5
    assert not any("my_queue" in text or "MyQueue" in text for text in texts)


def test_names_of_classes_follow_the_library(tmp_path: Path) -> None:
    text = "class MyQueueAdapter:\n    name = 'my_queue'\n"

    assert renamed(text, "jobs_2") == ("class Jobs2Adapter:\n    name = 'jobs_2'\n")


@pytest.mark.parametrize("name", ["", "My-queue", "2fast", "a/b", "pgqueuer", "control_holding"])
def test_a_name_that_no_library_can_have_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(NewAdapterError, match="name"):
        new_adapter(name, "python", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "my_queue").mkdir()

    with pytest.raises(NewAdapterError, match="is there already"):
        new_adapter("my_queue", "python", tmp_path)
    assert list((tmp_path / "my_queue").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(NewAdapterError, match="cannot be written"):
        new_adapter("my_queue", "python", tmp_path / "file")
