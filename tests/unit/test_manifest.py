"""An adapter.toml is read whole, or refused with everything that is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import ManifestError
from orchestrator.libraries.manifest import MANIFEST, Build, Manifest, filled_in, read_manifest

GOOD = """
name = "my_queue"
inbox = "inbox:MyAdapter"
language = "go"

[build]
toolchain = "go"
minimum = "1.26"
commands = [["go", "build", "-o", "{out}/worker", "."]]
"""


def write(folder: Path, text: str) -> Path:
    (folder / MANIFEST).write_text(text)
    return folder


def test_a_manifest_is_read(tmp_path: Path) -> None:
    assert read_manifest(write(tmp_path, GOOD)) == Manifest(
        name="my_queue",
        inbox="inbox:MyAdapter",
        language="go",
        build=Build("go", "1.26", (("go", "build", "-o", "{out}/worker", "."),)),
    )


def test_a_python_worker_needs_no_build(tmp_path: Path) -> None:
    text = 'name = "mine"\ninbox = "inbox:Mine"\nlanguage = "python"\n'
    assert read_manifest(write(tmp_path, text)).build is None


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"there is no adapter\.toml in it"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "flaw"),
    [
        ("name =", "nmae =", 'nmae: unknown key at the top of the file; did you mean "name"?'),
        ('"my_queue"', '"My Queue"', "name = 'My Queue': small letters"),
        ('"inbox:MyAdapter"', '"inbox.MyAdapter"', "inbox = 'inbox.MyAdapter': write module:class"),
        (
            'language = "go"',
            'language = "cobol"',
            "language = 'cobol' is unknown; there are",
        ),
        ('"1.26"', '"latest"', "build.minimum = 'latest': write a version"),
        ("{out}/worker", "{outt}/worker", "build.commands.0 has {outt} in '{outt}/worker'"),
        ('[["go", "build", "-o", "{out}/worker", "."]]', "[[]]", "build.commands.0 is empty"),
        (
            'toolchain = "go"',
            'toolchain = "node"\nmay_be_refused = "example.com/queue"',
            "build.may_be_refused = 'example.com/queue': only a Go module may be, this needs node",
        ),
        ("[build]", "[bulid]", "bulid: unknown key at the top of the file"),
        ("name = ", "name ", "Expected '=' after a key"),
    ],
)
def test_a_flaw_is_named_with_its_remedy(tmp_path: Path, old: str, new: str, flaw: str) -> None:
    assert old in GOOD
    with pytest.raises(ManifestError) as refusal:
        read_manifest(write(tmp_path, GOOD.replace(old, new, 1)))
    assert flaw in str(refusal.value)


def test_all_flaws_come_at_once(tmp_path: Path) -> None:
    with pytest.raises(ManifestError) as refusal:
        read_manifest(write(tmp_path, GOOD.replace("my_queue", "9").replace("1.26", "new")))
    assert len(refusal.value.flaws) == 2


def test_a_worker_in_another_language_has_to_be_built(tmp_path: Path) -> None:
    text = 'name = "mine"\ninbox = "inbox:Mine"\nlanguage = "node"\n'
    with pytest.raises(ManifestError, match="a worker in node has to be built"):
        read_manifest(write(tmp_path, text))


def test_placeholders_are_filled_in_within_words() -> None:
    values = {"out": "/o", "python": "/p", "folder": "/f"}
    assert filled_in(("{python}", "-m", "{out}/{folder}"), values) == ["/p", "-m", "/o//f"]
