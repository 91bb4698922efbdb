"""What callers of a cache were served: counted from planted histories, checked by an oracle."""

from __future__ import annotations

from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import HistoryError
from analysis.ledger.case import open_case
from analysis.metrics.cache import Cache
from analysis.report.answer import answer
from analysis.report.console import HarmlessConsole
from analysis.report.explain import explain
from analysis.report.html.job_facts import job_facts, never_enqueued
from analysis.report.results_page import measured
from analysis.report.scenario_page import scenario_pages
from analysis.report.terminal import print_summary
from analysis.report.terminal_cache import NO_COMPARISON
from analysis.summary.summary import analyse
from analysis.summary.types import Summary
from tests.histories.builder import Story, Worker
from tests.histories.cached import BYTES, CALLERS, CacheStory, cached, own


def judged(story: CacheStory, worker: Worker, folder: Path) -> Summary:
    """The history when the worker has stopped, judged."""
    story.close(worker)
    return analyse(story.write(folder))


def cache_of(summary: Summary) -> Cache:
    assert summary.cache is not None
    return summary.cache


def judged_so(summary: Summary) -> dict[str, tuple[int, str]]:
    """What was found against each expectation of the cache, and the outcome."""
    names = ("wrong_results", "unanswered", "addresses_run_again")
    return {one.name: (one.found, one.outcome) for one in summary.expectations if one.name in names}


def test_a_sound_cache_is_counted_by_question_and_by_execution(tmp_path: Path) -> None:
    story = CacheStory()
    worker = story.worker()
    story.ask("aa", "miss", by=worker, ms=200)
    story.ask("aa", "joined", ms=190)
    story.ask("aa", "hit", ms=3)
    story.ask("aa", "hit", ms=5)
    summary = judged(story, worker, tmp_path)
    cache = cache_of(summary)
    assert (summary.verdict, summary.reasons) == ("pass", [])
    assert (cache.addresses, cache.asks, cache.callers) == (1, 4, CALLERS)
    assert (cache.hits, cache.joined, cache.misses, cache.unanswered) == (2, 1, 1, 0)
    assert (cache.hit_rate, cache.work_saved) == (0.5, 0.75)
    assert (cache.executions, cache.executions_per_address) == (1, 1.0)
    assert cache.latency_ms.hit.n == 2
    assert cache.latency_ms.hit.max == pytest.approx(5, rel=0.01)
    assert cache.latency_ms.miss.p50 == pytest.approx(200, rel=0.01)
    assert cache.latency_ms.joined.p50 == pytest.approx(190, rel=0.01)
    assert "all 4 cache requests were answered, none wrongly" in str(answer(summary))


def test_wrong_torn_and_foreign_results_are_told_apart_and_break_the_expectation(
    tmp_path: Path,
) -> None:
    story = CacheStory()
    worker = story.worker()
    story.ask("aa", "miss", by=worker)
    story.ask("bb", "miss", by=worker)
    story.ask("aa", "hit", sha256="0" * 64, size=BYTES // 2)
    story.ask("aa", "hit", sha256=own("bb"))
    story.ask("bb", "joined", sha256="1" * 64)
    summary = judged(story, worker, tmp_path)
    cache = cache_of(summary)
    assert (cache.wrong_results, cache.torn_results, cache.foreign_results) == (3, 1, 1)
    assert cache.wrong_addresses == ["aa", "bb"]
    assert summary.verdict == "fail"
    assert judged_so(summary) == {
        "wrong_results": (3, "broken"),
        "unanswered": (0, "met"),
        "addresses_run_again": (0, "met"),
    }
    assert summary.findings[-1] == (
        "Of 5 questions 3 were served a wrong result (1 torn, 1 another address's, 1 of other "
        "bytes), for aa, bb."
    )
    told = answer(summary)
    assert told.harm == "grave" and "of 5 cache requests 3 were answered wrongly" in told.finding


def test_who_gave_up_last_may_have_asked_before_others_who_were_served(tmp_path: Path) -> None:
    story = CacheStory()
    worker = story.worker()
    story.ask("aa", "miss", by=worker, sha256=None)
    story.ask("aa", "joined", ms=50)
    first, last = (fields for kind, fields in story.records if kind == "note")
    first["t_ns"] = last["t_ns"] + 1
    cache = cache_of(judged(story, worker, tmp_path))
    assert (cache.unanswered, cache.stuck_addresses) == (1, 0)


def test_an_address_that_nobody_is_served_any_more_is_stuck(tmp_path: Path) -> None:
    story = CacheStory()
    worker = story.worker()
    story.ask("aa", "miss", by=worker, sha256=None, ms=30_000)
    story.ask("aa", "joined", sha256=None, ms=30_000)
    story.ask("bb", "miss", by=worker, sha256=None)
    story.ask("bb", "hit")
    summary = judged(story, worker, tmp_path)
    cache = cache_of(summary)
    assert (cache.unanswered, cache.stuck_addresses) == (3, 1)
    assert judged_so(summary) == {
        "wrong_results": (0, "met"),
        "unanswered": (3, "broken"),
        "addresses_run_again": (0, "met"),
    }
    assert cache.latency_ms.miss.censored == 2 and cache.latency_ms.miss.p50 is None
    assert "of 4 cache requests 3 were not answered" in str(answer(summary))


def test_a_redelivered_job_is_one_job_and_two_jobs_of_an_address_are_two(tmp_path: Path) -> None:
    story = CacheStory()
    worker = story.worker()
    job_id = story.ask("aa", "miss", by=worker)
    worker.run(job_id)
    summary = judged(story, worker, tmp_path)
    assert judged_so(summary)["addresses_run_again"] == (0, "met")

    story = CacheStory()
    worker = story.worker()
    story.ask("aa", "miss", by=worker)
    story.ask("aa", "miss", by=worker)
    summary = judged(story, worker, tmp_path)
    assert cache_of(summary).addresses_run_again == 1
    assert cache_of(summary).max_executions_per_address == 2
    assert judged_so(summary)["addresses_run_again"] == (1, "broken")


def test_its_figures_are_shown_with_the_word_that_there_is_no_comparison(tmp_path: Path) -> None:
    story = CacheStory()
    worker = story.worker()
    story.ask("aa", "miss", by=worker)
    summary = judged(story, worker, tmp_path)
    console = HarmlessConsole(width=120, record=True, file=StringIO())
    print_summary(summary, console)
    shown = console.export_text()
    assert f"Cache ({NO_COMPARISON})" in shown
    assert "wrong results" in shown


def test_the_page_of_a_scenario_that_needs_a_cache_says_that_it_stands_alone(
    tmp_path: Path,
) -> None:
    pages = []
    for needs in (["cache"], []):
        story = cached()
        story.first("run_start")["needs"] = needs
        folder = tmp_path / f"needs {len(needs)}"
        folder.mkdir()
        (page,) = scenario_pages(measured([story.write(folder)]).blocks).values()
        pages.append(page)
    assert [NO_COMPARISON in page for page in pages] == [True, False]
    assert "| questions to the cache" in pages[0]
    assert "| cache hit p50, ms" in pages[0]


def test_what_each_caller_was_served_is_told_of_its_job(tmp_path: Path) -> None:
    story = CacheStory()
    worker = story.worker()
    story.ask("aa", "miss", by=worker)
    story.ask("aa", "hit", sha256="0" * 64, size=7)
    story.ask("aa", "joined", sha256=None)
    story.close(worker)
    path = story.write(tmp_path)
    case = open_case(path)
    by_job = job_facts(case, never_enqueued(case))
    told = {
        job_id: [fact.sentence for fact in explain(path, job_id).facts if "Caller" in fact.sentence]
        for job_id in ("j000000", "j000001", "j000002")
    }
    asked = "asked the cache for aa"
    assert told == {
        "j000000": [f"Caller 0 {asked} (miss) and was served its result, 1,000 bytes."],
        "j000001": [f"Caller 1 {asked} (hit) and was served a wrong result, 7 bytes."],
        "j000002": [f"Caller 0 {asked} (joined) and was served nothing: no error text."],
    }
    assert {sentence for (sentence,) in told.values()} <= set(by_job.sentences)


def test_a_run_without_a_cache_says_nothing_of_one(tmp_path: Path) -> None:
    story = Story()
    worker = story.worker()
    story.enqueue("j000000")
    worker.run("j000000")
    story.exit(worker)
    story.end()
    assert b'"cache"' not in analyse(story.write(tmp_path)).as_json()


def _drop_an_answer(story: CacheStory) -> None:
    story.drop("note", code="cache_answered")


def _tell_an_answer_twice(story: CacheStory) -> None:
    story.record("note", **_first_answer(story))


def _answer_before_the_question(story: CacheStory) -> None:
    _first_answer(story)["detail"]["asked_ns"] += 10**12


def _give_an_address_two_results(story: CacheStory) -> None:
    _first_answer(story)["detail"]["expected_bytes"] = 7


def _call_a_miss_a_hit(story: CacheStory) -> None:
    _first_answer(story)["detail"]["outcome"] = "hit"


def _call_a_hit_a_miss(story: CacheStory) -> None:
    hit = [f for k, f in story.records if k == "note" and f["code"] == "cache_answered"][1]
    hit["detail"]["outcome"] = "miss"


def _tell_of_an_unplanned_question(story: CacheStory) -> None:
    story.record("note", **_first_answer(story))["detail"] = {
        **_first_answer(story)["detail"],
        "job_id": "j000099",
    }


def _serve_a_question_of_no_known_outcome(story: CacheStory) -> None:
    _first_answer(story)["detail"]["outcome"] = "unknown"


def _leave_the_length_out(story: CacheStory) -> None:
    del _first_answer(story)["detail"]["bytes"]


def _make_two_addresses_alike(story: CacheStory) -> None:
    _first_answer(story)["detail"]["address"] = "bb"


def _first_answer(story: CacheStory) -> dict[str, Any]:
    return story.first("note", code="cache_answered")


@pytest.mark.parametrize(
    ("forge", "said"),
    [
        (_drop_an_answer, "Of 1 questions to the cache no note says"),
        (_tell_an_answer_twice, "1 questions to the cache were told of several times: j000000"),
        (_answer_before_the_question, "j000000 was answered before it was asked"),
        (_give_an_address_two_results, "The address aa has several results of its own"),
        (_call_a_miss_a_hit, "1 questions to the cache were hits or joined, and yet put a job"),
        (_call_a_hit_a_miss, "1 questions to the cache were misses, and yet put no job"),
        (_tell_of_an_unplanned_question, "1 questions to the cache were never planned: j000099"),
        (_serve_a_question_of_no_known_outcome, "j000000 was served, and has no known outcome"),
        (_leave_the_length_out, "The answer to j000000 has a digest or a length, and not both"),
        (_make_two_addresses_alike, "Two addresses of the cache have the same result"),
    ],
)
def test_notes_that_cannot_be_true_void_the_run(forge: Any, said: str, tmp_path: Path) -> None:
    story = CacheStory()
    worker = story.worker()
    story.ask("aa", "miss", by=worker)
    story.ask("aa", "hit")
    forge(story)
    summary = judged(story, worker, tmp_path)
    assert summary.verdict == "invalid"
    assert any(said in reason for reason in summary.reasons), summary.reasons


@pytest.mark.parametrize("wrong", [{"outcome": "perhaps"}, {"asked_ns": "now"}, {"caller": None}])
def test_a_note_that_does_not_tell_of_a_question_is_said_of_the_file(
    wrong: dict[str, Any], tmp_path: Path
) -> None:
    story = CacheStory()
    worker = story.worker()
    story.ask("aa", "miss", by=worker)
    _first_answer(story)["detail"] |= wrong
    with pytest.raises(HistoryError, match="a note tells of a question to a cache does not fit"):
        judged(story, worker, tmp_path)


@dataclass(frozen=True)
class Planted:
    """One question of a random story."""

    address: str
    outcome: str
    served: str | None
    """None = nothing; own, torn, other, or an address whose result it is."""
    runs: int


PLANTED = st.lists(
    st.builds(
        Planted,
        address=st.sampled_from(["aa", "bb", "cc"]),
        outcome=st.sampled_from(["hit", "miss", "joined"]),
        served=st.sampled_from([None, "own", "own", "torn", "other", "aa", "bb"]),
        runs=st.integers(0, 2),
    ),
    min_size=1,
    max_size=12,
)


@settings(deadline=None)
@given(planted=PLANTED)
def test_the_figures_of_any_history_are_those_that_were_planted(planted: list[Planted]) -> None:
    story = CacheStory(wrong_results=None, unanswered=None, addresses_run_again=None)
    worker = story.worker()
    for one in planted:
        digests = {None: None, "own": own(one.address), "torn": "0" * 64, "other": "1" * 64}
        sha256 = digests.get(one.served, own(one.served or ""))
        size = BYTES - 1 if one.served == "torn" else BYTES
        job_id = story.ask(one.address, one.outcome, sha256=sha256, size=size)
        for _ in range(one.runs if one.outcome == "miss" else 0):
            worker.run(job_id)
    with TemporaryDirectory() as folder:
        cache = cache_of(judged(story, worker, Path(folder)))

    asked = {one.address for one in planted}
    wrong = [one for one in planted if one.served not in (None, "own", one.address)]
    run = [one for one in planted if one.outcome == "miss" and one.runs]
    assert cache.asks == len(planted)
    for name, count in (("hit", cache.hits), ("miss", cache.misses), ("joined", cache.joined)):
        assert count == sum(one.outcome == name for one in planted)
    assert cache.addresses == len(asked)
    assert cache.unanswered == sum(one.served is None for one in planted)
    assert cache.wrong_results == len(wrong)
    assert cache.torn_results == sum(one.served == "torn" for one in wrong)
    assert cache.foreign_results == sum(one.served in asked for one in wrong)
    assert cache.executions == sum(one.runs for one in run)
    per_address = [[one.runs for one in run if one.address == address] for address in asked]
    assert cache.max_executions_per_address == max(map(sum, per_address))
    assert cache.addresses_run_again == sum(len(runs) > 1 for runs in per_address)
    assert cache.addresses_never_run == per_address.count([])
    last = {one.address: one for one in planted}
    assert cache.stuck_addresses == sum(one.served is None for one in last.values())
