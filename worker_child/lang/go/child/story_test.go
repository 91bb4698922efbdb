package child

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// story is all that a body did, in its order: lines that it wrote, and what it did to the tables.
type story struct {
	lock  sync.Mutex
	acts  []string
	lines []string
}

func (s *story) add(act string) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.acts = append(s.acts, act)
}

func (s *story) told() []string {
	s.lock.Lock()
	defer s.lock.Unlock()
	return append([]string(nil), s.acts...)
}

// write takes an emitter's line.
func (s *story) write(line []byte) error {
	var event struct {
		Kind   string `json:"kind"`
		Fields struct {
			JobID      string `json:"job_id"`
			ErrorClass string `json:"error_class"`
		} `json:"fields"`
	}
	if err := json.Unmarshal(line, &event); err != nil {
		return err
	}
	act := event.Kind + " " + event.Fields.JobID
	if event.Fields.ErrorClass != "" {
		act += " " + event.Fields.ErrorClass
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	s.acts = append(s.acts, act)
	s.lines = append(s.lines, string(line))
	return nil
}

// fakeTables are tables that only tell what was asked of them.
type fakeTables struct {
	story  *story
	failed int
	broken error
}

func (f *fakeTables) query(_ context.Context, _ *string, queries int, _ time.Duration) error {
	f.story.add(fmt.Sprintf("%d queries", queries))
	return f.broken
}

func (f *fakeTables) failures(context.Context, *Execution) (int, error) {
	return f.failed, nil
}

func (f *fakeTables) commitFailure(_ context.Context, _ *Execution, class ErrorClass) error {
	f.failed++
	f.story.add("failure committed: " + string(class))
	return nil
}

func (f *fakeTables) commitEffect(_ context.Context, execution *Execution) error {
	f.story.add("effect committed: " + execution.Plan.JobID)
	return nil
}

func (f *fakeTables) insertEffect(_ context.Context, _ pgx.Tx, execution *Execution) error {
	f.story.add("effect in the transaction: " + execution.Plan.JobID)
	return nil
}

// newStory makes a body whose every act is told; change may turn its init.
func newStory(t *testing.T, change func(*Init)) (*Body, *story, *fakeTables) {
	t.Helper()
	init := Init{RunID: "run", Effects: true, Concurrency: 4}
	if change != nil {
		change(&init)
	}
	told := &story{}
	tables := &fakeTables{story: told}
	emitter := newEmitter(init, told.write, NowNS)
	return &Body{init: init, emitter: emitter, tables: tables}, told, tables
}

// enter enters the handler of a job with the given plan.
func enter(t *testing.T, body *Body, plan Plan) *Execution {
	t.Helper()
	payload, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	execution, err := body.Enter(payload, "7", nil)
	if err != nil {
		t.Fatal(err)
	}
	return execution
}

func expect(t *testing.T, told *story, want ...string) {
	t.Helper()
	got := told.told()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("\n got %q\nwant %q", got, want)
	}
}
