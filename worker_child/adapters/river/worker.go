package main

import (
	"context"
	"fmt"

	"crashbench/lang/go/child"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// work runs a River client until the parent asks to stop.
func work(ctx context.Context, c *child.Child) error {
	settings, err := settingsOf(c.Init)
	if err != nil {
		return err
	}
	// River is not to hear of the stop through a context: that would cut off what is open.
	open := context.WithoutCancel(ctx)
	pool, err := c.OpenPool(open, settings.PoolMaxConns)
	if err != nil {
		return err
	}
	defer pool.Close()
	// What River writes into attempted_by: the session's name, which is this incarnation's alone, or
	// one that its predecessors had as well.
	identity := c.Init.Identity()
	driver := newAnnouncingDriver(pool, func() {
		c.Ready(identity, child.Setting{Name: "library_connections", Value: settings.PoolMaxConns})
	})
	decisions := newDecisions()
	config := settings.config(identity)
	config.Workers = workersFor(c, settings, decisions)
	client, err := river.NewClient(driver, config)
	if err != nil {
		return fmt.Errorf("River's client cannot be made: %w", err)
	}
	c.Body.Enqueue = fanOut(client, settings)
	told := decisions.tell(client)
	if err := client.Start(open); err != nil {
		return fmt.Errorf("River's client cannot be started: %w", err)
	}
	<-ctx.Done()
	if err := client.Stop(open); err != nil {
		return fmt.Errorf("River's client did not stop: %w", err)
	}
	told()
	return nil
}

// planWorker hands each job to the body.
type planWorker struct {
	river.WorkerDefaults[planArgs]
	child     *child.Child
	settings  settings
	decisions *decisions
}

func workersFor(c *child.Child, settings settings, decisions *decisions) *river.Workers {
	workers := river.NewWorkers()
	for _, kind := range c.Init.Kinds {
		worker := &planWorker{child: c, settings: settings, decisions: decisions}
		river.AddWorkerArgs(workers, planArgs{kind: kind}, worker)
	}
	return workers
}

// Work is called by River for each job that it has claimed.
func (w *planWorker) Work(ctx context.Context, job *river.Job[planArgs]) error {
	execution, err := w.child.Body.Enter(job.Args.Plan, inboxID(job.ID), &job.Attempt)
	if err != nil {
		return err
	}
	if err := w.carryOut(ctx, job, execution); err != nil {
		w.decisions.await(job.JobRow, execution)
		if child.IsPermanent(err) {
			return river.JobCancel(err)
		}
		return err
	}
	return nil
}

func (w *planWorker) carryOut(
	ctx context.Context, job *river.Job[planArgs], execution *child.Execution,
) error {
	if !w.settings.JobCompleteTx {
		return w.child.Body.CarryOut(ctx, execution)
	}
	return w.child.Body.CarryOutWithin(ctx, execution, w.completing(job))
}

// completing is the transaction of a job that River's documentation shows for JobCompleteTx.
func (w *planWorker) completing(job *river.Job[planArgs]) child.Within {
	return func(ctx context.Context, do func(context.Context, pgx.Tx) error) error {
		return pgx.BeginFunc(ctx, w.child.BodyPool, func(tx pgx.Tx) error {
			if err := do(ctx, tx); err != nil {
				return err
			}
			_, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, job)
			return err
		})
	}
}
