-- The ledger as DESIGN's table has it, over the lines as they stand in the file: one row a job.
-- `line` holds the JSON text of each line. Knows nothing of the analysis.

CREATE TABLE field AS SELECT json_extract(json, '$.kind') AS kind, json_extract(json, '$.fields') AS f FROM line;

CREATE TABLE start AS
SELECT json_extract(f, '$.scenario.effects') AS effects,
       json_extract(f, '$.scenario.limits.backlog_margin_s') AS margin_s,
       json_extract(f, '$.rescue.lease_s') AS lease_s,
       json_extract(f, '$.rescue.interval_s') AS interval_s,
       json_extract(f, '$.rescue.poll_s') AS poll_s
FROM field WHERE kind = 'run_start';

CREATE TABLE event AS
SELECT kind, json_extract(f, '$.job_id') AS job, json_extract(f, '$.t_ns') AS t, json_extract(f, '$.n') AS n,
       json_extract(f, '$.slot') AS slot, json_extract(f, '$.incarnation') AS inc, json_extract(f, '$.execution') AS exec
FROM field WHERE kind LIKE 'job_%';

CREATE TABLE final_row AS
SELECT json_extract(f, '$.job_id') AS job, json_extract(f, '$.t_ns') AS t, json_extract(f, '$.state') AS state,
       json_extract(f, '$.claimed_by') AS claimed_by, json_extract(f, '$.claimed_ns') AS claimed,
       json_extract(f, '$.effects') AS effects
FROM field WHERE kind = 'row_read' AND json_extract(f, '$.read') = 'final' AND json_extract(f, '$.job_id') IS NOT NULL;

CREATE TABLE effect AS
SELECT job, json_extract(value, '$[0]') AS slot, json_extract(value, '$[1]') AS inc, json_extract(value, '$[2]') AS exec
FROM final_row, json_each(final_row.effects) WHERE final_row.effects IS NOT NULL;

CREATE TABLE done AS
SELECT job, slot, inc, exec FROM event WHERE kind = 'job_completed'
UNION
SELECT job, slot, inc, exec FROM effect;

CREATE TABLE rank AS
SELECT * FROM (VALUES ('queued', 0), ('retrying', 1), ('claimed', 2), ('dead', 3), ('done', 4),
                      ('absent', 5));

CREATE TABLE incarnation AS
SELECT json_extract(s.f, '$.slot') AS slot, json_extract(s.f, '$.incarnation') AS inc,
       (SELECT json_extract(f, '$.identity') FROM field WHERE kind = 'child_ready'
          AND json_extract(f, '$.slot') = json_extract(s.f, '$.slot') AND json_extract(f, '$.incarnation') = json_extract(s.f, '$.incarnation'))
         AS identity,
       json_extract(s.f, '$.t_ns') AS spawned,
       (SELECT json_extract(f, '$.t_ns') FROM field WHERE kind = 'child_ready'
          AND json_extract(f, '$.slot') = json_extract(s.f, '$.slot') AND json_extract(f, '$.incarnation') = json_extract(s.f, '$.incarnation'))
         AS ready,
       COALESCE(
         (SELECT json_extract(f, '$.t_ns') FROM field WHERE kind = 'fault_injected' AND json_extract(f, '$.ends_process')
            AND json_extract(f, '$.target.slot') = json_extract(s.f, '$.slot') AND json_extract(f, '$.target.incarnation') = json_extract(s.f, '$.incarnation')),
         (SELECT json_extract(f, '$.t_ns') FROM field WHERE kind = 'child_exited' AND json_extract(f, '$.reason') = 'died'
            AND json_extract(f, '$.slot') = json_extract(s.f, '$.slot') AND json_extract(f, '$.incarnation') = json_extract(s.f, '$.incarnation')))
         AS died,
       (SELECT json_extract(f, '$.reason') FROM field WHERE kind = 'child_exited'
          AND json_extract(f, '$.slot') = json_extract(s.f, '$.slot') AND json_extract(f, '$.incarnation') = json_extract(s.f, '$.incarnation'))
         AS reason,
       (SELECT json_extract(f, '$.t_ns') FROM field WHERE kind = 'child_exited'
          AND json_extract(f, '$.slot') = json_extract(s.f, '$.slot') AND json_extract(f, '$.incarnation') = json_extract(s.f, '$.incarnation'))
         AS left_ns,
       (SELECT json_extract(f, '$.events') FROM field WHERE kind = 'child_exited'
          AND json_extract(f, '$.slot') = json_extract(s.f, '$.slot') AND json_extract(f, '$.incarnation') = json_extract(s.f, '$.incarnation'))
         AS events
FROM field s WHERE s.kind = 'child_spawned';

CREATE TABLE stop AS
SELECT MIN(json_extract(f, '$.t_ns')) AS t FROM field WHERE kind = 'note' AND json_extract(f, '$.code') = 'phase'
   AND json_extract(f, '$.detail.phase') = 'stop';

-- Who can have claimed a row that is still held: of several of one name not one that came later than
-- the claim, nor one whose successor was ready by then.
CREATE TABLE could AS
SELECT f.rowid AS row, f.job, f.t, f.state, i.slot, i.inc
FROM final_row f JOIN incarnation i ON i.identity = f.claimed_by
WHERE f.claimed IS NULL OR (
  (i.spawned <= f.claimed OR NOT EXISTS (SELECT 1 FROM incarnation e WHERE e.identity = i.identity AND e.inc < i.inc))
  AND NOT EXISTS (SELECT 1 FROM incarnation n WHERE n.identity = i.identity AND n.inc > i.inc AND n.ready <= f.claimed));
CREATE TABLE held AS SELECT * FROM could GROUP BY row HAVING COUNT(*) = 1;

-- One that left before the run asked the workers to stop leaves orphans as a dead one does.
ALTER TABLE incarnation ADD COLUMN behind;
UPDATE incarnation SET behind = COALESCE(died, (SELECT left_ns FROM stop WHERE left_ns < stop.t));

CREATE TABLE outage AS
SELECT ROW_NUMBER() OVER (ORDER BY json_extract(s.f, '$.t_ns')) AS k, json_extract(s.f, '$.t_ns') AS began,
       (SELECT json_extract(f, '$.healed_ns') FROM field WHERE kind = 'fault_ended'
          AND json_extract(f, '$.fault') = json_extract(s.f, '$.fault')) AS healed,
       json_extract(s.f, '$.target.slot') AS slot, json_extract(s.f, '$.target.incarnation') AS inc
FROM field s WHERE s.kind = 'fault_injected' AND NOT json_extract(s.f, '$.ends_process');

-- Whoever else was ready, when it died, and when it was gone; one that stopped when asked outlives
-- every lease, and looks for orphans as long as it was there.
CREATE TABLE life AS
SELECT json_extract(f, '$.slot') AS slot, json_extract(f, '$.incarnation') AS inc, MIN(json_extract(f, '$.t_ns')) AS ready,
       (SELECT died FROM incarnation i WHERE i.slot = json_extract(f, '$.slot')
          AND i.inc = json_extract(f, '$.incarnation')) AS died,
       (SELECT COALESCE(died, left_ns) FROM incarnation i WHERE i.slot = json_extract(f, '$.slot')
          AND i.inc = json_extract(f, '$.incarnation')) AS gone
FROM field WHERE kind = 'child_ready' GROUP BY 1, 2;

-- Of each death: the workers that outlived the lease of its jobs.
CREATE TABLE rescuer AS
SELECT i.slot, i.inc, i.behind, o.ready, o.gone, i.behind + start.lease_s * 1e9 AS lease_over
FROM incarnation i, start JOIN life o ON o.slot <> i.slot OR o.inc <> i.inc
WHERE i.behind IS NOT NULL AND (o.died IS NULL OR o.died > i.behind + start.lease_s * 1e9);

-- From a death until its orphans must have been picked up, in nanoseconds. No row = there is no
-- bound; had_time = somebody lived through a whole look and a poll behind the lease.
CREATE TABLE bound AS
SELECT r.slot, r.inc, MAX(start.lease_s * 1e9, MIN(r.ready) - r.behind) + (start.interval_s + start.poll_s) * 1e9 AS bound_ns,
       MAX(r.gone IS NULL OR r.gone - MAX(r.ready, r.lease_over) >= (start.interval_s + start.poll_s) * 1e9) AS had_time
FROM rescuer r, start GROUP BY r.slot, r.inc;

CREATE TABLE child_line AS
SELECT json_extract(f, '$.slot') AS slot, json_extract(f, '$.incarnation') AS inc, json_extract(f, '$.n') AS n
FROM field WHERE json_extract(f, '$.n') IS NOT NULL;

CREATE TABLE gap AS
SELECT i.slot, i.inc FROM incarnation i
LEFT JOIN child_line c USING (slot, inc)
GROUP BY i.slot, i.inc
HAVING i.events IS NULL OR i.events <> COUNT(c.n) OR i.events <> COUNT(DISTINCT c.n)
    OR (i.events > 0 AND (MIN(c.n) <> 0 OR MAX(c.n) <> i.events - 1));

-- An execution's number is used once, and for one job; whatever ends or has an effect was started.
CREATE TABLE entry AS
SELECT job, slot, inc, exec, n FROM event WHERE kind = 'job_started';

CREATE TABLE outcome AS
SELECT job, slot, inc, exec, n FROM event WHERE kind IN ('job_completed', 'job_failed')
UNION ALL
SELECT job, slot, inc, exec, NULL FROM effect;

CREATE TABLE void AS
SELECT slot, inc, 1 AS grade, 'ordinal_gap' AS reason FROM gap
UNION
SELECT slot, inc, 2, 'execution_reused' FROM event
WHERE kind IN ('job_started', 'job_completed', 'job_failed')
GROUP BY slot, inc, exec, kind HAVING COUNT(*) > 1
UNION
SELECT o.slot, o.inc, 2, 'execution_reused' FROM outcome o JOIN entry e USING (slot, inc, exec)
WHERE o.job <> e.job
UNION
SELECT o.slot, o.inc, 3, 'started_missing' FROM outcome o
WHERE NOT EXISTS (SELECT 1 FROM entry e WHERE e.job = o.job AND e.slot = o.slot AND e.inc = o.inc
                    AND e.exec = o.exec AND (o.n IS NULL OR e.n < o.n));

CREATE TABLE touched AS
SELECT job, slot, inc FROM event WHERE exec IS NOT NULL
UNION
SELECT job, slot, inc FROM effect
UNION
SELECT job, slot, inc FROM held;

CREATE TABLE closing AS
SELECT COUNT(*) AS many, MAX(json_extract(f, '$.lines')) AS lines, MAX(json_extract(f, '$.error')) AS error,
       MAX(json_extract(f, '$.effects_error')) AS effects_error
FROM field WHERE kind = 'row_read' AND json_extract(f, '$.read') = 'final' AND json_extract(f, '$.job_id') IS NULL;

CREATE TABLE job AS
SELECT job FROM event UNION SELECT job FROM final_row
UNION SELECT json_extract(f, '$.job_id') FROM field WHERE kind = 'row_read' AND json_extract(f, '$.job_id') IS NOT NULL;

CREATE TABLE last_start AS
SELECT job, slot, inc, exec, t FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY job ORDER BY t DESC, slot DESC, inc DESC, exec DESC) AS place
  FROM event WHERE kind = 'job_started')
WHERE place = 1;

-- A discard without an execution was seen in the rows: it is of what had started by then.
CREATE TABLE ended_in_error AS
SELECT DISTINCT e.job FROM event e LEFT JOIN last_start l ON l.job = e.job
WHERE (e.kind IN ('job_failed', 'job_discarded') AND e.slot = l.slot AND e.inc = l.inc AND e.exec = l.exec)
   OR (e.kind = 'job_discarded' AND e.exec IS NULL AND (l.t IS NULL OR e.t > l.t));

CREATE TABLE weighed AS
SELECT job.job,
       (SELECT COUNT(*) FROM done WHERE done.job = job.job) AS c,
       COALESCE((SELECT state FROM final_row JOIN rank ON column1 = state
                 WHERE final_row.job = job.job ORDER BY column2 LIMIT 1), 'absent') AS r,
       EXISTS (SELECT 1 FROM event WHERE event.job = job.job AND kind = 'job_enqueued') AS enqueued,
       COALESCE((SELECT MAX(json_extract(f, '$.length_us')) FROM field
                 WHERE kind = 'job_enqueued' AND json_extract(f, '$.job_id') = job.job), 0) AS length_us,
       (SELECT reason FROM void
        WHERE NOT EXISTS (SELECT 1 FROM done WHERE done.job = job.job)
           OR EXISTS (SELECT 1 FROM touched t WHERE t.job = job.job AND t.slot = void.slot AND t.inc = void.inc)
        ORDER BY slot, inc, grade LIMIT 1) AS void_reason,
       EXISTS (SELECT 1 FROM event e WHERE e.job = job.job AND kind = 'job_completed'
                 AND NOT EXISTS (SELECT 1 FROM effect f WHERE f.job = e.job AND f.slot = e.slot
                                   AND f.inc = e.inc AND f.exec = e.exec)) AS uncommitted,
       EXISTS (SELECT 1 FROM ended_in_error e WHERE e.job = job.job) AS ended_in_error,
       EXISTS (SELECT 1 FROM held JOIN incarnation USING (slot, inc)
               WHERE held.job = job.job AND state = 'claimed' AND died IS NOT NULL)
         AS held_by_dead,
       EXISTS (SELECT 1 FROM could WHERE could.job = job.job AND state = 'claimed' GROUP BY row HAVING COUNT(*) > 1)
         AS held_by_either
FROM job;

-- What is waited for, from when on and how long: rows that somebody left behind, jobs that are
-- queued, and of these the death that had them in flight.
CREATE TABLE ask AS
SELECT 'row' AS what, f.job, i.behind AS since, bound_ns + start.margin_s * 1e9 + w.length_us * 1000 AS wait,
       f.t AS read, had_time, i.died
FROM held f JOIN incarnation i USING (slot, inc) JOIN bound USING (slot, inc) JOIN weighed w ON w.job = f.job, start
WHERE f.state = 'claimed' AND i.behind IS NOT NULL
UNION ALL
SELECT 'queued', w.job,
       (SELECT MAX(t) FROM (
          SELECT COALESCE(json_extract(f, '$.acknowledged_ns'), json_extract(f, '$.t_ns')) AS t FROM field
           WHERE kind = 'job_enqueued' AND json_extract(f, '$.job_id') = w.job
          UNION ALL SELECT t FROM event e WHERE e.job = w.job AND kind IN ('job_started', 'job_completed', 'job_failed')
          UNION ALL SELECT left_ns FROM incarnation i JOIN event e USING (slot, inc)
           WHERE e.job = w.job AND e.kind = 'job_started' AND NOT EXISTS (
             SELECT 1 FROM event d WHERE d.slot = e.slot AND d.inc = e.inc AND d.exec = e.exec AND d.kind IN ('job_completed', 'job_failed')))),
       start.margin_s * 1e9 + w.length_us * 1000, NULL, NULL, NULL
FROM weighed w, start WHERE w.r = 'queued'
UNION ALL
SELECT 'found', w.job, i.behind,
       (SELECT bound_ns FROM bound b WHERE b.slot = i.slot AND b.inc = i.inc) + start.margin_s * 1e9 + w.length_us * 1000, NULL, NULL, NULL
FROM weighed w, start JOIN incarnation i ON i.died IS NOT NULL AND (
  EXISTS (SELECT 1 FROM event e WHERE e.job = w.job AND e.slot = i.slot AND e.inc = i.inc AND e.kind = 'job_started' AND NOT EXISTS (
             SELECT 1 FROM event d WHERE d.slot = e.slot AND d.inc = e.inc AND d.exec = e.exec AND d.kind IN ('job_completed', 'job_failed')))
  OR EXISTS (SELECT 1 FROM field WHERE kind = 'row_read' AND json_extract(f, '$.read') = 'kill' AND json_extract(f, '$.job_id') = w.job
               AND json_extract(f, '$.claimed_by') = i.identity))
WHERE w.r = 'queued';

-- An outage that falls into a wait begins it anew at its end; one without an end leaves no deadline.
CREATE TABLE deadline AS
WITH RECURSIVE go (what, job, since, wait, read, had_time, died, until, k) AS (
  SELECT what, job, since, wait, read, had_time, died, since + wait, 0 FROM ask
  UNION ALL
  SELECT what, job, since, wait, read, had_time, died,
         CASE WHEN o.began > until OR o.healed <= since THEN until ELSE MAX(until, o.healed + wait) END, o.k
  FROM go JOIN outage o ON o.k = go.k + 1)
SELECT * FROM go WHERE k = (SELECT COUNT(*) FROM outage);

-- Nobody knows since when a job waits that failed, or that a death left to nobody.
CREATE TABLE waiting AS
SELECT job, MAX(until) AS until FROM deadline d WHERE what <> 'row'
  AND NOT EXISTS (SELECT 1 FROM deadline n WHERE n.job = d.job AND n.what <> 'row' AND n.until IS NULL)
  AND NOT EXISTS (SELECT 1 FROM event e JOIN last_start l ON l.job = e.job AND l.slot = e.slot AND l.inc = e.inc AND l.exec = e.exec
                   WHERE e.job = d.job AND e.kind = 'job_failed')
GROUP BY job;

-- A job that waits at its deadline, and a worker that had nothing to do for a second before it.
CREATE TABLE idle AS
SELECT DISTINCT w.job FROM waiting w, stop JOIN life l ON l.ready <= w.until - 1e9
JOIN incarnation i ON i.slot = l.slot AND i.inc = l.inc
WHERE (i.died IS NULL OR i.died >= w.until) AND (i.left_ns IS NULL OR i.left_ns >= w.until) AND (stop.t IS NULL OR stop.t >= w.until)
  AND (i.left_ns IS NOT NULL OR stop.t IS NOT NULL OR w.until <= (SELECT MAX(json_extract(f, '$.t_ns')) FROM field))
  AND NOT EXISTS (SELECT 1 FROM outage o WHERE o.slot = l.slot AND o.inc = l.inc AND o.began < w.until AND (o.healed IS NULL OR o.healed > w.until - 1e9))
  AND NOT EXISTS (SELECT 1 FROM event e WHERE e.slot = l.slot AND e.inc = l.inc AND e.kind = 'job_started' AND e.t < w.until AND NOT EXISTS (
        SELECT 1 FROM event d WHERE d.slot = e.slot AND d.inc = e.inc AND d.exec = e.exec AND d.kind IN ('job_completed', 'job_failed')
           AND d.t <= w.until - 1e9));

CREATE TABLE judged AS
SELECT job, CASE
    WHEN closing.many <> 1 OR closing.error IS NOT NULL
      OR closing.lines IS NOT (SELECT COUNT(*) FROM final_row) THEN 'ambiguous:row_read_failed'
    WHEN start.effects AND closing.effects_error IS NOT NULL THEN 'ambiguous:effects_unreadable'
    WHEN void_reason IS NOT NULL THEN 'ambiguous:' || void_reason
    WHEN NOT enqueued THEN 'ambiguous:enqueue_record_missing'
    WHEN start.effects AND uncommitted THEN 'ambiguous:completed_without_effect'
    WHEN c >= 2 THEN 'duplicated'
    WHEN c = 1 THEN 'completed_once'
    WHEN r = 'dead' OR (r = 'absent' AND ended_in_error) THEN 'discarded'
    WHEN r = 'claimed' AND held_by_dead THEN CASE
        WHEN start.lease_s IS NULL OR EXISTS (
            SELECT 1 FROM deadline d WHERE d.job = weighed.job AND what = 'row' AND died IS NOT NULL AND had_time AND read > until)
        THEN 'stranded' ELSE 'pending' END
    WHEN r = 'claimed' AND (
        EXISTS (SELECT 1 FROM deadline d WHERE d.job = weighed.job AND what = 'row' AND had_time AND read > until)
        OR (start.lease_s IS NULL AND EXISTS (SELECT 1 FROM held JOIN incarnation USING (slot, inc)
              WHERE held.job = weighed.job AND state = 'claimed' AND behind IS NOT NULL))) THEN 'stranded'
    WHEN r = 'queued' AND EXISTS (SELECT 1 FROM idle WHERE idle.job = weighed.job) THEN 'stranded'
    WHEN r = 'claimed' AND held_by_either THEN 'ambiguous:holder_unknown'
    WHEN r IN ('queued', 'retrying', 'claimed') THEN 'pending'
    WHEN start.effects THEN 'lost'
    ELSE 'ambiguous:done_unwitnessed' END AS verdict
FROM weighed, closing, start;
