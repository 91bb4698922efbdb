"""The page that leads to an adapter promises what is there: its checks, its links, its commands."""

from __future__ import annotations

import re

from orchestrator.commands.conformance.checks import CHECKS
from worker_child.paths import ADAPTERS, TEMPLATES

PAGE = (ADAPTERS / "README.md").read_text()


def test_it_lists_every_check_with_its_promise_in_the_order_of_the_table() -> None:
    listed = re.findall(r"^\| \*([a-z ]+)\* \| ([^|]+) \|", PAGE, re.MULTILINE)

    assert listed == [(check.name, check.promise) for check in CHECKS]


def test_every_check_that_it_names_in_a_step_exists() -> None:
    steps = PAGE[: PAGE.index("## The checks")]
    named = {
        name.strip()
        for line in re.findall(r"Checks?: ((?:.|\n)*?)\.", steps)
        for name in re.findall(r"\*([a-z \n]+)\*", line)
    }

    assert {" ".join(name.split()) for name in named} <= {check.name for check in CHECKS}
    assert len(named) > 10


def test_every_file_that_it_links_to_exists() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", PAGE) if "://" not in link]

    assert links and [link for link in links if not (ADAPTERS / link).exists()] == []


def test_every_file_of_the_template_is_explained() -> None:
    told = set(re.findall(r"^\| `([A-Za-z_]+\.\w+)` \|", PAGE, re.MULTILINE))

    there = {path.name for path in (TEMPLATES / "python").iterdir() if path.is_file()}
    assert told == there - {"__init__.py"}
