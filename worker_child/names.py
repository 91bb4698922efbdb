"""How jobs and database sessions are called: what the parent and its children must agree on."""

from __future__ import annotations

import hashlib


def run_digest(run_id: str) -> str:
    """Ten hex digits that stand for a run where 63 bytes must do (PostgreSQL cuts names there)."""
    return hashlib.sha256(run_id.encode()).hexdigest()[:10]


def session_name(run_id: str, slot: int, incarnation: int) -> str:
    """The ``application_name`` of every database session of one incarnation."""
    return f"cb:{run_digest(run_id)}:{slot}:{incarnation}"


def lasting_name(run_id: str, slot: int) -> str:
    """The name that all incarnations of a slot bear before the library, where a fault asks it."""
    return f"cb:{run_digest(run_id)}:{slot}"


def stream_job_id(index: int) -> str:
    """The id of the workload's job number `index`, from 0."""
    return f"j{index:06d}"


def child_job_id(job_id: str, index: int) -> str:
    """The id of the job number `index`, from 0, that the job `job_id` enqueues."""
    return f"{job_id}/{index}"


def held_job_id(index: int) -> str:
    """The id of the scenario's held job number `index`, from 0."""
    return f"h{index:06d}"
