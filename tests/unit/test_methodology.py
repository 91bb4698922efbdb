"""METHODOLOGY.md leaves out nothing that a summary tells, and quotes the numbers of the code."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from analysis.compare.statistics import ENOUGH_RUNS, RESAMPLES
from analysis.evidence.hiccups import MAX_HICCUP_US
from analysis.ledger.duplicates import CAUSES
from analysis.ledger.flags import FLAGS
from analysis.ledger.ledger import HARNESS_REASONS, VERDICTS
from analysis.metrics.buckets import DIGITS
from analysis.metrics.recovery import MAX_LATE_S
from analysis.summary.schema import SCHEMA, section_types
from analysis.summary.types import Summary
from orchestrator.faults.table import TABLE
from orchestrator.load.provider_stub import RETRY_AFTER_S
from orchestrator.scenario.capacity import MOST_UTILISATION, OVERHEAD_S
from worker_child.adapters import LIBRARIES
from worker_child.adapters.contract import PARITY

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "METHODOLOGY.md").read_text()
WORDS = set(re.findall(r"`(\w+)`", PAGE))


def test_it_names_every_section_of_the_summary() -> None:
    sections = {field.name for field in msgspec.structs.fields(Summary)}
    assert {name for name in sections if not name.endswith("_why")} - WORDS == set()


def test_it_links_to_the_schema_and_names_no_key_that_is_not_in_it() -> None:
    _, _, section = PAGE.partition("\n## The summary\n")
    section = section.partition("\n## ")[0]
    keys = {f.encode_name for s in section_types(Summary) for f in msgspec.structs.fields(s)}
    named = set(re.findall(r"`(\w+)`", section)) - {"_why"}

    assert f"]({SCHEMA.relative_to(ROOT)})" in section
    assert len(named) > 30
    assert sorted(named - keys - FLAGS.keys()) == []


@pytest.mark.parametrize(
    "names",
    [FLAGS.keys(), PARITY.keys(), VERDICTS],
    ids=["flags", "parity", "verdicts"],
)
def test_it_names_all_of_a_closed_set(names: frozenset[str]) -> None:
    assert set(names) <= WORDS


def test_it_names_every_failure_that_would_be_ours_and_every_cause_of_a_duplicate() -> None:
    assert [name for name in sorted(HARNESS_REASONS) if name not in PAGE] == []
    assert [cause for cause in CAUSES if f"*{cause}*" not in PAGE] == []


def test_its_table_of_faults_has_a_row_for_each_sort_and_no_other() -> None:
    _, _, section = PAGE.partition("\n## Faults\n")
    rows = re.findall(r"^\| `(\w+)` \|", section.partition("\n## ")[0], re.MULTILINE)

    assert sorted(rows) == sorted(str(sort.__struct_config__.tag) for sort in TABLE)


def test_every_control_queue_has_a_row_and_a_chapter_on_the_controls_page() -> None:
    controls = {name for name in LIBRARIES if name.startswith("control_")}
    page = (ROOT / "worker_child" / "controls" / "README.md").read_text()

    assert set(re.findall(r"^\| `(control_\w+)` \|", page, re.MULTILINE)) == controls
    assert set(re.findall(r"^## (control_\w+)$", page, re.MULTILINE)) == controls


def test_its_words_on_parity_are_those_of_the_contract() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|$", PAGE, re.MULTILINE))
    assert {key: rows[key] for key in PARITY} == PARITY


@pytest.mark.parametrize(
    "quoted",
    [
        f"{RESAMPLES:,} resamples",
        f"1 - 2 / 2^{ENOUGH_RUNS}",
        f"({RETRY_AFTER_S[0]} to {RETRY_AFTER_S[1]} s, seeded)",
        f"{float(MOST_UTILISATION):.0%} of the workers' total concurrency".replace("%", " %"),
        f"mean length + {OVERHEAD_S:g} s",
        f"more than {MAX_LATE_S * 1000:g} ms late",
        f"max > {MAX_HICCUP_US // 1000} ms",
        {3: "three digits"}[DIGITS],
    ],
)
def test_it_quotes_the_numbers_of_the_code(quoted: str) -> None:
    assert quoted in " ".join(PAGE.split())


def test_five_things_are_not_measured_and_nothing_else_stands_there() -> None:
    _, _, section = PAGE.partition("\n## What is not measured\n")
    items = re.split(r"^\d\. ", section.strip(), flags=re.MULTILINE)
    assert (items[0], len(items) - 1) == ("", 5)
    assert "\n\n" not in section.strip()


def test_every_link_leads_somewhere() -> None:
    headings = {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    }
    links = re.findall(r"\]\(([^)]+)\)", PAGE)
    assert len(links) > 10
    inner = {link.removeprefix("#") for link in links if link.startswith("#")}
    assert inner <= headings
    assert [link for link in links if link[0] != "#" and not (ROOT / link).exists()] == []
