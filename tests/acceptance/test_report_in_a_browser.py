"""report.html in a real browser: no complaint, the fault at its second, a job found, no mouse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from analysis.report.html.page import report_page
from tests.acceptance.browser import MISSING, Browser, browser, installed
from tests.histories.builder import RUN_ID, Story
from tests.histories.hostile import HOSTILE, hostile
from tests.histories.loaded import unfair
from tests.histories.side_by_side import compared, write
from tests.histories.stories import A, B, C, crash
from tests.histories.unpacked import Fact, looked_up
from tests.toolchain import skip_or_fail

pytestmark = pytest.mark.browser

PHONE_PX = 375
DESK_PX = 1200
TABS = 40
"""More than enough to come through all controls of the first screen."""


@dataclass(frozen=True)
class Shown:
    """A browser with a report open, and what it was made from."""

    browser: Browser
    page: Path
    crash: Story
    facts: dict[str, list[Fact]]
    """Of each job of the crash, as Python unpacks it."""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    executable = installed()
    if executable is None:
        skip_or_fail(MISSING)
    folder = tmp_path_factory.mktemp("report")
    crashed = crash()
    paths = [crashed.write(folder, "crash"), unfair().write(folder, "unfair")]
    paths += [write(compared(preset, n), folder) for preset in ("stock", "tuned") for n in (1, 2)]
    page = folder / "report.html"
    page.write_text(report_page(paths), encoding="utf-8")
    with browser(executable, tmp_path_factory.mktemp("profile")) as opened:
        opened.open(page)
        jobs = looked_up(crash(), folder)
        yield Shown(opened, page, crashed, {job_id: job.facts for job_id, job in jobs.items()})


@pytest.fixture
def opened(shown: Shown) -> Browser:
    """The page as it is when it has just been opened: it takes long to load it anew."""
    shown.browser.look(width_px=DESK_PX)
    shown.browser.ask(
        """(() => {
          showRun("run-0");
          document.querySelectorAll("form").forEach((form) => form.reset());
          document.querySelectorAll("details").forEach((one) => { one.open = false; });
          document.querySelectorAll(".job, .jobs").forEach((job) => job.replaceChildren());
          document.activeElement.blur();
          scrollTo(0, 0);
        })()"""
    )
    return shown.browser


def draw_everything(opened: Browser) -> None:
    """Bring each chart of the shown run into view, one after the other."""
    for place in range(opened.ask("document.querySelectorAll('.plot').length")):
        plot = f"document.querySelectorAll('.plot')[{place}]"
        if opened.ask(f"{plot}.offsetParent !== null"):
            opened.ask(f"{plot}.scrollIntoView()")
            opened.wait_for(f"{plot}.classList.contains('js-plotly-plot')")


def test_it_is_drawn_in_light_and_dark_without_a_complaint_or_a_request(shown: Shown) -> None:
    opened = shown.browser
    opened.look(width_px=DESK_PX)
    opened.open(shown.page)
    for run in ("run-0", "run-1", "run-2"):
        opened.ask(f"(chooser.value = '{run}', choose())")
        draw_everything(opened)
    inks = []
    for scheme in ("light", "dark"):
        opened.look(width_px=DESK_PX, scheme=scheme)
        ink = opened.ask("getComputedStyle(document.body).color")
        drawn = "getComputedStyle(document.querySelector('#run-2 .plot .xtitle'))"
        opened.wait_for(f"{drawn}.fill === '{ink}'")
        inks.append(ink)

    assert inks[0] != inks[1]
    assert opened.complaints() == []
    assert opened.requests() == []


def test_a_complaint_and_a_request_would_be_heard(opened: Browser) -> None:
    opened.ask("setTimeout(() => { throw new Error('on purpose'); }, 0)")
    opened.ask("fetch('http://127.0.0.1:9/').catch(() => null)")
    opened.wait_until(lambda: len(opened.complaints()) >= 2, "both complaints")

    assert "on purpose" in "".join(opened.complaints())
    assert "Content Security Policy" in "".join(opened.complaints())


@pytest.mark.parametrize("key", ["latency", "throughput"])
def test_the_fault_is_shaded_where_the_history_has_the_kill(
    key: str, opened: Browser, shown: Shown
) -> None:
    plot = f"document.querySelector('#run-0 [data-plot={key}]')"
    opened.ask(f"{plot}.scrollIntoView()")
    opened.wait_for(f"{plot}.querySelector('.shapelayer path, .layer-below path') !== null")
    seen = opened.ask(
        f"""(() => {{
          const plot = {plot};
          const axis = plot._fullLayout.xaxis;
          const left = plot.querySelector(".nsewdrag").getBoundingClientRect().left;
          const band = plot.querySelector(".shapelayer path, .layer-below path");
          const box = band.getBoundingClientRect();
          return [box.left, box.right].map((edge) => axis.p2d(edge - left));
        }})()"""
    )
    origin_ns = shown.crash.first("run_end")["started_ns"]
    instants = [
        shown.crash.first("fault_injected")["t_ns"],
        shown.crash.first("job_completed", job_id=B, incarnation=1)["t_ns"],
    ]

    assert seen == pytest.approx([(t_ns - origin_ns) / 1e9 for t_ns in instants], abs=0.02)


def test_a_job_is_found_by_its_id_and_the_enter_key(opened: Browser, shown: Shown) -> None:
    opened.ask("document.querySelector('#run-0-job').focus()")
    opened.type(B)
    opened.press("Enter", "\r")
    opened.wait_for("document.querySelector('#run-0 .job h4') !== null")
    told = opened.ask("document.querySelector('#run-0 .job').innerText")

    assert f"{B}: duplicated (sequential)" in told
    assert "slot 0 incarnation 1 entered the handler" in told
    times = [line for line in told.splitlines() if line.endswith(" s")]
    assert times == [f"+{at_us / 1e6:.6f} s" for at_us, _ in shown.facts[B]]
    assert opened.ask("location.hash").endswith(f"job={B}")


def test_a_job_that_is_not_there_is_said_not_to_be(opened: Browser) -> None:
    opened.ask("lookUp('run-0', 'j999999')")

    assert 'no job "j999999"' in opened.ask("document.querySelector('#run-0 .job').innerText")


def test_every_job_of_a_run_is_found(opened: Browser) -> None:
    ids = json.dumps([A, B, C])

    assert opened.ask(f"Promise.all({ids}.map((id) => lookUp('run-0', id)))") == [True] * 3


def test_the_address_opens_a_run_and_a_job(shown: Shown) -> None:
    opened = shown.browser
    opened.open(shown.page, "run=side_by_side-planted-tuned-002&job=j000001")
    opened.wait_for("shownRun().querySelector('.job h4') !== null")

    assert opened.ask("shownRun().dataset.run") == "side_by_side-planted-tuned-002"
    assert opened.ask("chooser.value") == opened.ask("shownRun().id")


def test_a_job_of_a_table_leads_to_its_facts(opened: Browser) -> None:
    opened.ask(f"document.querySelector('#run-0 th a[href$={B}]').focus()")
    opened.press("Enter", "\r")
    opened.wait_for("document.querySelector('#run-0 .job h4') !== null")

    assert B in opened.ask("document.querySelector('#run-0 .job h4').textContent")


def test_the_page_opens_on_all_runs_and_leads_to_each(shown: Shown) -> None:
    opened = shown.browser
    opened.open(shown.page)
    rows = opened.ask(
        "[...document.querySelectorAll('.overview tbody tr')].map((r) => r.innerText)"
    )

    assert len(rows) == opened.ask("runs.length")
    assert opened.ask("shownRun().dataset.run") in rows[0], "the worst run is shown first"
    other = "document.querySelectorAll('.overview tbody a')[1]"
    wanted = opened.ask(f"{other}.textContent")
    opened.ask(f"{other}.focus()")
    opened.press("Enter", "\r")
    opened.wait_for(f"shownRun().dataset.run === '{wanted}'")


def test_the_jobs_are_listed_by_verdict_and_flag(opened: Browser) -> None:
    listed = "[...document.querySelectorAll('#run-0 .jobs tbody tr')].map((row) => row.innerText)"
    opened.ask("document.querySelector('#run-0 [data-list-jobs] button').focus()")
    opened.press("Enter", "\r")
    opened.wait_for(f"{listed}.length === 3")
    opened.ask("document.querySelector('#run-0-verdict').value = 'duplicated (sequential)'")
    opened.press("Enter", "\r")
    opened.wait_for(f"{listed}.length === 1")

    assert B in opened.ask(listed)[0]
    assert "1 of 3 jobs" in opened.ask("document.querySelector('#run-0 .jobs').innerText")
    assert opened.ask("listJobs('run-0', '', 'redelivered')") == 2
    assert opened.ask("listJobs('run-0', 'completed once', 'late')") == 0


def test_more_jobs_than_a_screen_holds_are_listed_by_a_button(opened: Browser) -> None:
    opened.ask("listJobs('run-0', '', '', 2)")
    button = "document.querySelector('#run-0 .jobs > button')"
    opened.ask(f"{button}.focus()")
    opened.press("Enter", "\r")
    opened.wait_for("document.querySelectorAll('#run-0 .jobs tbody tr').length === 3")

    assert opened.ask(f"{button} === null")


def test_no_script_of_a_history_runs(tmp_path: Path) -> None:
    executable = installed()
    if executable is None:
        skip_or_fail(MISSING)
    paths = []
    for ordinal in (1, 2):
        lines, _ = hostile(crash())
        paths.append(tmp_path / f"{ordinal}.jsonl")
        text = "".join(f"{line}\n" for line in lines)
        paths[-1].write_text(text.replace(RUN_ID, f"{RUN_ID[:-3]}{ordinal:03d}"))
    page = tmp_path / "report.html"
    page.write_text(report_page(paths), encoding="utf-8")
    profile = tmp_path / "profile"
    profile.mkdir()
    with browser(executable, profile) as opened:
        opened.open(page)
        draw_everything(opened)
        opened.ask("listJobs(shownRun().id, '', '')")
        opened.ask(f"lookUp(shownRun().id, {json.dumps(B + HOSTILE)})")
        for details in ("details", ".as-table"):
            opened.ask(
                f"document.querySelectorAll('{details}').forEach((d) => {{ d.open = true }})"
            )
        opened.wait_for("document.querySelector('.as-table tbody tr') !== null")

        assert opened.ask("typeof hacked") == "undefined"
        assert opened.ask("document.querySelectorAll('main img, main b').length") == 0
        assert opened.ask("document.querySelectorAll('main a[href^=javascript]').length") == 0
        assert opened.complaints() == []
        names = "[...document.querySelectorAll('.ytick text')].map((text) => text.textContent)"
        assert any("<img" in name for name in opened.ask(names)), "shown as it is, as a text"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_scrolling_sideways(scheme: str, opened: Browser) -> None:
    opened.look(width_px=PHONE_PX, scheme=scheme)
    opened.ask("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    draw_everything(opened)
    wide = "[...document.querySelectorAll('.plot')].filter((plot) => plot.offsetParent && "
    wide += "plot.querySelector('svg').getBoundingClientRect().right > innerWidth)"

    opened.wait_for(f"{wide}.length === 0")
    assert opened.ask("document.documentElement.scrollWidth") <= PHONE_PX


def test_every_control_is_reached_by_the_tab_key_and_shows_that_it_is(opened: Browser) -> None:
    wanted = [
        "chooser",
        "Comparison",
        "run-0-job",
        "Look up",
        "run-0-verdict",
        "run-0-flag",
        "List",
        "run-0-from",
        "run-0-to",
        "Show",
    ]
    at = "document.activeElement"
    outlines: dict[str, tuple[str, str]] = {}
    for _ in range(TABS):
        opened.press("Tab")
        name = opened.ask(f"{at}.id || {at}.textContent.trim()")
        style = f"getComputedStyle({at})"
        outlines[name] = opened.ask(f"{style}.outlineStyle"), opened.ask(f"{style}.outlineWidth")

    assert [name for name in outlines if name in wanted] == wanted
    assert {outlines[name] for name in wanted} == {("solid", "3px")}


def test_another_run_is_chosen_by_the_keyboard(opened: Browser) -> None:
    opened.ask("chooser.focus()")
    opened.press("ArrowDown")
    opened.wait_for("shownRun().id === 'run-1'")

    assert opened.ask("runs.filter((run) => !run.hidden).length") == 1


def test_a_stretch_is_shown_in_every_chart_over_time(opened: Browser) -> None:
    draw_everything(opened)
    opened.ask("document.querySelector('#run-0-from').focus()")
    opened.type("1")
    opened.press("Tab")
    opened.type("2.5")
    opened.press("Enter", "\r")

    for key in ("latency", "throughput"):
        drawn = f"document.querySelector('#run-0 [data-plot={key}]')._fullLayout.xaxis.range"
        opened.wait_for(f"String({drawn}) === '1,2.5'")


def test_a_chart_is_told_as_a_table(opened: Browser) -> None:
    details = "document.querySelector('#run-0 [data-plot=latency] ~ details')"
    opened.ask(f"{details}.querySelector('summary').focus()")
    opened.press("Enter", "\r")
    opened.wait_for(f"{details}.querySelectorAll('tbody tr').length === 6")

    assert A in opened.ask(f"{details}.innerText")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_and_marks_stand_out_from_the_paper(scheme: str, opened: Browser) -> None:
    """WCAG 2.2, 1.4.3 and 1.4.11: 4.5 to 1 for texts, 3 to 1 for what must be seen."""
    opened.look(width_px=DESK_PX, scheme=scheme)
    colours: dict[str, str] = opened.ask(
        """(() => {
          const style = getComputedStyle(document.documentElement);
          const names = [...document.styleSheets[0].cssRules[0].style];
          const ours = names.filter((name) => name.startsWith("--"));
          const colour = (name) => style.getPropertyValue(name).trim();
          return Object.fromEntries(ours.map((name) => [name, colour(name)]));
        })()"""
    )
    paper, panel = colours.pop("--paper"), colours.pop("--panel")
    for texts in ("--ink", "--quiet", "--link", "--pass", "--fail", "--unknown", "--invalid"):
        assert min(contrast(colours[texts], paper), contrast(colours[texts], panel)) >= 4.5, texts
    marks = set(colours) - {"--rule", "--fault", "--edge", "--gap"}
    assert [name for name in sorted(marks) if contrast(colours[name], paper) < 3] == []


def contrast(one: str, other: str) -> float:
    """WCAG's contrast ratio of two colours written ``#rrggbb``."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """WCAG's relative luminance."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
