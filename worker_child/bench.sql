-- The tables that jobs of every library work on. Made by the parent, owned by the workers' role.
CREATE TABLE bench_item (
    tenant text NOT NULL,
    item integer NOT NULL,
    amount bigint NOT NULL,
    PRIMARY KEY (tenant, item)
);
INSERT INTO bench_item (tenant, item, amount)
SELECT 't' || to_char(tenant, 'FM0000'), item, (tenant * 7919 + item * 104729) % 1000
FROM generate_series(0, 99) AS tenant, generate_series(1, 50) AS item;

-- A job's business write: what a user would notice if it came twice.
CREATE TABLE bench_effect (
    run_id text NOT NULL,
    job_id text NOT NULL,
    slot integer NOT NULL,
    incarnation integer NOT NULL,
    execution bigint NOT NULL,
    PRIMARY KEY (run_id, job_id, slot, incarnation, execution)
);

-- A planned failure, committed before the job raises: 'fail k times' survives a crash.
CREATE TABLE bench_failure (
    run_id text NOT NULL,
    job_id text NOT NULL,
    slot integer NOT NULL,
    incarnation integer NOT NULL,
    execution bigint NOT NULL,
    error_class text NOT NULL,
    PRIMARY KEY (run_id, job_id, slot, incarnation, execution)
);
