package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"crashbench/lang/go/child"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const enqueueSQL = `
INSERT INTO my_queue_job (kind, payload)
SELECT kind, payload
FROM unnest($1::text[], $2::bytea[]) WITH ORDINALITY AS job (kind, payload, place)
ORDER BY place
RETURNING id`

const claimSQL = `
UPDATE my_queue_job
SET claimed_by = $1, claimable_at = clock_timestamp() + $2::float * interval '1 second'
WHERE id = (
    SELECT id FROM my_queue_job
    WHERE NOT given_up AND claimable_at <= clock_timestamp()
    ORDER BY claimable_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id, payload, attempts`

const renewSQL = `
UPDATE my_queue_job SET claimable_at = clock_timestamp() + $2::float * interval '1 second'
WHERE claimed_by = $1`

const acknowledgeSQL = `DELETE FROM my_queue_job WHERE id = $1 AND claimed_by = $2`

const retrySQL = `
UPDATE my_queue_job
SET claimed_by = NULL, attempts = attempts + 1,
    claimable_at = clock_timestamp() + $3::float * interval '1 second'
WHERE id = $1 AND claimed_by = $2`

const giveUpSQL = `
UPDATE my_queue_job SET claimed_by = NULL, attempts = attempts + 1, given_up = true
WHERE id = $1 AND claimed_by = $2`

// leaseQueue is the queue under test, as one worker holds it: a claim with SKIP LOCKED, a lease that
// the worker renews, and nothing else. Replace it by your library.
type leaseQueue struct {
	pool   *pgxpool.Pool
	worker string
	leaseS float64
}

// claimedJob is a row that this worker holds until its lease is over.
type claimedJob struct {
	id      int64
	payload []byte
	// attempts is how often it has failed.
	attempts int
}

// enqueue puts jobs in and returns their ids, in order. Its form is child.Enqueue.
func (q *leaseQueue) enqueue(
	ctx context.Context, _ pgx.Tx, plans []child.Plan, payloads [][]byte,
) ([]string, error) {
	kinds := make([]string, len(plans))
	for at, plan := range plans {
		kinds[at] = plan.Kind
	}
	rows, err := q.pool.Query(ctx, enqueueSQL, kinds, payloads)
	if err != nil {
		return nil, fmt.Errorf("%d jobs cannot be enqueued: %w", len(plans), err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var id int64
		err := row.Scan(&id)
		return inboxID(id), err
	})
}

// claim takes the next job; nil = there is none to be had now.
func (q *leaseQueue) claim(ctx context.Context) (*claimedJob, error) {
	var job claimedJob
	err := q.pool.QueryRow(ctx, claimSQL, q.worker, q.leaseS).Scan(&job.id, &job.payload, &job.attempts)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("no job can be claimed: %w", err)
	}
	return &job, nil
}

// renew holds every job of this worker for another lease.
func (q *leaseQueue) renew(ctx context.Context) error {
	return q.do(ctx, "renew the leases", renewSQL, q.worker, q.leaseS)
}

// acknowledge takes a job out that is done.
func (q *leaseQueue) acknowledge(ctx context.Context, job *claimedJob) error {
	return q.do(ctx, "acknowledge a job", acknowledgeSQL, job.id, q.worker)
}

// retry lets a job that has failed be claimed again in delayS seconds.
func (q *leaseQueue) retry(ctx context.Context, job *claimedJob, delayS float64) error {
	return q.do(ctx, "retry a job", retrySQL, job.id, q.worker, delayS)
}

// giveUp keeps the row of a job that has failed for good, and never claims it again.
func (q *leaseQueue) giveUp(ctx context.Context, job *claimedJob) error {
	return q.do(ctx, "give a job up", giveUpSQL, job.id, q.worker)
}

func (q *leaseQueue) do(ctx context.Context, what, sql string, arguments ...any) error {
	if _, err := q.pool.Exec(ctx, sql, arguments...); err != nil {
		return fmt.Errorf("cannot %s: %w", what, err)
	}
	return nil
}

func inboxID(id int64) string {
	return strconv.FormatInt(id, 10)
}
