-- The figures of a summary, counted a second time by another engine from the same lines.
-- `lines` holds one JSON text a line (`line`); $from_ns and $to_ns bound the enqueue window.
CREATE TEMP TABLE facts AS
SELECT line ->> '$.kind' AS kind, line -> '$.fields' AS fields FROM lines;

CREATE TEMP TABLE enqueued AS
SELECT fields ->> '$.job_id' AS job,
       min((fields ->> '$.intended_ns')::BIGINT) AS intended_ns,
       min((fields ->> '$.sent_ns')::BIGINT) AS sent_ns,
       any_value(fields ->> '$.tenant') AS tenant,
       any_value(fields ->> '$.kind') AS job_kind,
       any_value(fields ->> '$.class') AS job_class
FROM facts WHERE kind = 'job_enqueued' GROUP BY ALL;

CREATE TEMP TABLE events AS
SELECT kind,
       fields ->> '$.job_id' AS job,
       (fields ->> '$.t_ns')::BIGINT AS t_ns,
       (fields ->> '$.slot')::INT AS slot,
       (fields ->> '$.incarnation')::INT AS incarnation,
       (fields ->> '$.execution')::BIGINT AS execution,
       fields ->> '$.error_class' AS error_class
FROM facts WHERE kind IN ('job_started', 'job_completed', 'job_failed');

CREATE TEMP TABLE jobs AS
SELECT enqueued.*,
       (SELECT min(t_ns) FROM events WHERE kind = 'job_started' AND events.job = enqueued.job)
           AS started_ns,
       (SELECT min(t_ns) FROM events WHERE kind = 'job_completed' AND events.job = enqueued.job)
           AS completed_ns,
       (SELECT count(*) FROM events WHERE kind = 'job_started' AND events.job = enqueued.job)
           AS executions
FROM enqueued;
