"""What the parent writes beside a story: its phases, its clocks, its samples, and the plan.

Nobody tells of it in a story, and no history is true without it: a recorded run has all of it, and
is held against it. It is made here, of the story's own lines, when they are written.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from orchestrator.scenario.job_kinds import KINDS, needed_offers
from orchestrator.scenario.types import Scenario
from orchestrator.scenario.workload import Workload
from worker_child.names import stream_job_id

Fields = dict[str, Any]
Record = tuple[str, Fields]
SECOND_NS = 1_000_000_000
WALL_NS = 1_767_225_600_000_000_000
"""What a clock on the wall shows when the monotonic one is at nought."""
PHASES = ("setup", "load", "hold", "drain", "stop", "audit")
COPIED = frozenset(
    {"run_start", "run_end", "child_spawned", "child_ready", "job_enqueued", "enqueue_failed"}
)
ROW_STATES = ("queued", "claimed", "retrying", "dead")
MOST_TURNS = 1000
TENANT_SCOPED = frozenset(kind for kind, shape in KINDS.items() if shape.tenant_scoped)


def whole(
    records: list[Record],
    meter: Mapping[str, int] | None = None,
    *,
    sees_the_queue: bool = True,
    fits_the_plan: bool = True,
) -> list[Record]:
    """The records of a story, its plan made to fit its jobs, and the parent's own lines between.

    What the story says of any of it stands. `records` stay as they are; what is changed is copied.
    `meter` = what the hiccup meter says each second. Where the parent does not see the queue, a
    note says so each second. Only where the plan is to be made to fit is it touched.
    """
    kinds = [kind for kind, _ in records]
    if kinds.count("run_start") != 1 or kinds.count("run_end") != 1 or not _is_readable(records):
        return records
    records = [
        (kind, copy.deepcopy(fields) if kind in COPIED else fields) for kind, fields in records
    ]
    run = _Run(records, meter, sees_the_queue)
    if fits_the_plan:
        run.plan()
    run.say_what_is_needed()
    run.end.setdefault("cut_ns", run.cut_ns())
    run.end.setdefault("max_lateness_us", 0)
    return _merged(records, sorted([*run.phases(), *run.turns()], key=_instant))


def _is_readable(records: list[Record]) -> bool:
    """Whether the scenario is one; of what is none no run would have been."""
    start = next(fields for kind, fields in records if kind == "run_start")
    try:
        msgspec.convert({**start["scenario"], "name": "planted"}, Scenario)
    except msgspec.ValidationError:
        return False
    return True


def _instant(record: Record) -> int:
    t_ns: int = record[1]["t_ns"]
    return t_ns


def _merged(records: list[Record], added: list[Record]) -> list[Record]:
    """Each of the added before the first record that is later; run_end stays the last line."""
    merged: list[Record] = []
    added = [*reversed(added)]
    for kind, fields in records:
        while (
            added
            and kind != "run_start"
            and (kind == "run_end" or _instant(added[-1]) < fields["t_ns"])
        ):
            merged.append(added.pop())
        merged.append((kind, fields))
    return merged


class _Run:
    def __init__(
        self, records: list[Record], meter: Mapping[str, int] | None, sees_the_queue: bool
    ) -> None:
        self.records = records
        self.meter = meter
        self.sees_the_queue = sees_the_queue
        (self.start,), (self.end,) = self.of("run_start"), self.of("run_end")

    def of(self, kind: str, **wanted: Any) -> list[Fields]:
        return [f for name, f in self.records if name == kind and wanted.items() <= f.items()]

    def plan(self) -> None:
        """Make the scenario's stream the one that was sent, mostly by a wave for each job."""
        scenario = self.start["scenario"]
        workload = scenario["workload"]
        given = {key for key, value in workload.items() if value}
        if "cache" in given:
            self._questions(scenario)
        elif given & {"errors", "closed_loop"}:
            self._in_turn(workload)
        elif not given & {"waves", "endless", "dedup", "held"}:
            self._waves(workload)

    def say_what_is_needed(self) -> None:
        scenario = self.start["scenario"]
        workload = scenario["workload"]
        if not workload.get("waves"):
            self._ready_before_the_load()
        typed = msgspec.convert({**scenario, "name": "planted"}, Scenario)
        needs = needed_offers(typed)
        self.start.setdefault("needs", needs)
        self.start.setdefault("offers", dict.fromkeys(needs, "as planted"))
        if not workload.get("closed_loop"):
            self.start.setdefault("planned_stream_jobs", Workload(typed).stream_jobs)

    def _waves(self, workload: Fields) -> None:
        lines = {line["job_id"]: line for line in self.of("job_enqueued")}
        planned = self.start.get("planned_stream_jobs") or self.end["stream_jobs"]
        jobs = [stream_job_id(index) for index in range(min(planned, len(lines) + 10))]
        if not jobs:
            return
        waves: list[Fields] = []
        kinds = workload.setdefault("kinds", {})
        for job_id in jobs:
            line = lines.get(job_id, {"kind": "entity_update", "length_us": 1000})
            kind = line["kind"] if line["kind"] in KINDS else "entity_update"
            wave = {"kind": kind, "length_s": line["length_us"] / 1e6}
            if waves and {**waves[-1], "count": 1} == {"count": 1, **wave}:
                waves[-1]["count"] += 1
            else:
                waves.append({"count": 1, **wave})
            if line.get("tenant") is None and kind in TENANT_SCOPED:
                kinds.setdefault(kind, {})["tenant_scoped"] = False
        workload.update(waves=waves, waves_from="before")

    def _in_turn(self, workload: Fields) -> None:
        """One job after the other, each of its kind's one length: no waves go with errors."""
        workload["closed_loop"] = True
        kinds = workload.setdefault("kinds", {})
        for line in self.of("job_enqueued"):
            if line["kind"] not in KINDS:
                continue
            kind = kinds.setdefault(line["kind"], {})
            kind.setdefault("length_s", line["length_us"] / 1e6)
            kind.setdefault("tenant_scoped", line.get("tenant") is not None)

    def _questions(self, scenario: Fields) -> None:
        """As many questions as were put, one a microsecond; their jobs as the seed makes them."""
        workload, count = scenario["workload"], self.end["stream_jobs"]
        workload.update(rate_per_s=1e6, duration_s=count / 1e6)
        workload["payload"] = {"min_bytes": 512, "max_bytes": 1024}
        addresses = {n["detail"]["address"] for n in self.of("note", code="cache_answered")}
        times = max(1, count // workload["cache"]["concurrent_hits"])
        workload["cache"]["unique_addresses"] = min(len(addresses) or 1, times)
        drawn = Workload(msgspec.convert({**scenario, "name": "planted"}, Scenario))
        for line in [*self.of("job_enqueued"), *self.of("enqueue_failed")]:
            job = drawn.by_id(line["job_id"])
            line["intended_ns"] = self.end["started_ns"] + job.intended_ns
            if "kind" in line:
                line.update({"class": job.job_class}, kind=job.plan.kind)
                line.update(length_us=job.plan.length_us, tenant=job.plan.tenant)

    def _ready_before_the_load(self) -> None:
        """Only waves go out before the first workers are there."""
        begin_ns, load_ns = self.start["t_ns"], self.end["started_ns"]
        for kind, fields in self.records:
            late = fields["t_ns"] > load_ns and fields.get("incarnation") == 0
            if late and kind in ("child_spawned", "child_ready"):
                fields["t_ns"] = begin_ns + 1000 * (2 * fields["slot"] + (kind == "child_ready"))

    def cut_ns(self) -> int:
        started: int = self.end.get("started_ns") or self.start["t_ns"]
        mine = [line for line in self.of("job_enqueued") if line.get("n") is None]
        intended = [int(line["intended_ns"]) for line in [*mine, *self.of("enqueue_failed")]]
        return max([started, *intended])

    def phases(self) -> Iterator[Record]:
        noted = {n["detail"].get("phase") for n in self.of("note", code="phase")}
        entered = self._entered()
        reached = PHASES if self.end["ended"] == "completed" else PHASES[:-2]
        for phase in reached:
            if phase not in noted and (phase != "hold" or self.end["held_jobs"]):
                yield "note", {"t_ns": entered[phase], "code": "phase", "detail": {"phase": phase}}

    def _entered(self) -> dict[str, int]:
        begun = self.end.get("started_ns") or self.start["t_ns"]
        cut_ns = self.end["cut_ns"] or begun
        read = [line["t_ns"] for line in self.of("row_read", read="final")]
        audit = min(read, default=self.end["t_ns"])
        asked = ("stopped", "stop_ignored")
        left = [
            line["t_ns"]
            for line in self.of("child_exited")
            if line["reason"] in asked and line.get("fault") is None
        ]
        stop = min([audit, *left])
        told = [n["t_ns"] for n in self.of("note", code="phase") if n["detail"]["phase"] == "stop"]
        stop = min([stop, *told])
        ended = [line["t_ns"] for line in self.of("fault_ended")]
        drain = min(max([cut_ns, *ended]), stop)
        return {
            "setup": self.start["t_ns"],
            "load": begun,
            "hold": min(cut_ns, drain),
            "drain": drain,
            "stop": stop,
            "audit": audit,
        }

    def turns(self) -> Iterator[Record]:
        """An anchor and a sample of each subject once a second, and an anchor at the end."""
        if self.of("clock_anchor"):
            return
        begin_ns, end_ns = self.start["t_ns"], self.end["t_ns"]
        workers = self.start["scenario"]["workers"]
        capacity = workers["slots"] * workers["concurrency"]
        own = {
            subject: [s["t_ns"] for s in self.of("resource_sample", subject=subject)]
            for subject in ("children", "parent", "postgres")
        }
        own["snapshot"] = [s["t_ns"] for s in self.of("queue_snapshot")]
        longest = max(own.values(), key=len)
        turns = longest or range(begin_ns, end_ns, SECOND_NS)[:MOST_TURNS]
        looks = iter(self._looks(turns))
        for t_ns in turns:
            yield "clock_anchor", _anchor(t_ns)
            if not own["children"]:
                sample = {"t_ns": t_ns, "subject": "children", "capacity": capacity}
                yield "resource_sample", sample
            if not own["parent"]:
                yield "resource_sample", {"t_ns": t_ns, "subject": "parent"}
            if not own["snapshot"]:
                yield next(looks)
        yield "clock_anchor", _anchor(end_ns)
        if self.meter is not None:
            reports = range(begin_ns + SECOND_NS, end_ns, SECOND_NS) or [end_ns]
            for t_ns in reports:
                yield "resource_sample", {"t_ns": t_ns, "subject": "hiccup", **self.meter}

    def _looks(self, turns: Sequence[int]) -> Iterator[Record]:
        """The jobs by what last became of them, at each of these instants."""
        become = {
            "job_enqueued": "queued",
            "job_started": "claimed",
            "job_failed": "retrying",
            "job_discarded": "dead",
            "job_completed": "done",
        }
        events = [
            (fields["t_ns"], fields["job_id"], become[kind])
            for kind, fields in self.records
            if kind in become
        ]
        events.sort(key=lambda event: event[0], reverse=True)
        states: dict[str, str] = {}
        for t_ns in turns:
            while events and events[-1][0] < t_ns:
                _, job_id, state = events.pop()
                states[job_id] = state
            if not self.sees_the_queue:
                yield "note", {"t_ns": t_ns, "code": "queue_unreadable", "message": "nobody looks"}
                continue
            counts = Counter(states.values())
            yield "queue_snapshot", {"t_ns": t_ns, **{name: counts[name] for name in ROW_STATES}}


def _anchor(t_ns: int) -> Fields:
    return {"t_ns": t_ns, "wall_ns": WALL_NS + t_ns, "bracket_ns": 0}
