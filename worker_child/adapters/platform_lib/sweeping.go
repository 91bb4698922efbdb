package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"crashbench/adapters/platform_lib/store"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rstudio/platform-lib/v4/pkg/rsqueue/impls/database/tasks"
)

// probeInterval is how often the monitor is asked whether it runs.
const probeInterval = 5 * time.Millisecond

// sweeping frees the permits of workers that give no heartbeat; the function that it returns ends it.
//
// The monitor runs before the first sweep and until after the last: asked when it does not run, it
// says of every permit that nobody holds it, and the sweeper frees them all.
func sweeping(pool *pgxpool.Pool, queued queueStore, settings settings) (end func(), err error) {
	heartbeats, err := listen(pool, store.ChannelLeader, leaderMatcher())
	if err != nil {
		return nil, err
	}
	monitor := tasks.NewDatabaseQueueMonitorTask(tasks.DatabaseQueueMonitorTaskConfig{
		QueueName:                 queueName,
		SweepAge:                  seconds(settings.SweepForS),
		QueueStore:                queued,
		NotifyTypePermitExtension: store.NotifyPermitExtend,
	})
	ctx, cancel := context.WithCancel(context.Background())
	var monitoring sync.WaitGroup
	monitoring.Go(func() { monitor.Run(ctx, heartbeats) })
	for !monitor.Check(ctx, 0, time.Now(), time.Minute) {
		time.Sleep(probeInterval)
	}
	sweeper := tasks.NewDatabaseQueueSweeperTask(tasks.DatabaseQueueSweeperTaskConfig{
		QueueName:  queueName,
		QueueStore: queued,
		SweepFor:   seconds(settings.SweepForS),
		Monitor:    monitor,
	})
	// Not under ctx: a sweep whose context ends takes the monitor's silence for a verdict.
	endSweeps := every(seconds(settings.SweepEveryS), func() { sweeper.Run(context.Background()) })
	return func() {
		endSweeps()
		cancel()
		monitoring.Wait()
		heartbeats.close()
	}, nil
}

// renotifying says again, at each interval, that work is ready where some is.
func renotifying(rows *store.Store, interval time.Duration) (end func()) {
	return every(interval, func() {
		if err := rows.Renotify(context.Background(), queueName); err != nil {
			slog.Error("waiting work was not told of", "error", err)
		}
	})
}

// every calls do at each interval; the function that it returns ends that, after a call that is open.
func every(interval time.Duration, do func()) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var calling sync.WaitGroup
	calling.Go(func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				do()
			}
		}
	})
	return func() {
		cancel()
		calling.Wait()
	}
}
