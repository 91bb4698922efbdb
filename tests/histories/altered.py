"""Changes of whole stories: a harm to the server, another beginning of the clock."""

from __future__ import annotations

from tests.histories.builder import Fields, Story

SERVER_FAULT = 7
"""Its number, which no other fault of a short story has."""


def harm_server(story: Story, t_ns: int) -> None:
    """The server is restarted at this instant; that it came back is not told."""
    fields = {
        "t_ns": t_ns,
        "fault": SERVER_FAULT,
        "what": "database_restart",
        "target": {"kind": "server", "postmaster_pid": 7},
        "ends_process": False,
        "trigger": "timed",
        "biased": False,
        "intended_ns": t_ns,
        "parts": {"start_time": "then", "marker_rows": 1},
    }
    story.records.insert(-1, ("fault_injected", fields))


def kill_read(story: Story, fault: int, job_id: str | None) -> Fields:
    """A line of the read after a kill; without a job, the one that closes it."""
    return next(
        fields
        for kind, fields in story.records
        if kind == "row_read" and fields.get("fault") == fault and fields.get("job_id") == job_id
    )


def read_at_nought(story: Story) -> Story:
    """The rows after its first kill are read at the very beginning of the clock."""
    story.first("fault_ended")["parts"]["rows_read_ns"] = 0
    for kind, fields in story.records:
        if kind == "row_read" and fields.get("fault") == 0:
            fields["t_ns"] = 0
    return story
