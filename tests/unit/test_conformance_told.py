"""Which trials are carried out, and what is said of several repetitions."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from orchestrator.commands.conformance.checks import NAMES, chosen, judge_all, trials_for
from orchestrator.commands.conformance.checks_of_cache import CACHE
from orchestrator.commands.conformance.checks_of_rows import DIRECT
from orchestrator.commands.conformance.command import exit_code, print_findings
from orchestrator.commands.conformance.finding import (
    Finding,
    Outcome,
    over_repetitions,
)
from orchestrator.errors import UnknownNameError
from tests.unit import conformance_evidence as good
from tests.unit.conformance_plants import outcomes


def test_a_run_that_broke_off_leaves_the_rest_unchecked_and_says_why() -> None:
    runs = good.runs()
    runs["crowded"] = replace(runs["crowded"], complaint="the database has gone")

    found = outcomes(good.direct(), runs)

    assert found["runs end"].reason == "crowded: the database has gone"
    assert found["stop"].outcome == found["rows left"].outcome == "not checked"


def test_without_a_ready_worker_nothing_else_is_held_against_the_adapter() -> None:
    seen = good.direct()
    seen.ready, seen.not_ready = None, "no child_ready within 15 s"

    found = outcomes(seen, {})

    assert {name for name, f in found.items() if f.outcome == "broken"} == {"ready"}
    assert found["ready"].reason == "no child_ready within 15 s"
    assert exit_code(list(found.values())) == 1


def test_what_could_not_be_checked_is_no_success() -> None:
    found = outcomes(good.direct(), {})

    assert exit_code(list(found.values())) == 4


def test_only_the_trials_that_a_check_reads_are_carried_out() -> None:
    assert trials_for([check.name for check in DIRECT], []) == ["direct"]
    assert trials_for(["stop", "ready"], []) == ["direct", "crowded"]
    assert trials_for(NAMES, []) == ["direct", "repeated", "held", "failing", "crowded"]
    assert trials_for(["stop", "cache hits"], ["cache"]) == ["crowded", "cached"]


def test_what_a_library_does_not_offer_is_not_asked_of_it() -> None:
    found = {f.name: f for f in judge_all(NAMES, good.direct(), good.runs(), [])}

    assert {name for name, f in found.items() if f.outcome == "not offered"} == {
        "transaction",
        *(check.name for check in CACHE),
    }
    assert found["cache hits"].reason == "it does not offer cache"


def test_an_unknown_check_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError, match="sessions"):
        chosen(["session"])


def of(name: str, outcome: Outcome, reason: str = "") -> Finding:
    return Finding(name, "does so", outcome, reason)


def test_repetitions_that_agree_are_as_one_and_those_that_differ_are_named() -> None:
    first = [of("ready", "met"), of("stop", "met"), of("rescue", "not offered", "never rescues")]
    second = [of("ready", "met"), of("stop", "broken", "it stayed"), first[2]]
    ready, stop, rescue = over_repetitions([first, second, first])

    assert (ready, rescue) == (first[0], first[2])
    assert stop.outcome == "broken"
    assert stop.reason == (
        "the repetitions differ: broken in 1 of 3 (repetition 2); met in 2 of 3 (repetition 1, 3); "
        "it stayed"
    )
    assert exit_code([ready, stop, rescue]) == 1


def test_what_is_said_below_the_table_names_the_library_and_tells_remarks_from_breaks() -> None:
    console = Console(file=StringIO(), width=100)
    forgotten = replace(of("stop", "broken", "it forgot 3 rows"), of_library=True)
    findings = [forgotten, of("ready", "broken", "too soon"), of("rescue bound", "met", "is long")]

    print_findings(findings, "a_queue (tuned)", console)

    assert isinstance(console.file, StringIO)
    assert console.file.getvalue().splitlines()[-4:] == [
        "stop, broken by the library itself, not by its adapter: it forgot 3 rows",
        "ready, broken: too soon",
        "rescue bound, a remark: is long",
        "a_queue (tuned) does NOT conform: 2 of 3 are broken, 1 of them by the library itself",
    ]


def test_over_repetitions_it_is_the_librarys_where_it_was_so_whenever_it_was_broken() -> None:
    own = replace(of("stop", "broken", "forgot"), of_library=True)

    assert over_repetitions([[own], [of("stop", "met")]])[0].of_library
    assert not over_repetitions([[own], [of("stop", "broken", "stayed")]])[0].of_library


def test_what_could_not_be_checked_once_is_not_met() -> None:
    (found,) = over_repetitions([[of("stop", "met")], [of("stop", "not checked", "no end")]])
    assert (found.outcome, exit_code([found])) == ("not checked", 4)
