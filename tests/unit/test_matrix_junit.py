"""JUnit XML of a matrix, read back by a parser."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from analysis.summary.summary import read_summary
from orchestrator.commands.matrix.figures import main_figures
from orchestrator.commands.matrix.junit import as_junit, write_junit
from orchestrator.commands.matrix.outcome import Outcome, OutcomeVerdict
from orchestrator.errors import ResultsError


def parsed(outcomes: list[Outcome]) -> ElementTree.Element:
    return ElementTree.fromstring(as_junit(outcomes))  # noqa: S314 - we have just written it


def outcome(verdict: OutcomeVerdict, *reasons: str, scenario: str = "steady") -> Outcome:
    run_id = f"{scenario}-lib-stock-001"
    return Outcome(run_id, scenario, "lib", "stock", verdict, 0, reasons, took_s=1.5)


@pytest.mark.parametrize(
    ("verdict", "element"),
    [
        ("fail", "failure"),
        ("unknown", "error"),
        ("invalid", "error"),
        ("error", "error"),
        ("not offered", "skipped"),
    ],
)
def test_a_verdict_other_than_pass_has_its_element_and_its_reasons(
    verdict: OutcomeVerdict, element: str
) -> None:
    root = parsed([outcome(verdict, "Lost 4 < 5 & more.", "Late.")])
    (found,) = root.findall(f"./testsuite/testcase/{element}")

    assert found.attrib == {"type": verdict, "message": "Lost 4 < 5 & more."}
    assert found.text == "Lost 4 < 5 & more.\nLate."


def test_the_finding_comes_before_the_reasons_and_is_a_property_of_every_case() -> None:
    finding = "3 of 600 jobs lost, none executed twice."
    root = parsed([replace(outcome("fail", "Lost."), finding=finding)])
    (failure,) = root.findall("./testsuite/testcase/failure")
    found = root.findall("./testsuite/testcase/properties/property[@name='finding']")

    assert failure.get("message") == finding
    assert failure.text == f"{finding}\nLost."
    assert [one.get("value") for one in found] == [finding]


def test_suites_are_scenarios_and_say_how_many_of_what_they_hold() -> None:
    outcomes = [outcome("pass"), outcome("fail", "x"), outcome("pass", scenario="burst")]
    root = parsed(outcomes)
    steady, burst = root.findall("testsuite")

    assert (root.get("tests"), root.get("failures"), root.get("time")) == ("3", "1", "4.500")
    assert (steady.get("name"), steady.get("tests")) == ("steady", "2")
    assert (burst.get("name"), burst.get("failures")) == ("burst", "0")
    (case,) = burst.findall("testcase")
    assert case.get("name") == "burst-lib-stock-001"
    assert case.get("time") == "1.500"
    assert list(case) == case.findall("properties")


def test_what_xml_cannot_hold_is_replaced() -> None:
    root = parsed([outcome("error", "\x1b[31mred\x00 \ufffe \U0001f600")])
    (told,) = root.findall("./testsuite/testcase/error")

    assert told.text == "\ufffd[31mred\ufffd \ufffd \U0001f600"


def test_a_place_that_cannot_be_written_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    for path in (tmp_path / "file" / "junit.xml", tmp_path, Path()):
        with pytest.raises(ResultsError, match="--junit"):
            write_junit(path, [])
    assert [left.name for left in tmp_path.iterdir()] == ["file"]


def test_a_case_carries_the_main_counts_the_recovery_and_its_control() -> None:
    path = Path(__file__).parent.parent / "histories" / "a_crash.summary.json"
    figures, summary = main_figures(read_summary(path)), json.loads(path.read_text())
    root = parsed([replace(outcome("pass"), figures=figures, control="no_fault-lib-stock-001")])
    found = {p.get("name"): p.get("value") for p in root.iterfind(".//properties/property")}

    assert found["control"] == "no_fault-lib-stock-001"
    assert found.items() >= figures.items()
    kill = summary["recovery"][0]
    assert found["jobs.enqueued"] == str(summary["jobs"]["enqueued"])
    assert found["crash.duplicate_executions"] == str(summary["crash"]["duplicate_executions"])
    assert found[f"recovery.{kill['fault']}.time_to_resume_s"] == str(kill["time_to_resume_s"])
    assert found["latency_ms.pickup.p99"] == str(summary["latency_ms"]["pickup"]["p99"])
    assert found["throughput_per_s"] == str(summary["throughput_per_s"])
    assert "null" not in found.values(), "what is not known is left out"
