"""A job's id is found in a row however the payload is stored."""

from __future__ import annotations

import base64
import json

import pytest

from orchestrator.commands.conformance.sightings import spellings

JOB_ID = "h000004"
PAYLOADS = [b'{"job_id":"h000004"}', b'{"id": 1, "job_id": "h000004"}', b'[["h000004"], 22]']


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_job_is_found_in_text_bytes_and_base64(payload: bytes) -> None:
    stored = [
        payload.decode(),
        f"(1,entity_update,\\\\x{payload.hex()},f)",
        json.dumps({"args": base64.b64encode(payload).decode()}),
    ]

    assert all(any(spelling in text for spelling in spellings(JOB_ID)) for text in stored)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_another_job_is_not_found_there(payload: bytes) -> None:
    stored = [payload.decode(), payload.hex(), base64.b64encode(payload).decode()]

    assert not any(spelling in text for spelling in spellings("h000005") for text in stored)
