package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"crashbench/adapters/platform_lib/store"
	"crashbench/lang/go/child"

	"github.com/jackc/pgx/v5"
	"github.com/rstudio/platform-lib/v4/pkg/rsqueue/metrics"
	"github.com/rstudio/platform-lib/v4/pkg/rsqueue/queue"
	"github.com/rstudio/platform-lib/v4/pkg/rsstorage"
)

// runner is the library's WorkRunner: it hands each job to the body. The library neither counts
// attempts nor retries, so what becomes of a failed job is decided here, by the store.
type runner struct {
	*queue.BaseRunner
	child  *child.Child
	queued queueStore
	// storage keeps results; nil = nobody asks for any.
	storage rsstorage.StorageServer
}

// Run is called by the agent for each row that it has popped. A job that has been taken back for
// another attempt is no failure to the agent, which would record one for its address.
func (r *runner) Run(ctx context.Context, work queue.RecursableWork) error {
	var claimed claimedWork
	if err := json.Unmarshal(work.Work, &claimed); err != nil {
		return fmt.Errorf("the work is none of ours: %w", err)
	}
	execution, err := r.child.Body.Enter(claimed.Plan, inboxID(claimed.Row), &claimed.Attempt)
	if err != nil {
		_, _, unkept := r.fail(ctx, claimed, true, err)
		return errors.Join(err, unkept)
	}
	failure := r.child.Body.CarryOut(ctx, execution)
	if failure == nil {
		failure = keep(ctx, r.storage, execution.Plan.Result)
	}
	if failure == nil {
		return nil
	}
	decision, delayS, err := r.fail(ctx, claimed, child.IsPermanent(failure), failure)
	switch {
	case err != nil:
		return errors.Join(failure, err)
	case decision == store.Retried:
		execution.Retried(child.ByExecutor, delayS)
		return nil
	case decision == store.GivenUp:
		execution.Discarded(child.ByExecutor)
	case decision == store.Swept:
		r.child.Note("swept", fmt.Sprintf("row %d failed after its permit had been swept", claimed.Row))
	}
	return failure
}

// fail has the store decide; not under ctx, from which the failure may have come.
func (r *runner) fail(
	ctx context.Context, claimed claimedWork, permanent bool, failure error,
) (store.Decision, float64, error) {
	ctx = context.WithoutCancel(ctx)
	decision, delayS, err := r.queued.rows.Fail(ctx, claimed.Permit, permanent, failure.Error())
	if err != nil {
		r.queued.undecided.Store(claimed.Permit, true)
	}
	return decision, delayS, err
}

func inboxID(id int64) string {
	return strconv.FormatInt(id, 10)
}

// fanOut is what a coordinator enqueues with: its jobs are pushed in one transaction of the store.
// The library's own Queue.WithDbTx cannot push (its copy of the queue lacks the carrier factory).
func fanOut(queued queueStore) child.Enqueue {
	return func(ctx context.Context, _ pgx.Tx, plans []child.Plan, payloads [][]byte) (ids []string, err error) {
		within, err := queued.BeginTransactionQueue(ctx, "fan-out")
		if err != nil {
			return nil, err
		}
		defer within.CompleteTransaction(&err)
		for _, payload := range payloads {
			var id int64
			err = within.QueuePush(withReceipt(ctx, &id), queueName, noGroup, 0, planWork, plan(payload), nil)
			if err != nil {
				return nil, err
			}
			ids = append(ids, inboxID(id))
		}
		return ids, nil
	}
}

// life is the library's wrapper of a job's life: Finish comes when the agent has done all that it
// does with a job, its acknowledgement included.
type life struct {
	metrics.EmptyJobLifecycleWrapper
	queued queueStore
}

// Finish ends what QueuePop began.
func (l *life) Finish(any) {
	l.queued.claims.Done()
}
