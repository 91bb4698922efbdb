package main

import (
	"sync"
	"time"

	"crashbench/lang/go/child"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// eventBuffer is how many of River's events may wait for us; what overflows it River drops.
const eventBuffer = 10_000

// decisions tells the parent what River does with failed jobs, from River's own events: they come
// once the new state is in the row.
type decisions struct {
	lock   sync.Mutex
	failed map[attempt]failure
}

// attempt names a failed execution as River's events do.
type attempt struct {
	jobID  int64
	number int
}

type failure struct {
	execution *child.Execution
	at        time.Time
}

func newDecisions() *decisions {
	return &decisions{failed: map[attempt]failure{}}
}

// await remembers an execution that is about to return its error to River.
func (d *decisions) await(job *rivertype.JobRow, execution *child.Execution) {
	d.lock.Lock()
	defer d.lock.Unlock()
	d.failed[attempt{job.ID, job.Attempt}] = failure{execution, time.Now()}
}

// tell passes on what the client decides, from now on; the function that it returns ends that, when
// all events so far have been passed on.
func (d *decisions) tell(client *river.Client[pgx.Tx]) func() {
	events, unsubscribe := client.SubscribeConfig(&river.SubscribeConfig{
		ChanSize: eventBuffer,
		Kinds:    []river.EventKind{river.EventKindJobFailed, river.EventKindJobCancelled},
	})
	var telling sync.WaitGroup
	telling.Go(func() {
		for event := range events {
			d.pass(event.Job)
		}
	})
	return func() {
		unsubscribe()
		telling.Wait()
	}
}

func (d *decisions) pass(job *rivertype.JobRow) {
	failure, ours := d.take(attempt{job.ID, job.Attempt})
	switch {
	case !ours:
		return
	case job.State == rivertype.JobStateDiscarded || job.State == rivertype.JobStateCancelled:
		failure.execution.Discarded(child.ByHook)
	default:
		failure.execution.Retried(child.ByHook, job.ScheduledAt.Sub(failure.at).Seconds())
	}
}

func (d *decisions) take(which attempt) (failure, bool) {
	d.lock.Lock()
	defer d.lock.Unlock()
	found, ours := d.failed[which]
	delete(d.failed, which)
	return found, ours
}
