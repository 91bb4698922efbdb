package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"crashbench/lang/go/child"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
)

func inboxID(id int64) string {
	return strconv.FormatInt(id, 10)
}

// fanOut is what a coordinator enqueues with: one InsertMany for all, within its transaction where
// it has one.
func fanOut(client *river.Client[pgx.Tx], settings settings) child.Enqueue {
	return func(ctx context.Context, tx pgx.Tx, plans []child.Plan, payloads [][]byte) ([]string, error) {
		jobs := make([]river.InsertManyParams, len(plans))
		for at, plan := range plans {
			jobs[at] = river.InsertManyParams{
				Args:       planArgs{kind: plan.Kind, Plan: payloads[at]},
				InsertOpts: &river.InsertOpts{MaxAttempts: settings.MaxAttempts},
			}
		}
		inserted, err := insertMany(ctx, client, tx, jobs)
		if err != nil {
			return nil, err
		}
		ids := make([]string, len(inserted))
		for at, result := range inserted {
			ids[at] = inboxID(result.Job.ID)
		}
		return ids, nil
	}
}

func insertMany(
	ctx context.Context, client *river.Client[pgx.Tx], tx pgx.Tx, jobs []river.InsertManyParams,
) ([]*rivertype.JobInsertResult, error) {
	if tx == nil {
		return client.InsertMany(ctx, jobs)
	}
	return client.InsertManyTx(ctx, tx, jobs)
}

// enqueuer inserts for the parent where River's UniqueOpts are wanted.
type enqueuer struct {
	pool        *pgxpool.Pool
	client      *river.Client[pgx.Tx]
	maxAttempts int
}

func openEnqueuer(ctx context.Context, init child.Init) (child.Enqueuer, error) {
	pool, err := child.OpenPool(ctx, init.DSN, init.ApplicationName, init.PoolSize)
	if err != nil {
		return nil, err
	}
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{Logger: warnings()})
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("River's client cannot be made: %w", err)
	}
	return &enqueuer{pool, client, init.MaxAttempts}, nil
}

// Enqueue inserts all jobs in one statement of River's. What the server refuses it has not taken;
// after any other error nobody knows.
func (e *enqueuer) Enqueue(ctx context.Context, jobs []child.OutgoingJob) ([]child.Enqueued, error) {
	params := make([]river.InsertManyParams, len(jobs))
	for at, job := range jobs {
		params[at] = e.unique(job)
	}
	inserted, err := e.client.InsertMany(ctx, params)
	if isRefusal(err) {
		return allRejected(len(jobs), err), nil
	}
	if err != nil {
		return nil, err
	}
	answers := make([]child.Enqueued, len(jobs))
	for at, result := range inserted {
		id := inboxID(result.Job.ID)
		if result.UniqueSkippedAsDuplicate {
			answers[at] = child.Deduplicated(&id)
		} else {
			answers[at] = child.Accepted(id)
		}
	}
	return answers, nil
}

// unique asks for one job a key, whatever its kind, under the states that River takes by default.
func (e *enqueuer) unique(job child.OutgoingJob) river.InsertManyParams {
	options := &river.InsertOpts{MaxAttempts: e.maxAttempts}
	if job.DedupKey != nil {
		options.UniqueOpts = river.UniqueOpts{ByArgs: true, ExcludeKind: true}
	}
	args := planArgs{kind: job.Kind, Key: job.DedupKey, Plan: json.RawMessage(job.Payload)}
	return river.InsertManyParams{Args: args, InsertOpts: options}
}

// Close lets go of the connections.
func (e *enqueuer) Close() {
	e.pool.Close()
}

// isRefusal: the statement failed and its transaction with it. A FATAL or PANIC may come after the
// commit.
func isRefusal(err error) bool {
	var refusal *pgconn.PgError
	return errors.As(err, &refusal) && refusal.SeverityUnlocalized == "ERROR"
}

func allRejected(count int, refusal error) []child.Enqueued {
	answers := make([]child.Enqueued, count)
	for at := range answers {
		answers[at] = child.Rejected(refusal)
	}
	return answers
}
