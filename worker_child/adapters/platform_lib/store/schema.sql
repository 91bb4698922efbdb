-- The tables of the adapter's store. A row of queue waits while it has no permit; what is done is
-- deleted, what was given up goes to queue_dead.

CREATE TABLE queue_permit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    worker text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE queue (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    priority bigint NOT NULL DEFAULT 0,
    type bigint NOT NULL,
    address text UNIQUE CHECK (address <> ''),
    item json NOT NULL,
    carrier bytea,
    permit bigint UNIQUE,
    due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts integer NOT NULL DEFAULT 0, -- how often it was claimed
    failures integer NOT NULL DEFAULT 0, -- how often its handler failed
    sweeps integer NOT NULL DEFAULT 0,   -- how often its permit was swept
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX queue_waiting ON queue (name, priority, id) WHERE permit IS NULL;

CREATE TABLE queue_failure (
    address text PRIMARY KEY,
    error text NOT NULL
);

CREATE TABLE queue_dead (
    id bigint PRIMARY KEY,
    name text NOT NULL,
    type bigint NOT NULL,
    address text,
    item json NOT NULL,
    attempts integer NOT NULL,
    failures integer NOT NULL,
    sweeps integer NOT NULL,
    reason text NOT NULL,
    died_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
