"""RESULTS.md: its bytes, and what it may and may not say."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from analysis.commands import write_pages
from analysis.compare.cells import blocks_of, load_run
from analysis.compare.differences import differences_of
from analysis.report.results_page import machine_lines, measured, results_page
from analysis.report.scenario_page import scenario_pages
from tests.histories.builder import Story
from tests.histories.side_by_side import PAGES, compared, everything, golden_stories, write
from tests.histories.stories import A
from tests.unit.answered import renumbered

GOLDEN = Path(__file__).parent.parent / "histories" / "side_by_side.RESULTS.md"


GOLDEN_PAGES = GOLDEN.with_name("side_by_side.pages")


def golden_text() -> str:
    """RESULTS.md and its pages, as `everything` has them."""
    files = [GOLDEN, *sorted(GOLDEN_PAGES.iterdir())]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def page(folder: Path, stories: Iterable[Story]) -> str:
    return everything([write(s, folder, f"run-{n:03d}") for n, s in enumerate(stories)])


def rows(text: str, begin: str) -> list[str]:
    """The rows of all tables that begin with this text, columns apart."""
    wanted = (line for line in text.splitlines() if line.startswith(f"| {begin}"))
    return [" | ".join(cell.strip() for cell in line.strip("| ").split(" | ")) for line in wanted]


def test_golden_histories_give_the_golden_page(tmp_path: Path) -> None:
    """Where this fails on purpose, run `python -m tests.histories.write_golden`."""
    assert page(tmp_path, golden_stories()) == golden_text()


@pytest.mark.parametrize("seed", range(3))
def test_files_in_another_order_and_under_other_names_give_the_same_bytes(
    seed: int, tmp_path: Path
) -> None:
    stories = golden_stories()
    random.Random(seed).shuffle(stories)

    assert page(tmp_path, stories) == golden_text()


def test_an_interrupted_run_is_named_and_none_of_its_figures_is_shown(tmp_path: Path) -> None:
    story = compared("stock", 1)
    story.first("run_end")["ended"] = "interrupted"
    text = page(tmp_path, [story])

    assert "0 runs with a result, 0 jobs, 0 kills; 1 invalid runs" in text
    assert "The run was interrupted" in text


def test_a_copy_of_a_history_is_not_another_run(tmp_path: Path) -> None:
    (tmp_path / "copies").mkdir()
    once = everything([write(compared("stock", 1), tmp_path)])
    paths = [tmp_path / "side_by_side-planted-stock-001.jsonl"]
    paths.append(write(compared("stock", 1), tmp_path / "copies"))

    assert everything(paths) == once


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONHASHSEED": "1", "TZ": "Asia/Kathmandu", "LC_ALL": "C"},
        {"PYTHONHASHSEED": "4242", "TZ": "America/St_Johns", "LC_ALL": "de_DE.UTF-8"},
    ],
    ids=["Kathmandu", "St_Johns"],
)
def test_another_time_zone_locale_and_hash_seed_give_the_same_bytes(
    environment: dict[str, str], tmp_path: Path
) -> None:
    for number, story in enumerate(golden_stories()):
        write(story, tmp_path, f"run-{number:03d}")
    pages = tmp_path / PAGES
    done = subprocess.run(
        [sys.executable, "-m", "analysis", "results", ".", "--pages", PAGES],
        check=True,
        cwd=tmp_path,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        timeout=60,
    )

    assert done.stdout == GOLDEN.read_bytes()
    assert {file.name: file.read_bytes() for file in pages.iterdir()} == {
        file.name: file.read_bytes() for file in GOLDEN_PAGES.iterdir()
    }


def test_five_runs_show_every_value_and_no_interval_and_no_ranking(tmp_path: Path) -> None:
    text = page(tmp_path, (compared(p, n) for n in range(1, 6) for p in ("stock", "tuned")))
    (resumes,) = rows(text, "worker resumes")

    assert resumes == (
        "worker resumes | 30.11 30.21 30.31 30.41 30.51 | 3.109 3.209 3.309 3.409 3.509"
    )
    assert "Paired differences" not in text
    assert not re.search(r"\[\d", text)


def test_six_runs_give_an_interval_and_a_ranking_of_one_pair(tmp_path: Path) -> None:
    text = page(tmp_path, (compared(p, n) for n in range(1, 7) for p in ("stock", "tuned")))

    assert rows(text, "worker resumes")[0] == (
        "worker resumes | 30.36 [30.11, 30.61] (n=6) | 3.359 [3.109, 3.609] (n=6)"
    )
    assert rows(text, "worker resumes")[1].endswith("| 6 | 27 | [27, 27] | planted tuned")


def test_a_limited_figure_is_marked_and_makes_no_sixth_run(tmp_path: Path) -> None:
    stories = [compared("stock", n, limited=n == 6) for n in range(1, 7)]
    (resumes,) = rows(page(tmp_path, stories), "worker resumes")

    assert resumes == r"worker resumes | 30.11 30.21 30.31 30.41 30.51 30.61\*"


def test_an_aimed_kill_is_not_pooled_with_timed_ones(tmp_path: Path) -> None:
    stories = [compared("stock", n) for n in range(1, 4)]
    stories[2].first("fault_injected").update(biased=True, trigger="held")
    stories[2].first("run_start")["scenario"]["faults"] = [{"what": "kill", "when_held": True}]
    found = rows(page(tmp_path, stories), "worker resumes")

    assert sorted(found) == ["worker resumes | 30.11 30.21", "worker resumes | 30.31"]


def test_another_cell_hash_or_machine_is_pooled_with_nothing(tmp_path: Path) -> None:
    stories = [compared("stock", n) for n in range(1, 4)]
    stories[1].first("run_start")["cell_hash"] = "d" * 16
    environment = stories[2].first("run_start")["environment"]
    stories[2].first("run_start")["environment"] = {**environment, "hardware_hash": "f" * 16}
    blocks = blocks_of(load_run(write(s, tmp_path, str(n))) for n, s in enumerate(stories))

    assert [[len(cell.runs) for cell in block.cells] for block in blocks] == [[1, 1], [1]]
    assert [cell.label for cell in blocks[0].cells] == [
        "planted stock (aaaaaa)",
        "planted stock (dddddd)",
    ]


def test_equal_machines_are_pooled_and_counted(tmp_path: Path) -> None:
    stories = [compared("stock", n) for n in range(1, 5)]
    for story, boot in zip(stories, ("a" * 16, "b" * 16, "a" * 16, None), strict=True):
        environment = dict(story.first("run_start")["environment"])
        story.first("run_start")["environment"] = {
            **environment,
            **({"boot": boot} if boot else {}),
        }
    paths = [write(story, tmp_path, str(n)) for n, story in enumerate(stories)]
    blocks = blocks_of(load_run(path) for path in paths)

    assert [[len(cell.runs) for cell in block.cells] for block in blocks] == [[4]]
    assert (
        "machines of this kind that took part | 2, told apart by the boots of their kernels; "
        "of 1 runs it is not known"
    ) in "\n".join(machine_lines(1, blocks))
    assert "environment.boot" not in {difference.key for difference in differences_of(blocks[0])}


def test_an_invalid_run_is_named_with_its_reason_and_gives_no_figure(tmp_path: Path) -> None:
    text = page(tmp_path, [compared("stock", 1), compared("stock", 2, certified=False)])

    assert rows(text, "worker resumes") == ["worker resumes | 30.11"]
    assert (
        "- `side_by_side-planted-stock-002`: Kill 1 has no complete certificate: "
        "the victim was not reaped." in text
    )


def test_an_orphan_that_never_came_back_is_not_left_out_of_the_figures(tmp_path: Path) -> None:
    """Leaving it out would make a queue look the quicker, the more it strands."""
    stories = [compared("stock", n) for n in range(1, 7)]
    for story in stories[:3]:
        story.records = [
            record
            for record in story.records
            if record[0] not in ("job_started", "job_completed") or record[1]["incarnation"] == 0
        ]
        for _, fields in story.records:
            if "effects" in fields:
                fields["effects"] = [done for done in fields["effects"] if done[1] == 0]
        story.first("child_exited", reason="stopped")["events"] = 1
    first_orphan = rows(page(tmp_path, stories), "first orphan picked up")

    assert first_orphan == ["first orphan picked up | &gt;30.61 [30.41, &gt;30.61] (n=6)"]


def test_nought_in_ten_kills_prints_three_over_n(tmp_path: Path) -> None:
    text = page(tmp_path, (compared("stock", n) for n in range(1, 11)))

    assert rows(text, "jobs lost") == ["jobs lost | 0 of 10 (below 3/n = 0.3)"]


def test_a_tuned_preset_without_its_control_is_told_so(tmp_path: Path) -> None:
    without = page(tmp_path, [compared("tuned", 1)])
    beside = page(tmp_path, [compared("tuned", 1), compared("tuned", 1, kill=False)])

    assert "**none was run**" in without
    assert "1 pass; 0 duplicates" in beside


def test_a_file_that_is_no_history_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.jsonl"
    foreign.write_text("name,age\n")
    text = everything([foreign, write(compared("stock", 1), tmp_path)])

    assert "1 files that are no histories" in text
    assert "- foreign.jsonl, line 1: this is no line of a history" in text
    assert rows(text, "worker resumes")


def test_the_page_holds_no_path_of_this_machine(tmp_path: Path) -> None:
    assert str(tmp_path) not in page(tmp_path, golden_stories())


def test_a_library_that_lacks_what_a_scenario_needs_is_named_and_has_no_figure(
    tmp_path: Path,
) -> None:
    able, unable = compared("stock", 1), compared("tuned", 1)
    able.first("run_start").update(
        scenario_name="dedup", needs=["dedup"], offers={"dedup": "by a key"}
    )
    unable.first("run_start")["library"] = "another"
    text = page(tmp_path, [able, unable])
    _, _, dedup = text.partition("\n# dedup\n")
    dedup, _, elsewhere = dedup.partition("\n# side_by_side\n")

    assert rows(dedup, "another tuned")[0].split(" | ")[2:4] == ["0", "not offered: dedup"]
    assert "not offered" not in elsewhere
    assert "another" not in dedup.partition("**What became of the jobs**")[2]


def test_a_tuned_preset_that_fails_its_control_is_not_reported_as_tuned(tmp_path: Path) -> None:
    control = compared("tuned", 1, kill=False, live_duplicate=True)
    text = page(tmp_path, [compared("stock", 1), compared("tuned", 1), control])
    _, _, crash = text.partition("\n# side_by_side\n")

    assert "not reported as tuned" in rows(crash, "planted tuned")[0]
    assert rows(crash, "worker resumes") == ["worker resumes | 30.11"]
    assert "planted tuned" in text.partition("\n# side_by_side\n")[0].partition("What became")[2]


def test_a_control_of_other_settings_vouches_for_nothing(tmp_path: Path) -> None:
    """Though both rescue alike: what differs is how long a job may take."""
    crash, control = compared("tuned", 1), compared("tuned", 1, kill=False)
    crash.first("run_start")["preset_hash"] = "1" * 16
    control.first("run_start")["preset_hash"] = "2" * 16
    _, _, below = page(tmp_path, [crash, control]).partition("\n# side_by_side\n")

    assert "**none was run**" in rows(below, "planted tuned")[0]
    assert "rests on" not in below


def test_a_control_whose_longer_jobs_were_cut_is_the_one_that_a_column_names(
    tmp_path: Path,
) -> None:
    crash, control = compared("tuned", 1), compared("tuned", 1, kill=False)
    for story in (crash, control):
        story.first("run_start")["preset_hash"] = "1" * 16
    control.first("run_start")["scenario_name"] = "crash_recovery_no_fault_up_to_6000_ms"
    _, _, below = page(tmp_path, [crash, control]).partition("\n# side_by_side\n")

    assert "1 pass; 0 duplicates" in rows(below, "planted tuned")[0]
    name = "crash_recovery_no_fault_up_to_6000_ms-planted-tuned-001"
    assert f"- planted tuned rests on the no-fault control {name}." in below


def test_a_control_under_another_adapter_hash_is_named_as_such(tmp_path: Path) -> None:
    crash = compared("tuned", 1)
    control = compared("tuned", 1, kill=False, live_duplicate=True)
    crash.first("run_start")["adapter_sha256"] = "a" * 64
    control.first("run_start")["adapter_sha256"] = "b" * 64
    _, _, below = page(tmp_path, [crash, control]).partition("\n# side_by_side\n")

    assert "**under another adapter hash**" in rows(below, "planted tuned")[0]
    assert "not reported as tuned" not in below
    assert "another adapter hash (bbbbbbbbbbbb) than planted tuned (aaaaaaaaaaaa)" in below


def test_it_opens_with_what_became_of_all_jobs(tmp_path: Path) -> None:
    text = page(tmp_path, [compared("stock", 1), compared("tuned", 1)])

    assert text.splitlines()[0] == (
        "# 2 of 6 jobs executed twice, none lost, left behind or given up; the first orphan came "
        "back in time after all 2 kills that left any."
    )


def test_each_library_and_preset_has_one_row_on_top(tmp_path: Path) -> None:
    stories = [compared(p, n) for n in (1, 2) for p in ("stock", "tuned")]
    stories.append(compared("tuned", 1, kill=False))
    top = page(tmp_path, stories).partition("## Scenario by scenario")[0]

    assert rows(top, "planted") == [
        "planted stock | 0 | 6 | 0 | 0 | 0 | 2 | 1 | 30.2 (30.1 to 30.2) | 31.5 "
        "| 30.2 (30.1 to 30.2) | - | - | side_by_side",
        "planted tuned | 0 | 9 | 0 | 0 | 0 | 2 | 1 | 3.2 (3.1 to 3.2) | 4.5 "
        "| 3.2 (3.1 to 3.2) | - | 1 pass; 0 duplicates | side_by_side",
    ]


def test_a_bound_that_was_missed_is_said_on_top_and_on_the_page(tmp_path: Path) -> None:
    story = compared("stock", 1)
    story.first("run_start")["rescue"]["lease_s"] = 3.0
    text = page(tmp_path, [story])

    assert "later than expected after 1 of 1 kills" in text.splitlines()[0]
    assert "4.5, **missed 1**" in rows(text, "planted stock")[0]
    assert rows(text, "timed kills whose first orphan came back later") == [
        "timed kills whose first orphan came back later than its bound | 1 of 1"
    ]


def test_a_row_s_crash_figures_are_not_those_of_a_failed_control(tmp_path: Path) -> None:
    control = compared("tuned", 1, kill=False, live_duplicate=True)
    (row,) = rows(
        page(tmp_path, [compared("tuned", 1), control]).partition("## Scenario")[0], "planted"
    )

    assert row.split(" | ")[6:11] == ["-"] * 5
    assert "not reported as tuned" in row


def test_every_run_is_named_on_its_page_with_its_answer(tmp_path: Path) -> None:
    assert (
        "- `side_by_side-planted-stock-001` pass: 1 of 3 jobs executed twice, none lost; the first "
        "of the dead worker's 2 jobs (its orphans) was taken up again 30.1 s after the kill (the "
        "library's settings allow 31.5 s)"
    ) in page(tmp_path, [compared("stock", 1)])


def test_a_scenario_s_name_leads_out_of_no_folder_and_takes_no_other_s_page(
    tmp_path: Path,
) -> None:
    stories = [compared("stock", n) for n in range(1, 4)]
    for story, name in zip(stories, ("a/../x", "a//..x", "Steady"), strict=True):
        story.first("run_start")["scenario_name"] = name
    found = measured([story.write(tmp_path, f"run-{n}") for n, story in enumerate(stories)])

    assert sorted(scenario_pages(found.blocks)) == ["Steady.md", "a____x-2.md", "a____x.md"]


def test_without_a_folder_for_the_pages_it_links_to_none_and_says_how_to_have_them(
    tmp_path: Path,
) -> None:
    text = results_page(measured([write(compared("stock", 1), tmp_path)]), None)

    assert "](" not in text
    assert "--pages docs/results" in text


def test_a_page_of_what_is_no_longer_measured_goes_and_what_others_wrote_stays(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "pages"
    found = measured([write(compared("stock", 1), tmp_path)])
    (written,) = scenario_pages(found.blocks).items()
    write_pages(folder, {"gone.md": written[1]})
    (folder / "mine.md").write_text("# Mine\n")

    write_pages(folder, dict([written]))

    assert sorted(file.name for file in folder.iterdir()) == ["mine.md", "side_by_side.md"]


def test_what_is_worst_comes_first(tmp_path: Path) -> None:
    gone = compared("stock", 1)
    gone.drop("job_started", incarnation=1, job_id=A)
    gone.drop("job_completed", incarnation=1, job_id=A)
    for kind, fields in gone.records:
        if kind == "row_read" and fields.get("job_id") == A:
            fields["effects"] = []
    first = page(tmp_path, [renumbered(gone), compared("tuned", 1)]).splitlines()[0]

    assert first.startswith("# 1 of 6 jobs lost, 2 executed twice, none left behind or given up;")


def test_runs_without_any_harm_say_so(tmp_path: Path) -> None:
    first = page(tmp_path, [compared("tuned", 1, kill=False)]).splitlines()[0]

    assert first == "# None of 3 jobs lost, left behind, given up or executed twice."
