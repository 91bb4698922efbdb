"""Nothing that is changed in a recorded history goes by unseen, save what HOLES.md explains."""

from __future__ import annotations

import random
from pathlib import Path

from tests.histories.mutator import (
    CHECKSUMS,
    HOLES,
    NESTED,
    Trial,
    holes,
    listed,
    mended,
    mutated,
    recorded,
    sites,
    text,
)

SAMPLE = 200
"""Of the classes in turn; `make mutator` goes through all of them, several times."""


def test_a_seeded_sample_of_mutations_finds_no_hole_that_is_not_explained(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    found = trial.run(SAMPLE)

    assert "invalid" not in trial.verdicts.values()
    assert sum(outcomes["noticed"] for outcomes in found.values()) > SAMPLE // 4
    assert [of for of in holes(found) if of not in listed()] == []


def test_every_hole_has_a_reason_and_is_of_a_class_there_is() -> None:
    known = sites(recorded())

    assert [of for of, reason in listed().items() if len(reason) < 10 or of not in known] == []


def test_the_holes_are_forty_classes_at_most_and_as_many_as_their_list_says() -> None:
    found, everything = listed(by_other_seeds=False), listed()
    more = len(everything) - len(found)

    assert len(everything) <= 40
    said = " ".join(HOLES.read_text(encoding="utf-8").split())
    assert f"{len(found)} of " in said
    assert f"a mutation of {more} classes more" in said


def test_every_field_of_every_line_is_changed_but_what_is_mended() -> None:
    changed = {of[:2] for of in sites(recorded()) if of[2] == "change"}
    fields = {
        (line["kind"], name)
        for lines in recorded().values()
        for line in lines
        for name in line["fields"]
        if name not in CHECKSUMS | NESTED
    }

    assert fields - changed == set()


def test_what_is_recorded_is_true_before_it_is_mended() -> None:
    for lines in recorded().values():
        before = [dict(line["fields"]) for line in lines]
        told = lines[-1]["fields"]["bytes_written"]
        mended(lines)
        assert [f for f, line in zip(before, lines, strict=True) if f != line["fields"]] == []
        assert told == sum(len(text(line)) for line in lines[:-1])


def test_a_mutation_is_one_change_and_all_that_follows_from_it() -> None:
    lines = recorded()["kill"]
    known = sites({"kill": lines})
    for of in (("job_completed", "t_ns", "change"), ("row_read", "state", "delete")):
        site = known[of][0]
        changed = mutated(lines, site, random.Random(1))
        assert changed is not None
        different = [
            (line["kind"], key)
            for line, other in zip(lines, changed, strict=True)
            for key in line["fields"].keys() | other["fields"].keys()
            if line["fields"].get(key) != other["fields"].get(key) and key not in CHECKSUMS
        ]
        assert different == [of[:2]]
