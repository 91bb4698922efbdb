package main

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"time"

	"crashbench/adapters/platform_lib/store"
	"crashbench/lang/go/child"

	"github.com/rstudio/platform-lib/v4/pkg/rsnotify/listener"
	"github.com/rstudio/platform-lib/v4/pkg/rsqueue/agent"
	"github.com/rstudio/platform-lib/v4/pkg/rsqueue/impls/database"
	"github.com/rstudio/platform-lib/v4/pkg/rsqueue/metrics"
	"github.com/rstudio/platform-lib/v4/pkg/rsqueue/queue"
	"github.com/rstudio/platform-lib/v4/pkg/rsqueue/runnerfactory"
)

// stopLimit is how long the agent may take to finish what is open: longer than any job lasts.
const stopLimit = 10 * time.Minute

var noGroup sql.NullInt64

// work runs an agent of the library until the parent asks to stop.
func work(ctx context.Context, c *child.Child) error {
	settings, err := settingsOf(c.Init)
	if err != nil {
		return err
	}
	open := context.WithoutCancel(ctx)
	pool, err := c.OpenPool(open, settings.PoolMaxConns)
	if err != nil {
		return err
	}
	defer pool.Close()
	// The session's name is this incarnation's alone, and stands in each permit.
	identity := c.Init.ApplicationName
	rows := store.New(pool, identity, settings.limits())
	queued := newQueueStore(rows)
	c.Body.Enqueue = fanOut(queued)

	messages, err := listen(pool, store.ChannelMessages, messageMatcher())
	if err != nil {
		return err
	}
	defer messages.close()
	line, err := newQueue(messages, queued)
	if err != nil {
		return err
	}
	defer line.close()
	if settings.Sweeps {
		endSweeping, err := sweeping(pool, queued, settings)
		if err != nil {
			return err
		}
		defer endSweeping()
	}
	defer renotifying(rows, seconds(settings.RenotifyS))()
	return runAgent(ctx, c, settings, line, &runner{&queue.BaseRunner{}, c, queued, openStorage()})
}

// runAgent lets the agent claim until ctx is done and returns when all that it has claimed is
// finished and acknowledged.
func runAgent(ctx context.Context, c *child.Child, settings settings, line *line, runner *runner) error {
	places := map[int64]int64{0: int64(settings.Concurrency)}
	enforcer, err := agent.Concurrencies(places, places, []int64{0})
	if err != nil {
		return fmt.Errorf("the agent's places cannot be set: %w", err)
	}
	types := &queue.DefaultQueueSupportedTypes{}
	runners := runnerfactory.NewRunnerFactory(runnerfactory.RunnerFactoryConfig{SupportedTypes: types})
	runners.Add(planWork, runner)
	agent := agent.NewAgent(agent.AgentConfig{
		WorkRunner:             runners,
		Queue:                  line.Queue,
		ConcurrencyEnforcer:    enforcer,
		SupportedTypes:         types,
		NotificationsChan:      line.ready,
		NotifyTypeWorkComplete: store.NotifyWorkComplete,
		JobLifecycleWrapper:    &life{queued: line.queued},
	})
	open := context.WithoutCancel(ctx)
	c.Ready(c.Init.ApplicationName, child.Setting{Name: "library_connections", Value: settings.PoolMaxConns})
	go agent.Run(open, telling(open, runner.queued.rows, func(err error) {
		slog.Error("the end of addressed work was not told", "error", err)
	}))
	<-ctx.Done()
	// First the runners, as the library has it: no type of theirs is popped any more.
	if err := runners.Stop(stopLimit); err != nil {
		return fmt.Errorf("the runners did not stop: %w", err)
	}
	if err := agent.Stop(stopLimit); err != nil {
		return fmt.Errorf("the agent did not stop: %w", err)
	}
	// What was popped while the agent was asked to stop is still open when Stop returns.
	line.queued.claims.Wait()
	return nil
}

// line is the library's queue over our store, and what it hears.
type line struct {
	queue.Queue
	queued   queueStore
	messages *announcements
	ready    <-chan listener.Notification
	complete <-chan listener.Notification
	stop     chan bool
}

func newQueue(messages *announcements, queued queueStore) (*line, error) {
	made := &line{
		queued:   queued,
		messages: messages,
		ready:    messages.Subscribe(store.NotifyWorkReady),
		complete: messages.Subscribe(store.NotifyWorkComplete),
		stop:     make(chan bool),
	}
	var err error
	made.Queue, err = openQueue(queued, made.ready, made.complete, made.stop)
	if err != nil {
		return nil, err
	}
	return made, nil
}

// openQueue makes the library's queue over our store; of what it is not given a channel, it hears
// nothing.
func openQueue(queued queueStore, ready, complete <-chan listener.Notification, stop chan bool) (queue.Queue, error) {
	made, err := database.NewDatabaseQueue(database.DatabaseQueueConfig{
		QueueName:              queueName,
		NotifyTypeWorkReady:    store.NotifyWorkReady,
		NotifyTypeWorkComplete: store.NotifyWorkComplete,
		NotifyTypeChunk:        store.NotifyChunk,
		ChunkMatcher:           noChunks{},
		CarrierFactory:         &metrics.EmptyCarrierFactory{},
		QueueStore:             queued,
		QueueMsgsChan:          ready,
		WorkMsgsChan:           complete,
		StopChan:               stop,
		JobLifecycleWrapper:    &metrics.EmptyJobLifecycleWrapper{},
	})
	if err != nil {
		return nil, fmt.Errorf("the library's queue cannot be made: %w", err)
	}
	return made, nil
}

// close unsubscribes before the queue's own broadcaster ends: somebody has to take what arrives.
func (l *line) close() {
	l.messages.Unsubscribe(l.ready)
	l.messages.Unsubscribe(l.complete)
	l.stop <- true
	<-l.stop
}
