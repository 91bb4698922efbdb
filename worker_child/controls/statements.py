"""The controls' SQL: a claim or an acknowledgement, and the audit row of it, in one statement.

Whatever happens to the statement happens to its audit row: they commit or roll back together, so
the audit is exact where a kill leaves everybody else guessing. Its sequence number is drawn while
the job's row is locked, so the audit rows of one job stand in the order in which they took effect.
"""

from __future__ import annotations

from psycopg.sql import SQL, Composed, Literal

CHANNEL = "control_job"
RESULTS_CHANNEL = "control_result"
"""On which callers of the control with a cache hear that some job of an address has ended."""

SCHEMA = """
CREATE TABLE control_job (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id text NOT NULL,
    payload bytea NOT NULL,
    claimed_by text,
    claimed_at timestamptz,
    claimed_until timestamptz,
    address text,
    key text
);
CREATE UNIQUE INDEX control_job_key ON control_job (key) WHERE claimed_by IS NULL;
CREATE INDEX control_job_address ON control_job (address) WHERE address IS NOT NULL;
CREATE TABLE control_address (
    address text PRIMARY KEY
);
CREATE TABLE control_result (
    address text NOT NULL,
    part int NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (address, part)
);
CREATE TABLE control_leader (
    office int PRIMARY KEY CHECK (office = 1),
    identity text NOT NULL,
    until timestamptz NOT NULL
);
CREATE TABLE control_audit (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identity text NOT NULL,
    inbox_id bigint NOT NULL,
    job_id text NOT NULL,
    action text NOT NULL CHECK (action IN ('claimed', 'acknowledged'))
);
"""

_AUDITED = """
WITH touched AS ({step}),
     noted AS (
         INSERT INTO control_audit (identity, inbox_id, job_id, action)
         SELECT %(identity)s, touched.id, touched.job_id, did.action
         FROM touched, unnest({actions}::text[]) WITH ORDINALITY AS did (action, place)
         ORDER BY touched.id, did.place
     )
SELECT id, payload FROM touched
"""

_NEXT = "(SELECT id FROM control_job WHERE {free} ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)"
_UNCLAIMED = SQL(_NEXT).format(free=SQL("claimed_by IS NULL"))
_UNCLAIMED_OR_EXPIRED = SQL(_NEXT).format(
    free=SQL("claimed_by IS NULL OR claimed_until < clock_timestamp()")
)


def _audited(step: Composed | SQL, *actions: str) -> Composed:
    return SQL(_AUDITED).format(step=step, actions=Literal(list(actions)))


CLAIM_BY_LOCK = _audited(
    SQL("SELECT id, job_id, payload FROM control_job ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED"),
    "claimed",
)
"""Lock the next row; the claim lasts as long as the transaction."""

CLAIM_BY_DELETING = _audited(
    SQL("DELETE FROM control_job WHERE id = {} RETURNING id, job_id, payload").format(_UNCLAIMED),
    "claimed",
    "acknowledged",
)
"""Take the next row out of the queue; with that it is acknowledged, too."""

CLAIM_BY_NAME = _audited(
    SQL(
        "UPDATE control_job SET claimed_by = %(identity)s, claimed_at = clock_timestamp() "
        "WHERE id = {} RETURNING id, job_id, payload"
    ).format(_UNCLAIMED),
    "claimed",
)
"""Write the claimant's identity into the next row."""

CLAIM_BY_LEASE = _audited(
    SQL(
        "UPDATE control_job SET claimed_by = %(identity)s, claimed_at = clock_timestamp(), "
        "claimed_until = clock_timestamp() + %(lease_s)s * interval '1 second' WHERE id = {} "
        "RETURNING id, job_id, payload"
    ).format(_UNCLAIMED_OR_EXPIRED),
    "claimed",
)
"""The same, until `lease_s` seconds from now; an expired claim is as good as none."""

CLAIM_FOR_LEASE = _audited(
    SQL(
        "UPDATE control_job SET claimed_by = %(identity)s, "
        "claimed_until = clock_timestamp() + %(lease_s)s * interval '1 second' WHERE id = {} "
        "RETURNING id, job_id, payload"
    ).format(_UNCLAIMED),
    "claimed",
)
"""The same, and an expired claim stands until somebody frees it."""

FREE_EXPIRED = """
UPDATE control_job SET claimed_by = NULL, claimed_until = NULL
WHERE claimed_until < clock_timestamp()
"""
"""Free every claim that has run out, whoever had made it."""

ELECT = """
INSERT INTO control_leader
SELECT 1, %(identity)s, clock_timestamp() + %(office_s)s * interval '1 second'
WHERE %(slot)s = 0 OR EXISTS (SELECT FROM control_leader)
ON CONFLICT (office) DO UPDATE SET identity = excluded.identity, until = excluded.until
WHERE control_leader.identity = excluded.identity OR control_leader.until < clock_timestamp()
RETURNING 1
"""
"""Take the office, or keep it, for `office_s` seconds from now; no row = another has it."""

RENEW = """
UPDATE control_job SET claimed_until = clock_timestamp() + %(lease_s)s * interval '1 second'
WHERE claimed_by = %(identity)s
"""
"""Give all claims of `identity` `lease_s` seconds from now."""

ACKNOWLEDGE = _audited(
    SQL("DELETE FROM control_job WHERE id = ANY(%(ids)s) RETURNING id, job_id, payload"),
    "acknowledged",
)
"""Take the finished rows `ids` out of the queue, whoever claimed them; one gone is left alone."""

FREE_PREDECESSORS = """
UPDATE control_job SET claimed_by = NULL, claimed_at = NULL
WHERE claimed_by LIKE %(slot)s OR claimed_by = %(identity)s
"""
"""Free whatever earlier processes of the slot had claimed, also under the same name; `slot` is a
LIKE pattern."""

ORPHANS = """
SELECT id FROM control_job
WHERE claimed_by LIKE %(slot)s AND claimed_by <> %(identity)s
ORDER BY id
"""
"""What earlier processes of the slot had claimed, the oldest first; `slot` is a LIKE pattern."""

FREE = "UPDATE control_job SET claimed_by = NULL, claimed_at = NULL WHERE id = %s"
"""Free one row. Raises UniqueViolation while another one waits under its key."""
