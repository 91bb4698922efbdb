"""The jobs that report.html holds, unpacked as the page unpacks them."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.ledger.case import open_case
from analysis.report.html.look_up import look_up
from analysis.report.html.plot import clock_of
from tests.histories.builder import Story
from worker_child.names import stream_job_id

Fact = tuple[int, str]
"""Microseconds since T = 0, and the sentence."""


@dataclass(frozen=True)
class UnpackedJob:
    """What the page tells of a job."""

    job_id: str
    verdict: str
    flags: str
    facts: list[Fact]


def looked_up(story: Story, folder: Path) -> dict[str, UnpackedJob]:
    """Every job of a history, by its id."""
    case = open_case(story.write(folder))
    jobs = json.loads(json.dumps(look_up(case, clock_of(case))))
    found = {job.job_id: job for chunk in jobs["chunks"] for job in _unpacked(jobs, chunk)}
    assert len(found) == jobs["count"]
    return found


def _unpacked(jobs: dict[str, Any], chunk: dict[str, Any]) -> Iterator[UnpackedJob]:
    columns = json.loads(zlib.decompress(base64.b64decode(chunk["packed"])))
    facts = zip(columns["at"], columns["sentence"], strict=True)
    numbers = iter(columns["number"])
    index = at = opening = final = number = 0
    for place, told in enumerate(columns["id"]):
        index += told if isinstance(told, int) else 0
        found = []
        for count in range(columns["facts"][place]):
            step, code = next(facts)
            if code in jobs["final"]:
                at = final = final + step
            elif count == 0:
                at = opening = opening + step
            else:
                at += step
            sentence = jobs["sentences"][code]
            if code in jobs["numbered"]:
                number += next(numbers)
                sentence = sentence.replace("#", f"{number}", 1)
            found.append((at * jobs["resolution_us"], sentence))
        verdict, flags = jobs["outcomes"][columns["outcome"][place]]
        job_id = stream_job_id(index) if isinstance(told, int) else told
        yield UnpackedJob(job_id, verdict, flags, found)
    assert next(facts, None) is None and next(numbers, None) is None
