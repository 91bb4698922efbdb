"""report.html as a file: its bytes, what it may not hold, and the command that writes it."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from analysis.errors import HistoryError
from analysis.report.html import page as page_module
from analysis.report.html.page import report_page
from tests.histories.builder import Story
from tests.histories.loaded import burdened, erring, sampled, unfair
from tests.histories.planted import PLANTED
from tests.histories.side_by_side import compared, golden_stories, write
from tests.histories.stories import crash, run_twice
from tests.unit.test_summary_bytes import shuffled

ROOT = Path(__file__).parent.parent.parent
HTML = ROOT / "analysis" / "report" / "html"
NOTHING = "no job at all"
TIED = "two workers at one instant"


def without_jobs() -> Story:
    story = Story()
    story.exit(story.worker())
    story.end()
    return story


def tied() -> Story:
    """Two workers start A, and complete it, at the same instants."""
    story = run_twice(overlapping=True)
    for kind in ("job_started", "job_completed"):
        instants = [fields for found, fields in story.records if found == kind]
        for fields in instants:
            fields["t_ns"] = instants[0]["t_ns"]
    return story


STORIES: dict[str, Callable[[], Story]] = {
    "burdened": burdened,
    "erring": erring,
    "sampled": lambda: sampled([0, 5, 900, 1, 1]),
    "unfair": unfair,
    NOTHING: without_jobs,
    TIED: tied,
    **{name: planted.plant for name, planted in PLANTED.items()},
}


@pytest.fixture(autouse=True)
def _small_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """plotly.js is the same five megabytes in every page."""
    monkeypatch.setattr(page_module, "get_plotlyjs", lambda: "")


class Outline(HTMLParser):
    """Checks that elements are closed in their order, and gathers ids and what points at them."""

    VOID = frozenset({"meta", "input", "br", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.pointed_at: set[str] = set()
        self.sources: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id" and value:
                self.ids.append(value)
            if name in ("aria-labelledby", "for") and value:
                self.pointed_at |= set(value.split())
            if name in ("src", "href", "action", "poster") and value:
                self.sources.append(value)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.text.append(data)


def outline(page: str) -> Outline:
    found = Outline()
    found.feed(page)
    found.close()
    assert found.open == []
    return found


@pytest.mark.parametrize("name", STORIES)
def test_every_sort_of_history_gives_a_page_that_is_well_formed(name: str, tmp_path: Path) -> None:
    found = outline(report_page([STORIES[name]().write(tmp_path)]))

    assert len(set(found.ids)) == len(found.ids)
    assert found.pointed_at <= set(found.ids)


def test_many_runs_make_one_page_that_is_well_formed(tmp_path: Path) -> None:
    paths = [write(story, tmp_path, f"{n}") for n, story in enumerate(golden_stories())]
    found = outline(report_page(paths))

    assert len(set(found.ids)) == len(found.ids)
    assert found.pointed_at <= set(found.ids)
    assert {"chooser", "comparison"} <= set(found.ids)


def test_it_fetches_nothing(tmp_path: Path) -> None:
    paths = [write(compared("stock", n), tmp_path) for n in (1, 2)]
    page = report_page(paths)

    assert [source for source in outline(page).sources if not source.startswith("#")] == []
    assert "default-src 'none'" in page


def test_nothing_that_a_history_says_becomes_part_of_the_page(tmp_path: Path) -> None:
    hostile = "</script><script>alert(1)</script><!-- <b> & ' \" {{ 7 * 7 }}"
    stories = [compared("stock", 1), compared("stock", 2)]
    for story in stories:
        story.first("run_start").update(library=hostile, library_version=hostile)
        story.first("run_start")["scenario"]["description"] = hostile
        story.first("child_ready")["effective"] = {hostile: hostile}
    found = outline(report_page([s.write(tmp_path, f"{n}") for n, s in enumerate(stories)]))

    assert "alert(1)" in "".join(found.text)
    assert "49" not in "".join(found.text).split("alert(1)")[1][:40]
    assert "b" not in found.open


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["burdened", "erring", "a_crash", TIED])
def test_another_order_of_the_lines_gives_the_same_bytes(
    name: str, seed: int, tmp_path: Path
) -> None:
    plain = report_page([STORIES[name]().write(tmp_path, "plain")])

    assert report_page([shuffled(STORIES[name](), seed).write(tmp_path, "other")]) == plain


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONHASHSEED": "1", "TZ": "Asia/Kathmandu", "LC_ALL": "C"},
        {"PYTHONHASHSEED": "4242", "TZ": "America/St_Johns", "LC_ALL": "de_DE.UTF-8"},
    ],
    ids=["Kathmandu", "St_Johns"],
)
def test_another_time_zone_locale_and_hash_seed_give_the_same_bytes(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    paths = [burdened().write(tmp_path, "burdened"), crash().write(tmp_path, "crash")]
    paths += [write(compared(preset, 1), tmp_path) for preset in ("stock", "tuned")]
    output = tmp_path / "report.html"
    done = subprocess.run(
        [sys.executable, "-m", "analysis", "report", *map(str, paths), "--output", str(output)],
        check=True,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        timeout=60,
    )

    assert done.stdout.decode().startswith(f"written: {output}")
    assert output.read_text(encoding="utf-8") == report_page(paths)


def test_the_page_says_what_the_terminal_says(tmp_path: Path) -> None:
    text = "".join(outline(report_page([crash().write(tmp_path)])).text)

    for words in ("PASS (the scenario's expectations are met)", "re-executions", "1 sequential"):
        assert words in text


def test_the_data_of_each_run_can_be_read_back(tmp_path: Path) -> None:
    page = report_page([crash().write(tmp_path)])
    data = json.loads(re.findall(r'id="run-0-data">(.*?)</script>', page)[0])

    assert data["jobs"]["count"] == 3
    assert {"latency", "throughput"} <= data["plots"].keys()


def test_a_file_that_is_no_history_is_named_and_left_out(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.jsonl"
    foreign.write_text("{}\n")
    text = "".join(outline(report_page([foreign, crash().write(tmp_path)])).text)

    assert "Left out: foreign.jsonl, line 1" in text
    with pytest.raises(HistoryError, match=r"foreign\.jsonl"):
        report_page([foreign])


def test_every_colour_that_a_chart_names_is_defined_for_light_and_dark(tmp_path: Path) -> None:
    style = (HTML / "page.css").read_text()
    light, dark = style.split("@media (prefers-color-scheme: dark)")
    names = ("burdened", "a_crash", "erring")
    pages = [report_page([STORIES[name]().write(tmp_path)]) for name in names]
    used = {colour for page in pages for colour in re.findall(r'"(--[a-z0-9-]+)"', page)}

    assert used
    assert [c for c in sorted(used) if f"{c}:" not in light or f"{c}:" not in dark] == []


def test_the_order_of_the_files_is_the_order_of_the_runs(tmp_path: Path) -> None:
    paths = [write(compared("stock", n), tmp_path) for n in (1, 2, 3)]
    random.Random(1).shuffle(paths)
    page = report_page(paths)

    assert re.findall(r'data-run="([^"]+)"', page) == [path.stem for path in paths]


def test_the_page_hides_nothing_that_the_charts_draw() -> None:
    """Plotly's own classes; a rule for one of them takes the bars and points away."""
    rules = Path(page_module.__file__).with_name("page.css").read_text()

    assert re.findall(r"\.(?:point|points|trace|traces|bars|scatter)\b", rules) == []
