"""The outcomes as JUnit XML, for whoever reads test reports: each run a test case."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from errno import EISDIR
from pathlib import Path
from xml.etree import ElementTree

from orchestrator.commands.matrix.outcome import Outcome, OutcomeVerdict
from orchestrator.errors import ResultsError

_ELEMENTS: dict[OutcomeVerdict, str | None] = {
    "pass": None,
    "fail": "failure",
    "unknown": "error",
    "invalid": "error",
    "error": "error",
    "not offered": "skipped",
}
"""By verdict: what a test case holds; JUnit knows no 'unknown', and it must not look passed."""

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What an XML 1.0 document may not hold, not even escaped."""


def write_junit(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write them all, whole or not at all. Raises `ResultsError`."""
    draft = Path(f"{path}.tmp")
    try:
        if path.is_dir():
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(as_junit(outcomes))
        draft.replace(path)
    except OSError as error:
        raise ResultsError(
            f"the JUnit report {path} cannot be written: {error.strerror}. Choose another place "
            "with --junit; the runs themselves are kept"
        ) from error


def as_junit(outcomes: Sequence[Outcome]) -> bytes:
    """One suite a scenario, in the order in which they came."""
    root = ElementTree.Element("testsuites", _totals("crashbench", outcomes))
    for scenario in dict.fromkeys(outcome.scenario for outcome in outcomes):
        of_it = [outcome for outcome in outcomes if outcome.scenario == scenario]
        suite = ElementTree.SubElement(root, "testsuite", _totals(scenario, of_it))
        for outcome in of_it:
            _add_case(suite, outcome)
    for element in root.iter():
        element.attrib = {name: _NOT_XML.sub("\ufffd", text) for name, text in element.items()}
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _totals(name: str, outcomes: Sequence[Outcome]) -> dict[str, str]:
    elements = [_ELEMENTS[outcome.verdict] for outcome in outcomes]
    return {
        "name": name,
        "tests": str(len(outcomes)),
        "failures": str(elements.count("failure")),
        "errors": str(elements.count("error")),
        "skipped": str(elements.count("skipped")),
        "time": f"{sum(outcome.took_s for outcome in outcomes):.3f}",
    }


def _add_case(suite: ElementTree.Element, outcome: Outcome) -> None:
    case = ElementTree.SubElement(
        suite,
        "testcase",
        {
            "name": outcome.run_id,
            "classname": f"{outcome.scenario}.{outcome.library}.{outcome.preset}",
            "time": f"{outcome.took_s:.3f}",
        },
    )
    properties = ElementTree.SubElement(case, "properties")
    facts = {"verdict": outcome.verdict, "kept": str(outcome.kept).lower()}
    facts |= {"finding": outcome.finding} if outcome.finding else {}
    facts |= {} if outcome.control is None else {"control": outcome.control}
    for name, value in [*facts.items(), *outcome.figures.items()]:
        ElementTree.SubElement(properties, "property", {"name": name, "value": _xml(value)})
    element = _ELEMENTS[outcome.verdict]
    if element is not None:
        told = [outcome.finding] if outcome.finding else []
        reasons = _xml("\n".join([*told, *outcome.reasons]))
        first = next(iter(reasons.splitlines()), outcome.verdict)
        details = {"type": outcome.verdict, "message": first}
        ElementTree.SubElement(case, element, details).text = reasons


def _xml(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
