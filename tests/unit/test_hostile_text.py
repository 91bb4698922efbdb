"""Whatever a history says reaches every report as text: in a terminal, on a page, in a table."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from analysis.commands import explain_command, jobs_command
from analysis.report.console import HarmlessConsole, HarmlessFormatter, complain, harmless
from analysis.report.html import page as page_module
from analysis.report.html.page import report_page
from analysis.report.markdown import code, escaped, table
from analysis.report.terminal import print_summary
from analysis.summary.summary import analyse
from orchestrator.commands.matrix.junit import as_junit
from orchestrator.commands.matrix.outcome import Outcome
from orchestrator.history.records import KINDS
from tests.histories.builder import Story
from tests.histories.hostile import FORBIDDEN, HOSTILE, any_texts, hostile, with_every_kind
from tests.histories.loaded import erring, unfair
from tests.histories.side_by_side import everything
from tests.histories.stories import A, crash

FOUND = Path(__file__).parent.parent / "found"
STORIES: dict[str, Callable[[], Story]] = {
    "a crash": crash,
    "tenants": unfair,
    "errors": erring,
    "every kind": lambda: with_every_kind(crash()),
}


def written(folder: Path, make: Callable[[], Story], ordinal: int = 1) -> Path:
    story = make()
    story.first("run_start")["ordinal"] = ordinal
    lines, _ = hostile(story)
    path = folder / f"{ordinal}.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


@pytest.fixture(params=STORIES)
def runs(request: pytest.FixtureRequest, tmp_path: Path) -> list[Path]:
    return [written(tmp_path, STORIES[request.param], ordinal) for ordinal in (1, 2)]


def assert_fit_for_a_terminal(said: str) -> None:
    assert [char for char in said if not char.isprintable() and char != "\n"] == []
    assert not any(line.lstrip().startswith("PASS (the") for line in said.splitlines()), "forged"


def test_every_text_field_of_every_kind_of_line_is_made_hostile() -> None:
    story = with_every_kind(crash())
    _, taken = hostile(story)
    of_first_level = {(kind, path[0]) for kind, path in taken}

    for kind in KINDS:
        missing = {name for name in any_texts(kind) if (kind, name) not in of_first_level}
        assert kind in ("run_start", "run_end") or missing - {"what"} == set(), kind
    assert ("run_start", "scenario_name") in of_first_level
    assert len(taken) > 40


def test_a_terminal_shows_it_as_text(runs: list[Path]) -> None:
    out = io.StringIO()
    for path in runs:
        print_summary(analyse(path), HarmlessConsole(file=out, width=120, highlight=False))

    assert_fit_for_a_terminal(out.getvalue())


def test_the_explanation_of_a_job_shows_it_as_text(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    explain_command(runs[0], A + HOSTILE, lines=True, stderr=True)
    said = capsys.readouterr().out

    assert "hacked" in said
    assert_fit_for_a_terminal(said)


def test_an_error_that_quotes_it_begins_no_line_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    complain(ValueError(HOSTILE))
    said = capsys.readouterr().err

    assert said.startswith("error: ")
    assert all(line.startswith(("error: ", "  ")) for line in said.splitlines())
    assert [char for char in FORBIDDEN if char in said] == []


def test_a_file_that_cannot_be_read_is_named_with_why_and_no_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "no.jsonl"
    with pytest.raises(FileNotFoundError) as refused:
        missing.read_text()
    complain(refused.value)

    assert capsys.readouterr().err == f"error: {missing}: No such file or directory\n"


def test_a_console_and_the_log_let_no_control_character_through(tmp_path: Path) -> None:
    out = io.StringIO()
    console = HarmlessConsole(file=out, force_terminal=True, color_system="truecolor", width=80)
    console.print(f"file {HOSTILE}", style="bold", markup=False)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    record = HarmlessFormatter("%(message)s")

    assert out.getvalue().startswith("\x1b[1m"), "what rich itself sends is kept"
    assert [char for char in FORBIDDEN if char in plain] == []
    assert record.usesTime() is False
    assert harmless("a\tb\xa0c\udcff") == "a   b c\\udcff"
    assert isinstance(console, Console)


class Elements(HTMLParser):
    """Gathers what a browser would make elements, attributes and links of."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]


def elements(page: str) -> Elements:
    found = Elements()
    found.feed(page)
    return found


def assert_harmless_page(page: str, scripts: int) -> None:
    found = elements(page)
    assert "hacked" in page
    assert {"img", "b"} & set(found.tags) == set()
    assert "<em>bold" not in page
    assert found.tags.count("script") == scripts
    assert found.handlers == []
    assert [link for link in found.links if not link.startswith("#")] == []


def test_the_report_has_no_element_of_it(
    runs: list[Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(page_module, "get_plotlyjs", lambda: "")
    plain = [crash().write(tmp_path, "plain")]
    own = elements(report_page(plain)).tags.count("script")

    assert_harmless_page(report_page(runs[:1]), own)
    assert_harmless_page(report_page(runs), own + 2)


def test_the_reports_policy_names_its_scripts_and_no_inline_handler_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_module, "get_plotlyjs", lambda: "")
    page = report_page([crash().write(tmp_path)])
    (policy,) = re.findall(r"script-src ([^;]*);", page)

    assert "unsafe" not in policy
    assert policy.count("'sha256-") == elements(page).tags.count("script") - 1


@pytest.mark.parametrize("number", [1, 2])
def test_the_found_histories_with_an_element_in_the_scenarios_name_are_text(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_module, "get_plotlyjs", lambda: "")
    both = [FOUND / f"html_injection_by_scenario_name_{one}.jsonl" for one in (1, 2)]
    for paths in (both, both[number - 1 : number]):
        found = elements(report_page(paths))
        assert "img" not in found.tags
        assert found.handlers == []


def test_results_has_no_element_link_heading_or_row_of_it(runs: list[Path], tmp_path: Path) -> None:
    page = everything(runs)
    plain = [crash().write(tmp_path, "plain")]
    rendered = MarkdownIt("commonmark").enable("table").render(page)

    assert {"img", "script", "b", "a"} & set(elements(rendered).tags) == set()
    assert "<em>bold" not in rendered
    assert "a heading" in page
    assert "\n# a heading" not in page
    assert page.count("\n# ") == everything(plain).count("\n# ")
    assert [char for char in FORBIDDEN if char in page] == []
    for line in page.splitlines():
        if line.startswith("|"):
            assert line.endswith("|")


@pytest.mark.parametrize(
    "text",
    [
        *("# one", "> one", "- one", "1. one", "2) one", "---", "===", "[a]: http://b", "![a](b)"),
        *("<i>one</i>", "`one`", "*one*", "~~one~~", "a|b", "a\\|b", "&lt;", "+ one", "[a](b)"),
        "\\",
    ],
)
def test_an_escaped_text_is_a_paragraph_that_says_just_that(text: str) -> None:
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    page = parser.render(escaped(text))
    rows = parser.render("\n".join(table(("a", "b"), [(escaped(text), code(text))])))
    said = "".join(_Said.of(page))

    assert elements(page).tags == ["p"]
    assert said.strip() == text.replace("`", "'")
    assert set(elements(rows).tags) <= {"table", "thead", "tbody", "tr", "th", "td", "code"}
    assert rows.count("<td") == 2


class _Said(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @classmethod
    def of(cls, page: str) -> list[str]:
        made = cls()
        made.feed(page)
        made.close()
        return made.texts


@pytest.mark.parametrize("output_format", ["csv", "jsonl"])
def test_the_jobs_are_one_row_each_for_another_tool(
    runs: list[Path], output_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs_command(runs[0], output_format)
    said = capsys.readouterr().out
    ids = (
        [row["job_id"] for row in csv.DictReader(io.StringIO(said, newline=""))]
        if output_format == "csv"
        else [json.loads(line)["job_id"] for line in said.split("\n") if line]
    )

    assert A + HOSTILE in ids
    assert all(HOSTILE in job_id for job_id in ids)


def test_junit_holds_it_as_text() -> None:
    figures = {"jobs.lost": HOSTILE, HOSTILE: "1"}
    outcome = Outcome(
        HOSTILE, HOSTILE, HOSTILE, HOSTILE, "fail", 1, (HOSTILE,), control=HOSTILE, figures=figures
    )
    root = ElementTree.fromstring(as_junit([outcome]))  # noqa: S314

    assert {element.tag for element in root.iter()} == {
        "testsuites",
        "testsuite",
        "testcase",
        "properties",
        "property",
        "failure",
    }
