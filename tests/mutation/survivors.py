"""What the sessions hold: how many mutants died, and which of the others SURVIVORS.md explains."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import TestOutcome

LISTED = Path(__file__).with_name("SURVIVORS.md")
NOWHERE = "(module)"


@dataclass(frozen=True, order=True)
class Survivor:
    """A mutant that no test told from the module."""

    module: str
    where: str
    """The function; the text of a table's line stands for itself."""
    before: str
    after: str

    def row(self, reason: str) -> str:
        """As SURVIVORS.md has it."""
        cells = (f"`{cell}`".replace("|", "\\|") for cell in (self.where, self.before, self.after))
        return f"| `{self.module}` | {' | '.join(cells)} | {reason} |"


@dataclass
class Tally:
    """One module's mutants."""

    module: str
    killed: int = 0
    survived: int = 0
    pending: int = 0
    survivors: list[Survivor] = field(default_factory=list)
    """Each once, however many operators led to it."""

    @property
    def score(self) -> float:
        """Of the mutants judged so far, which part was killed; 1 where there are none."""
        judged = self.killed + self.survived
        return self.killed / judged if judged else 1.0


def tally(module: str, session: Path) -> Tally:
    """Read one session."""
    counted = Tally(module)
    with use_db(str(session), WorkDB.Mode.open) as database:
        counted.pending = len(list(database.pending_work_items))
        of = {item.job_id: item.mutations[0] for item in database.work_items}
        for job_id, result in database.results:
            if result.test_outcome is TestOutcome.KILLED:
                counted.killed += 1
            elif result.test_outcome is TestOutcome.SURVIVED:
                counted.survived += 1
                before, _, after = (result.diff or "").partition("\n")
                where = of[job_id].definition_name or NOWHERE
                counted.survivors.append(Survivor(module, where, before, after))
    counted.survivors = sorted(set(counted.survivors))
    return counted


def listed(page: str) -> dict[Survivor, str]:
    """The rows of SURVIVORS.md: survivor -> why it is none that a test could tell."""
    found: dict[Survivor, str] = {}
    for line in page.splitlines():
        if line.startswith("| `"):
            text = line.removeprefix("| ").removesuffix(" |").replace("\\|", "\0")
            *cells, reason = (cell.replace("\0", "|") for cell in text.split(" | "))
            module, where, before, after = (cell.strip("`") for cell in cells)
            found[Survivor(module, where, before, after)] = reason
    return found


def disagreements(tallies: Iterable[Tally], known: dict[Survivor, str]) -> list[str]:
    """Survivors without a row, and rows without a survivor, where all has been judged."""
    said: list[str] = []
    for counted in tallies:
        said += [f"not listed: {one.row('?')}" for one in counted.survivors if one not in known]
        if not counted.pending:
            gone = [one for one in known if one.module == counted.module]
            said += [
                f"listed, but killed or gone: {one.row(known[one])}"
                for one in gone
                if one not in counted.survivors
            ]
    return said
