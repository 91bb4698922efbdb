"""The lines of a history that is written by hand, and the file they make."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from tests.histories.parents_lines import whole
from worker_child.names import session_name

RUN_ID = "planted-nothing-stock-001"
MILLISECOND_NS = 1_000_000
ORIGIN_NS = 1_000_000_000_000

Fields = dict[str, Any]


def scenario_digest(scenario: Fields) -> str:
    """Of a scenario's keys as they stand, as whoever records a run reckons it."""
    return hashlib.sha256(msgspec.json.encode(scenario, order="sorted")).hexdigest()


def text_of(run_id: str, kind: str, fields: Fields) -> str:
    """A line without its end."""
    stamp = "2026-01-01T00:00:00.000000Z"
    return json.dumps(
        {"run_id": run_id, "timestamp": stamp, "kind": kind, "fields": fields},
        separators=(",", ":"),
    )


class StoryLines:
    """Every call of `record` is a line, every line a millisecond later than the one before.

    `records` may be changed before they are written.
    """

    meter: Mapping[str, int] | None = None
    """What the hiccup meter says each second; None = there was none."""
    sees_the_queue = True
    """Whether the parent can look at the queue."""
    fits_the_plan = True
    """Whether the scenario is made to fit the jobs; else they are those that its seed makes."""

    def __init__(self) -> None:
        self.now_ns = ORIGIN_NS
        self.records: list[tuple[str, Fields]] = []

    def record(self, kind: str, /, **fields: Any) -> Fields:
        self.now_ns += MILLISECOND_NS
        entry = {"t_ns": self.now_ns, **fields}
        self.records.append((kind, entry))
        return entry

    def wait(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)

    def first(self, kind: str, **wanted: Any) -> Fields:
        """The first record of a kind with these values, to be changed."""
        return next(
            fields
            for name, fields in self.records
            if name == kind and all(fields.get(key) == value for key, value in wanted.items())
        )

    def drop(self, kind: str, **wanted: Any) -> None:
        """Take the first such record out."""
        fields = self.first(kind, **wanted)
        self.records = [record for record in self.records if record[1] is not fields]

    @property
    def run_id(self) -> str:
        """As the run's name is made of what run_start says; no name leads out of its folder."""
        start = self.first("run_start")
        return re.sub(
            r"[^\w.-]", "_", "{scenario_name}-{library}-{preset}-{ordinal:03d}".format(**start)
        )

    def lines(self) -> list[str]:
        """Every line, its run's name and its sessions', digest and count of bytes made true."""
        start = self.first("run_start")
        name = re.sub(r"[^a-z0-9_]", "_", start["scenario_name"])[:60]
        start["scenario"].update(name=name, seed=start["seed"])
        start["scenario_sha256"] = scenario_digest(start["scenario"])
        for kind, fields in self.records:
            if kind == "child_spawned":
                who = fields["slot"], fields["incarnation"]
                fields["application_name"] = session_name(self.run_id, *who)
        records = whole(
            self.records,
            self.meter,
            sees_the_queue=self.sees_the_queue,
            fits_the_plan=self.fits_the_plan,
        )
        for kind, fields in records:
            if kind == "run_start":
                fields["scenario_sha256"] = scenario_digest(fields["scenario"])
        texts = [text_of(self.run_id, kind, fields) for kind, fields in records]
        for place, (kind, fields) in enumerate(records):
            if kind == "run_end":
                others = [*texts[:place], *texts[place + 1 :]]
                fields["bytes_written"] = sum(len(text.encode()) + 1 for text in others)
                texts[place] = text_of(self.run_id, kind, fields)
        return texts

    def write(self, folder: Path, name: str = RUN_ID) -> Path:
        path = folder / f"{name}.jsonl"
        path.write_text("".join(f"{line}\n" for line in self.lines()))
        return path
