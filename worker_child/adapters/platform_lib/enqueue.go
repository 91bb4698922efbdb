package main

import (
	"context"
	"errors"

	"crashbench/adapters/platform_lib/store"
	"crashbench/lang/go/child"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rstudio/platform-lib/v4/pkg/rsqueue/queue"
)

// enqueuer pushes for the parent where AddressedPush is wanted.
type enqueuer struct {
	pool  *pgxpool.Pool
	queue queue.Queue
	stop  chan bool
}

// openEnqueuer opens a queue that nobody pops from: it hears nothing, unless it has a cache to ask.
func openEnqueuer(ctx context.Context, init child.Init) (child.Enqueuer, error) {
	settings, err := settingsOf(init)
	if err != nil {
		return nil, err
	}
	storage, size := openStorage(), init.PoolSize
	if storage != nil {
		size++ // one listens
	}
	pool, err := child.OpenPool(ctx, init.DSN, init.ApplicationName, size)
	if err != nil {
		return nil, err
	}
	queued := newQueueStore(store.New(pool, init.ApplicationName, settings.limits()))
	var opened child.Enqueuer
	if storage == nil {
		stop := make(chan bool)
		var line queue.Queue
		line, err = openQueue(queued, nil, nil, stop)
		opened = &enqueuer{pool, line, stop}
	} else {
		opened, err = openCaller(pool, queued, storage)
	}
	if err != nil {
		pool.Close()
		return nil, err
	}
	return opened, nil
}

// Enqueue pushes one job after the other, each in a transaction of its own: the library has no push
// of many. What the server refuses it has not taken; after any other error nobody knows.
func (e *enqueuer) Enqueue(ctx context.Context, jobs []child.OutgoingJob) ([]child.Enqueued, error) {
	answers := make([]child.Enqueued, len(jobs))
	for at, job := range jobs {
		var err error
		if answers[at], err = e.push(ctx, job); err != nil {
			return nil, err
		}
	}
	return answers, nil
}

func (e *enqueuer) push(ctx context.Context, job child.OutgoingJob) (child.Enqueued, error) {
	var id int64
	ctx = withReceipt(ctx, &id)
	var err error
	if job.DedupKey == nil {
		err = e.queue.Push(ctx, 0, 0, plan(job.Payload))
	} else {
		err = e.queue.AddressedPush(ctx, 0, 0, *job.DedupKey, plan(job.Payload))
	}
	switch {
	case err == nil:
		return child.Accepted(inboxID(id)), nil
	case errors.Is(err, queue.ErrDuplicateAddressedPush):
		// The library does not say which row has the address.
		return child.Deduplicated(nil), nil
	case isRefusal(err):
		return child.Rejected(err), nil
	}
	return child.Enqueued{}, err
}

// Close lets go of the queue and the connections.
func (e *enqueuer) Close() {
	e.stop <- true
	<-e.stop
	e.pool.Close()
}

// isRefusal: the statement failed and its transaction with it. A FATAL or PANIC may come after the
// commit.
func isRefusal(err error) bool {
	var refusal *pgconn.PgError
	return errors.As(err, &refusal) && refusal.SeverityUnlocalized == "ERROR"
}
