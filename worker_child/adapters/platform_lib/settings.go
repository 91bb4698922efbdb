package main

import (
	"time"

	"crashbench/adapters/platform_lib/store"
	"crashbench/lang/go/child"
)

const (
	// queueName is the one queue of a run.
	queueName = "crashbench"
	// planWork is the one type of work: its plan says what is to be done.
	planWork uint64 = 1
)

// settings is the preset as presets.py resolves it.
type settings struct {
	Concurrency int `json:"concurrency"`
	// Sweeps: a monitor and a sweeper run in each worker.
	Sweeps      bool    `json:"sweeps"`
	SweepForS   float64 `json:"sweep_for_s"`
	SweepEveryS float64 `json:"sweep_every_s"`
	// HeartbeatS cannot be set; it stands in the preset because the bound follows from it.
	HeartbeatS   float64 `json:"heartbeat_s"`
	RenotifyS    float64 `json:"renotify_s"`
	MaxAttempts  int     `json:"max_attempts"`
	PoisonAfter  int     `json:"poison_after"`
	PoolMaxConns int     `json:"pool_max_conns"`
}

func settingsOf(init child.Init) (settings, error) {
	var read settings
	err := init.DecodeSettings(&read)
	return read, err
}

func (s settings) limits() store.Limits {
	return store.Limits{MaxAttempts: s.MaxAttempts, PoisonAfter: s.PoisonAfter}
}

func seconds(value float64) time.Duration {
	return time.Duration(value * float64(time.Second))
}
