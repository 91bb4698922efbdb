package main

import (
	"time"

	"crashbench/lang/go/child"

	"github.com/riverqueue/river"
)

// settings is the preset as presets.py resolves it: river.Config's names with the unit at the end.
type settings struct {
	FetchCooldownS        float64 `json:"fetch_cooldown_s"`
	FetchPollIntervalS    float64 `json:"fetch_poll_interval_s"`
	JobTimeoutS           float64 `json:"job_timeout_s"`
	RescueStuckJobsAfterS float64 `json:"rescue_stuck_jobs_after_s"`
	MaxWorkers            int     `json:"max_workers"`
	MaxAttempts           int     `json:"max_attempts"`
	// PoolMaxConns is of the pool that River is given; one of its connections listens.
	PoolMaxConns int `json:"pool_max_conns"`
	// JobCompleteTx: a job is acknowledged in the transaction of its effect.
	JobCompleteTx bool `json:"job_complete_tx"`
}

func settingsOf(init child.Init) (settings, error) {
	var read settings
	err := init.DecodeSettings(&read)
	return read, err
}

// config is River's, without what it runs.
func (s settings) config(identity string) *river.Config {
	return &river.Config{
		ID:                   identity,
		FetchCooldown:        seconds(s.FetchCooldownS),
		FetchPollInterval:    seconds(s.FetchPollIntervalS),
		JobTimeout:           seconds(s.JobTimeoutS),
		RescueStuckJobsAfter: seconds(s.RescueStuckJobsAfterS),
		MaxAttempts:          s.MaxAttempts,
		Queues:               map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: s.MaxWorkers}},
		Logger:               warnings(),
	}
}

func seconds(value float64) time.Duration {
	return time.Duration(value * float64(time.Second))
}
