package main

import (
	"context"
	"math"
	"time"

	"crashbench/lang/go/child"

	"golang.org/x/sync/errgroup"
)

// settings is the preset as presets.py resolves it.
type settings struct {
	LeaseS      float64 `json:"lease_s"`
	PollS       float64 `json:"poll_s"`
	RetryDelayS float64 `json:"retry_delay_s"`
	Concurrency int     `json:"concurrency"`
	MaxAttempts int     `json:"max_attempts"`
}

// worker claims jobs, has each job's body run, and says what the library decided.
type worker struct {
	child    *child.Child
	queue    *leaseQueue
	settings settings
}

// work serves jobs until the parent asks to stop; what is open then is finished.
func work(ctx context.Context, c *child.Child) error {
	w := worker{child: c}
	if err := c.Init.DecodeSettings(&w.settings); err != nil {
		return err
	}
	// The stop must not cut off what is open.
	open := context.WithoutCancel(ctx)
	pool, err := c.OpenPool(open, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	// No other process bears this name: rows can be told apart by it, and by it alone.
	identity := c.Init.ApplicationName
	w.queue = &leaseQueue{pool: pool, worker: identity, leaseS: w.settings.LeaseS}
	c.Body.Enqueue = w.queue.enqueue
	c.Ready(identity, child.Setting{Name: "library_connections", Value: 1})
	return w.serve(ctx, open)
}

// serve claims while stop is not done; what fails in the queue ends the worker.
func (w *worker) serve(stop, open context.Context) error {
	renewed, endRenewal := context.WithCancel(open)
	defer endRenewal()
	jobs, failed := errgroup.WithContext(open)
	jobs.Go(func() error { return w.renew(renewed) })
	places := make(chan struct{}, w.settings.Concurrency)
	err := w.claimAll(stop, failed, places, jobs)
	for range cap(places) {
		places <- struct{}{} // every job has left its place
	}
	endRenewal()
	if failure := jobs.Wait(); failure != nil {
		return failure
	}
	return err
}

func (w *worker) claimAll(
	stop, failed context.Context, places chan struct{}, jobs *errgroup.Group,
) error {
	for {
		select {
		case <-stop.Done():
			return nil
		case <-failed.Done():
			return nil
		case places <- struct{}{}:
		}
		if stop.Err() != nil {
			<-places
			return nil
		}
		job, err := w.queue.claim(failed)
		if err != nil {
			<-places
			return err
		}
		if job == nil {
			<-places
			pause(stop, w.settings.PollS)
			continue
		}
		jobs.Go(func() error {
			defer func() { <-places }()
			return w.run(failed, job)
		})
	}
}

// run is the handler: enter, carry out, and only then acknowledge.
func (w *worker) run(ctx context.Context, job *claimedJob) error {
	body := w.child.Body
	execution, err := body.Enter(job.payload, inboxID(job.id), &job.attempts)
	if err != nil {
		return err
	}
	if failure := body.CarryOut(ctx, execution); failure != nil {
		return w.fail(ctx, job, execution, failure)
	}
	return w.queue.acknowledge(ctx, job)
}

// fail is what the library decides after a failure; your library may tell it by a hook.
func (w *worker) fail(
	ctx context.Context, job *claimedJob, execution *child.Execution, failure error,
) error {
	if child.IsPermanent(failure) || job.attempts+1 >= w.settings.MaxAttempts {
		if err := w.queue.giveUp(ctx, job); err != nil {
			return err
		}
		execution.Discarded(child.ByExecutor)
		return nil
	}
	delayS := w.settings.RetryDelayS * math.Pow(2, float64(job.attempts))
	if err := w.queue.retry(ctx, job, delayS); err != nil {
		return err
	}
	execution.Retried(child.ByExecutor, delayS)
	return nil
}

// renew renews the leases until its context is done.
func (w *worker) renew(ctx context.Context) error {
	for {
		pause(ctx, w.settings.LeaseS/3)
		if ctx.Err() != nil {
			return nil
		}
		if err := w.queue.renew(ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// pause waits so many seconds, or until ctx is done.
func pause(ctx context.Context, seconds float64) {
	timer := time.NewTimer(time.Duration(seconds * float64(time.Second)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
