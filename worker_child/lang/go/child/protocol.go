package child

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// ProtocolVersion is the version of the wire that this package speaks.
const ProtocolVersion = 2

// MaxLineBytes is PIPE_BUF on Linux: a write of at most so many bytes to a pipe is atomic (pipe(7)).
const MaxLineBytes = 4096

// Role says what a child is for.
type Role string

// Every Role there is.
const (
	RoleWorker   Role = "worker"
	RoleEnqueuer Role = "enqueuer"
)

// ErrorClass is what sort of failure a job's plan asks for.
type ErrorClass string

// Every ErrorClass there is; unplanned is no plan's.
const (
	RateLimit ErrorClass = "rate_limit"
	Transient ErrorClass = "transient"
	Permanent ErrorClass = "permanent"
	unplanned ErrorClass = "unplanned"
)

// HoldPoint is where a job stops until its process is killed.
type HoldPoint string

// Every HoldPoint there is.
const (
	HoldStarted   HoldPoint = "started"
	HoldEffect    HoldPoint = "effect"
	HoldCompleted HoldPoint = "completed"
	HoldReturn    HoldPoint = "return"
)

// Profile is what a job's time goes into.
type Profile string

// Every Profile there is.
const (
	ProfileCPU         Profile = "cpu"
	ProfileDB          Profile = "db"
	ProfileExternalAPI Profile = "external_api"
)

// ClockAnchor is the same instant on two clocks of one machine: CLOCK_MONOTONIC, and
// CLOCK_REALTIME since the Unix epoch.
type ClockAnchor struct {
	MonotonicNS int64 `json:"monotonic_ns"`
	WallNS      int64 `json:"wall_ns"`
}

// Init is the first line on a child's stdin: who it is, where its inbox is, how it is to work.
type Init struct {
	Protocol    int    `json:"protocol"`
	RunID       string `json:"run_id"`
	Role        Role   `json:"role"`
	Slot        int    `json:"slot"`
	Incarnation int    `json:"incarnation"`
	Library     string `json:"library"`
	// Settings is the preset, resolved; decode it into the adapter's own type with DecodeSettings.
	Settings json.RawMessage `json:"settings"`
	DSN      string          `json:"dsn"`
	// ApplicationName is the name that every database session of this child carries.
	ApplicationName string `json:"application_name"`
	// Concurrency is how many executions may be open at once.
	Concurrency int `json:"concurrency"`
	// PoolSize is how many connections the job body may use for its queries and effects.
	PoolSize    int      `json:"pool_size"`
	MaxAttempts int      `json:"max_attempts"`
	Kinds       []string `json:"kinds"`
	// Effects says whether a job commits a row in bench_effect.
	Effects     bool        `json:"effects"`
	EventFD     int         `json:"event_fd"`
	ClockAnchor ClockAnchor `json:"clock_anchor"`
	// Provider is the URL of the third party that external-API jobs call; nil = they sleep.
	Provider *string `json:"provider"`
	// WorkerName is the name under which the library is to claim rows, the same for every incarnation
	// of the slot; empty = one that no other incarnation bears.
	WorkerName string `json:"worker_name,omitempty"`
}

// Identity is the name under which a library that takes any is to claim rows: the one that the
// parent gives, else that of the sessions.
func (i Init) Identity() string {
	if i.WorkerName != "" {
		return i.WorkerName
	}
	return i.ApplicationName
}

// DecodeSettings decodes the preset into the adapter's own type. A setting that the type does not
// know is an error: nothing that the parent set is passed over in silence.
func (i Init) DecodeSettings(settings any) error {
	if err := decodeStrictly(i.Settings, settings); err != nil {
		return fmt.Errorf("the settings in the init are not this adapter's: %w", err)
	}
	return nil
}

// Plan is what one job does. It travels as the payload; the child only interprets it.
type Plan struct {
	JobID   string  `json:"job_id"`
	Kind    string  `json:"kind"`
	Profile Profile `json:"profile"`
	// LengthUS is the planned wall-clock length of the work, microseconds.
	LengthUS int64   `json:"length_us"`
	Tenant   *string `json:"tenant,omitempty"`
	// Queries: the length is spent in this many queries of equal length (profile db).
	Queries int `json:"queries,omitempty"`
	// CPUIterations: so many rounds of PBKDF2-HMAC-SHA256 are burnt (profile cpu).
	CPUIterations int `json:"cpu_iterations,omitempty"`
	// Fail: the nth failure of this job is of the nth class; after the last one the job succeeds.
	Fail []ErrorClass `json:"fail,omitempty"`
	// Hold: in incarnation 0 of its slot the job stops here until the process is killed.
	Hold *HoldPoint `json:"hold,omitempty"`
	// Die: whenever it runs it kills its own worker, its work done and before its effect.
	Die bool `json:"die,omitempty"`
	// Class is the duration class of a job that another one enqueues.
	Class string `json:"class,omitempty"`
	// Children are a coordinator's jobs; it enqueues them through the library, in one go.
	Children []Plan `json:"children,omitempty"`
	// Result is what it puts into the queue's cache; nil = nothing.
	Result *CachedResult `json:"result,omitempty"`
	// Pad fills the payload to its planned size.
	Pad string `json:"pad,omitempty"`
}

// command is a line on a child's stdin after Init.
type command struct {
	Command string        `json:"command"`
	Jobs    []OutgoingJob `json:"jobs,omitempty"`
	Job     OutgoingJob   `json:"job,omitzero"`
	GiveUpS float64       `json:"give_up_s,omitempty"`
}

// decodeStrictly refuses what the target does not know, as msgspec's forbid_unknown_fields does.
func decodeStrictly(text []byte, target any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(target); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value on the line")
	}
	return nil
}
