"""The generated documents say what the types say, and are enough to write another analyser."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from analysis.history.lines import line_decoder
from orchestrator.documents.__main__ import drifted, main, write
from orchestrator.documents.contents import (
    HISTORY,
    HISTORY_SCHEMA,
    PROTOCOL,
    PROTOCOL_SCHEMA,
    contents,
)
from orchestrator.documents.examples import EXAMPLES, line_of
from orchestrator.documents.fields import fields_of, json_type
from orchestrator.documents.meanings import MEANINGS, NOTES
from orchestrator.documents.schemas import HISTORY_PARTS, WIRE_LINES, WIRE_PARTS
from orchestrator.history.records import KINDS, RowRead
from orchestrator.paths import ROOT
from worker_child.protocol import EVENT_KINDS, JobCompleted, JobEnqueued, Rescue

STRUCTS: list[type[msgspec.Struct]] = [
    *KINDS.values(),
    *HISTORY_PARTS,
    *WIRE_LINES,
    *WIRE_PARTS,
]


def test_what_stands_in_the_checkout_is_what_the_types_say() -> None:
    assert drifted(ROOT) == [], "run `make docs`"


def test_a_changed_and_a_missing_document_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path)
    main(["--check", "--root", str(tmp_path)])
    history = tmp_path / HISTORY
    history.write_text(history.read_text().replace("| `job_id` | string", "| `job_id` | integer"))
    (tmp_path / PROTOCOL_SCHEMA).unlink()
    with pytest.raises(SystemExit) as left:
        main(["--check", "--root", str(tmp_path)])
    assert left.value.code == 1
    told = capsys.readouterr().err
    assert f"{HISTORY}, {PROTOCOL_SCHEMA}" in told
    assert "make docs" in told
    assert "PROTOCOL.md" not in told


def test_the_same_types_give_the_same_bytes_whatever_the_hash_seed() -> None:
    program = (
        "import hashlib; from orchestrator.documents.contents import contents;"
        "print(hashlib.sha256(repr(contents()).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            cwd=ROOT,
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_every_field_has_a_meaning_and_no_meaning_is_left_over() -> None:
    for struct in STRUCTS:
        assert all(field.meaning for field in fields_of(struct))
    names = {field.name for struct in STRUCTS for field in msgspec.structs.fields(struct)}
    qualified = {
        f"{struct.__name__}.{field.name}"
        for struct in STRUCTS
        for field in msgspec.structs.fields(struct)
    }
    assert MEANINGS.keys() <= names | qualified


def test_a_field_is_documented_by_the_text_under_it_and_under_its_name_in_the_json() -> None:
    fields = {field.name: field for field in fields_of(JobEnqueued)}
    assert fields["t_ns"].meaning == "When the line was made: after the acknowledgement."
    assert "class" in fields
    assert "job_class" not in fields
    assert fields["length_us"].unit == "us"
    assert (fields["job_id"].always, fields["tenant"].always) == (True, False)


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (int | None, "integer or null"),
        (list[tuple[int, int, int]], "list of list of 3 integers"),
        (tuple[str, ...], "list of string"),
        (Literal["a", "b"], '`"a"` or `"b"`'),
        (dict[str, Any], "object"),
        (Rescue | None, "[Rescue](#rescue) or null"),
    ],
)
def test_types_are_told_as_json_knows_them(wanted: Any, text: str) -> None:
    assert json_type(wanted) == text


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_of_each_kind_is_a_line_that_the_analysis_reads(kind: str) -> None:
    line = line_of(EXAMPLES[kind])
    assert line_decoder().decode(line).fields.t_ns == json.loads(line)["fields"]["t_ns"]
    assert line in contents()[HISTORY]


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_of_each_kind_fits_its_schema(kind: str) -> None:
    schema = json.loads(contents()[HISTORY_SCHEMA])
    accepting = [
        option
        for option in schema["oneOf"]
        if fits(json.loads(line_of(EXAMPLES[kind])), option, schema)
    ]
    assert [option["properties"]["kind"]["const"] for option in accepting] == [kind]


def test_the_schema_of_the_wire_wants_n_even_where_the_history_does_not() -> None:
    schema = json.loads(contents()[PROTOCOL_SCHEMA])
    (*_, events) = schema["anyOf"]
    line = json.loads(line_of(EXAMPLES["job_retried"]))
    assert any(fits(line, event, schema) for event in events["oneOf"])
    del line["fields"]["n"]
    assert not any(fits(line, event, schema) for event in events["oneOf"])


def test_what_an_event_holds_is_described_in_one_document_alone() -> None:
    documents = contents()
    for kind, struct in EVENT_KINDS.items():
        assert f"### {kind}\n" in documents[HISTORY]
        assert f"### {kind}\n" not in documents[PROTOCOL]
        assert f"(../orchestrator/history/HISTORY.md#{kind})" in documents[PROTOCOL]
        assert struct.__name__ not in json.loads(documents[PROTOCOL_SCHEMA])["$defs"]


@pytest.mark.parametrize("name", [PROTOCOL, HISTORY, "scenarios/README.md"])
def test_every_link_of_a_generated_page_leads_somewhere(name: str) -> None:
    documents = contents()
    links = re.findall(r"\]\(([^)]+)\)", documents[name])
    assert links
    for link in links:
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.is_file(), link
        page = documents.get(str(target.resolve().relative_to(ROOT)), "")
        headings = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in headings}
        assert not anchor or anchor in anchors, link


def test_the_recount_on_the_page_runs_and_counts_jobs_executed_twice(tmp_path: Path) -> None:
    found = re.search(r"```python\n(.*?)```", contents()[HISTORY], re.DOTALL)
    assert found is not None
    script, history = tmp_path / "recount.py", tmp_path / "run.jsonl"
    script.write_text(found[1])
    assert len(found[1].splitlines()) <= 10
    completed = EXAMPLES["job_completed"]
    assert isinstance(completed, JobCompleted)
    again = msgspec.structs.replace(completed, n=1, incarnation=1, execution=1)
    other = msgspec.structs.replace(completed, n=500, job_id="j000225", execution=225)
    lines = [EXAMPLES["run_start"], completed, other, again, EXAMPLES["run_end"]]
    history.write_text("".join(line_of(line) + "\n" for line in lines))
    output = subprocess.run(
        [sys.executable, script, history], check=True, capture_output=True, text=True
    ).stdout
    assert output == "1\n"


def test_every_code_of_a_note_in_the_code_is_explained_and_no_other() -> None:
    assert set(note_codes()) == NOTES.keys()


def test_the_closing_line_of_a_read_has_no_job() -> None:
    closing = line_of(RowRead(t_ns=1, read="final", lines=0))
    assert json.loads(closing)["fields"] == {"t_ns": 1, "read": "final", "lines": 0}


def note_codes() -> Iterator[str]:
    """The codes of all notes that the parent and the children write, found in their source."""
    for folder in ("orchestrator", "worker_child"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.parent.name != "documents":
                yield from _codes_in(ast.parse(path.read_text()))


def _codes_in(tree: ast.Module) -> Iterator[str]:
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        name = ast.unparse(call.func).rsplit(".", 1)[-1]
        given: list[ast.expr]
        if name == "Note":
            given = [*call.args[1:2], *(word.value for word in call.keywords if word.arg == "code")]
        elif name == "_note":
            given = [word for word in call.args if isinstance(word, ast.Constant)]
            given = given[:1]
        else:
            continue
        yield from (str(code.value) for code in given if isinstance(code, ast.Constant))


def fits(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    """Whether `value` is valid, by as much of JSON Schema as the generated ones use."""
    if "$ref" in schema:
        file, _, name = schema["$ref"].partition("#/$defs/")
        # The wire's schema refers to the history's, which lies in another room.
        root = json.loads(contents()[HISTORY_SCHEMA]) if file else root
        schema = root["$defs"][name]
    checks: dict[str, Callable[[Any], bool]] = {
        "const": lambda wanted: value == wanted,
        "enum": lambda wanted: value in wanted,
        "type": lambda wanted: isinstance(value, _JSON_TYPES[wanted]),
        "required": lambda wanted: set(wanted) <= value.keys(),
        "pattern": lambda wanted: re.search(wanted, value) is not None,
        "anyOf": lambda wanted: any(fits(value, option, root) for option in wanted),
        "allOf": lambda wanted: all(fits(value, option, root) for option in wanted),
        "properties": lambda wanted: all(
            fits(value[name], inner, root) for name, inner in wanted.items() if name in value
        ),
        "additionalProperties": lambda wanted: (
            wanted is not False or value.keys() <= schema["properties"].keys()
        ),
        "items": lambda wanted: wanted is False or all(fits(item, wanted, root) for item in value),
        "prefixItems": lambda wanted: all(
            fits(item, inner, root) for item, inner in zip(value, wanted, strict=True)
        ),
    }
    return all(check(schema[word]) for word, check in checks.items() if word in schema)


_JSON_TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}
