package child

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const messageLimit = 500

// Refusal is how a provider makes a job fail.
type Refusal struct {
	Class       ErrorClass
	RetryAfterS *float64
}

// PlannedError is the failure that a job's plan asks for; the adapter hands it to its library in
// the form that the library expects.
type PlannedError struct {
	Refusal
}

func (e *PlannedError) Error() string {
	return fmt.Sprintf("planned failure: %s", e.Class)
}

// IsPermanent says whether the job's plan said that no further attempt could help.
func IsPermanent(err error) bool {
	var planned *PlannedError
	return errors.As(err, &planned) && planned.Class == Permanent
}

// Execution is one entry into a job's handler.
type Execution struct {
	Number  int64
	Plan    Plan
	InboxID string
	emitter *Emitter
}

// Body interprets plans. One per child; executions are numbered from 1 and never reused.
type Body struct {
	// Enqueue is the library's own; set by an adapter that offers fan_out, before the first job.
	Enqueue Enqueue

	init     Init
	emitter  *Emitter
	tables   tables
	provider *provider

	entrance   sync.Mutex
	executions int64

	// doomed says that a job waits to kill this process.
	doomed atomic.Bool
}

// Enter enters the handler of the job in payload: the pickup. inboxID is the row's id in the
// library's table; libraryAttempt is the library's own count, nil where it has none.
func (b *Body) Enter(payload []byte, inboxID string, libraryAttempt *int) (*Execution, error) {
	var plan Plan
	if err := decodeStrictly(payload, &plan); err != nil {
		return nil, fmt.Errorf("the payload of row %s is no plan: %w", inboxID, err)
	}
	// Numbers and lines go up together: a history in which they do not would be hard to read.
	b.entrance.Lock()
	defer b.entrance.Unlock()
	b.executions++
	execution := &Execution{b.executions, plan, inboxID, b.emitter}
	execution.started(libraryAttempt)
	return execution, nil
}

// CarryOut does the job, from started to completed; its fan-out and its effect each commit by
// themselves. It returns a *PlannedError where the plan says so; any other error is unplanned.
// Either way a job_failed has been written.
func (b *Body) CarryOut(ctx context.Context, execution *Execution) error {
	return b.carryOut(ctx, execution, b.settle)
}

// CarryOutWithin does the same; fan-out and effect are part of the library's transaction, and
// job_completed is written after its commit.
func (b *Body) CarryOutWithin(ctx context.Context, execution *Execution, within Within) error {
	return b.carryOut(ctx, execution, func(ctx context.Context, execution *Execution) error {
		return b.settleWithin(ctx, execution, within)
	})
}

func (b *Body) carryOut(ctx context.Context, execution *Execution, settle settle) error {
	if err := b.untilDone(ctx, execution, settle); err != nil {
		b.emitFailed(execution, err)
		return err
	}
	execution.completed()
	b.hold(execution, HoldCompleted)
	b.hold(execution, HoldReturn)
	return nil
}

func (b *Body) untilDone(ctx context.Context, execution *Execution, settle settle) error {
	b.hold(execution, HoldStarted)
	failures, err := b.failures(ctx, execution)
	if err != nil {
		return err
	}
	refusal, err := b.work(ctx, execution.Plan, failures)
	if err != nil {
		return err
	}
	if refusal != nil {
		if err := b.tables.commitFailure(ctx, execution, refusal.Class); err != nil {
			return err
		}
		return &PlannedError{*refusal}
	}
	b.die(execution)
	if err := settle(ctx, execution); err != nil {
		return err
	}
	b.hold(execution, HoldEffect)
	return nil
}

// hold stops for good: only the death of the process ends it.
func (b *Body) hold(execution *Execution, point HoldPoint) {
	if hold := execution.Plan.Hold; hold != nil && *hold == point && b.init.Incarnation == 0 {
		select {}
	}
}

// die says that this job kills its process, and waits for the word to do it.
func (b *Body) die(execution *Execution) {
	if execution.Plan.Die {
		b.doomed.Store(true)
		execution.dying()
		select {}
	}
}

// leaveIfDoomed ends the process where a job waits to kill it: that one will never finish.
func (b *Body) leaveIfDoomed() {
	if b.doomed.Load() {
		os.Exit(0)
	}
}

// failures is how often the job has failed so far; only asked where it is to fail at all.
func (b *Body) failures(ctx context.Context, execution *Execution) (int, error) {
	if len(execution.Plan.Fail) == 0 {
		return 0, nil
	}
	return b.tables.failures(ctx, execution)
}

// work does the planned work; it returns how the job is to fail this time, if at all.
func (b *Body) work(ctx context.Context, plan Plan, failures int) (*Refusal, error) {
	if plan.Profile == ProfileExternalAPI && b.provider != nil {
		return b.provider.call(ctx, plan, failures)
	}
	if err := b.spend(ctx, plan); err != nil {
		return nil, err
	}
	if failures < len(plan.Fail) {
		return &Refusal{Class: plan.Fail[failures]}, nil
	}
	return nil, nil
}

func (b *Body) spend(ctx context.Context, plan Plan) error {
	length := time.Duration(plan.LengthUS) * time.Microsecond
	switch plan.Profile {
	case ProfileDB:
		return b.tables.query(ctx, plan.Tenant, plan.Queries, length)
	case ProfileCPU:
		return burn(plan.CPUIterations)
	case ProfileExternalAPI:
		return sleep(ctx, length)
	}
	return fmt.Errorf("the plan of %s has the profile %q, which this child does not know",
		plan.JobID, plan.Profile)
}

func (b *Body) emitFailed(execution *Execution, err error) {
	var planned *PlannedError
	if errors.As(err, &planned) {
		execution.failed(planned.Class, cut("PlannedError: "+err.Error()), planned.RetryAfterS)
		return
	}
	execution.failed(unplanned, cut(fmt.Sprintf("%T: %v", err, err)), nil)
}

// cut keeps the first messageLimit characters.
func cut(message string) string {
	if characters := []rune(message); len(characters) > messageLimit {
		return string(characters[:messageLimit])
	}
	return message
}

// burn burns CPU: rounds of PBKDF2-HMAC-SHA256 (RFC 8018), the same in every language. It stays in
// the job's goroutine, which the Go scheduler interrupts; the library bounds how many there are.
func burn(iterations int) error {
	_, err := pbkdf2.Key(sha256.New, "crashbench", []byte("burn"), iterations, sha256.Size)
	return err
}

func sleep(ctx context.Context, length time.Duration) error {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
