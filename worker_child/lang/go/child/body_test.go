package child

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestAJobIsCompletedAfterItsEffectAndBeforeItReturns(t *testing.T) {
	body, told, _ := newStory(t, nil)
	job := Plan{JobID: "j1", Kind: "entity_update", Profile: ProfileDB, Queries: 3, LengthUS: 30}
	if err := body.CarryOut(t.Context(), enter(t, body, job)); err != nil {
		t.Fatal(err)
	}
	expect(t, told, "job_started j1", "3 queries", "effect committed: j1", "job_completed j1")
}

func TestWithoutEffectsNoneIsCommitted(t *testing.T) {
	body, told, _ := newStory(t, func(init *Init) { init.Effects = false })
	job := Plan{JobID: "j1", Profile: ProfileExternalAPI, LengthUS: 1}
	if err := body.CarryOut(t.Context(), enter(t, body, job)); err != nil {
		t.Fatal(err)
	}
	expect(t, told, "job_started j1", "job_completed j1")
}

func TestTheNthFailureIsOfTheNthClassAndIsCommittedBeforeItIsTold(t *testing.T) {
	body, told, _ := newStory(t, nil)
	job := Plan{JobID: "j1", Profile: ProfileCPU, CPUIterations: 1, Fail: []ErrorClass{Transient, Permanent}}
	var planned *PlannedError
	for _, class := range job.Fail {
		err := body.CarryOut(t.Context(), enter(t, body, job))
		if !errors.As(err, &planned) || planned.Class != class {
			t.Fatalf("got %v, want a planned %s", err, class)
		}
	}
	if !IsPermanent(planned) {
		t.Error("the second failure was planned as permanent")
	}
	if err := body.CarryOut(t.Context(), enter(t, body, job)); err != nil {
		t.Fatal(err)
	}
	expect(t, told,
		"job_started j1", "failure committed: transient", "job_failed j1 transient",
		"job_started j1", "failure committed: permanent", "job_failed j1 permanent",
		"job_started j1", "effect committed: j1", "job_completed j1")
}

func TestAJobThatKillsItsWorkerSaysSoAfterItsWorkAndNeverEnds(t *testing.T) {
	body, told, _ := newStory(t, nil)
	job := Plan{JobID: "j1", Profile: ProfileDB, Queries: 2, Die: true}
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error, 1)
	execution := enter(t, body, job)
	go func() { over <- body.CarryOut(ctx, execution) }()
	want := []string{"job_started j1", "2 queries", "job_dying j1"}
	for deadline := time.Now().Add(10 * time.Second); len(told.told()) < len(want); {
		if time.Now().After(deadline) {
			t.Fatalf("after 10 s it had only told %q", told.told())
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	expect(t, told, want...)
	if !body.doomed.Load() {
		t.Error("the body does not know that its process is doomed")
	}
	select {
	case err := <-over:
		t.Errorf("it came back: %v", err)
	default:
	}
}

func TestAnyOtherErrorIsUnplanned(t *testing.T) {
	body, told, tables := newStory(t, nil)
	tables.broken = errors.New("the connection is gone")
	job := Plan{JobID: "j1", Profile: ProfileDB, Queries: 1}
	if err := body.CarryOut(t.Context(), enter(t, body, job)); !errors.Is(err, tables.broken) {
		t.Fatalf("got %v", err)
	}
	expect(t, told, "job_started j1", "1 queries", "job_failed j1 unplanned")
	if failed := told.lines[len(told.lines)-1]; !strings.Contains(failed, "the connection is gone") {
		t.Errorf("the line does not say why: %s", failed)
	}
}

func TestAJobWhoseContextEndsFailsUnplanned(t *testing.T) {
	body, told, _ := newStory(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	job := Plan{JobID: "j1", Profile: ProfileExternalAPI, LengthUS: 3_600_000_000}
	if err := body.CarryOut(ctx, enter(t, body, job)); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	expect(t, told, "job_started j1", "job_failed j1 unplanned")
}

func coordinator() Plan {
	tenant := "t0001"
	return Plan{JobID: "j1", Profile: ProfileExternalAPI, Children: []Plan{
		{JobID: "j1/0", Kind: "tenant_snapshot", Class: "short", Tenant: &tenant},
		{JobID: "j1/1", Kind: "tenant_snapshot", Class: "short", Tenant: &tenant},
	}}
}

func enqueueing(told *story) Enqueue {
	return func(_ context.Context, _ pgx.Tx, plans []Plan, _ [][]byte) ([]string, error) {
		told.add("enqueued")
		return []string{"8", "9"}[:len(plans)], nil
	}
}

func TestACoordinatorEnqueuesInOneGoAndTellsOfItBeforeItsEffect(t *testing.T) {
	body, told, _ := newStory(t, nil)
	body.Enqueue = enqueueing(told)
	if err := body.CarryOut(t.Context(), enter(t, body, coordinator())); err != nil {
		t.Fatal(err)
	}
	expect(t, told, "job_started j1", "enqueued", "job_enqueued j1/0", "job_enqueued j1/1",
		"effect committed: j1", "job_completed j1")
}

func TestWithinATransactionNothingIsToldBeforeTheCommit(t *testing.T) {
	body, told, _ := newStory(t, nil)
	body.Enqueue = enqueueing(told)
	within := func(ctx context.Context, do func(context.Context, pgx.Tx) error) error {
		err := do(ctx, nil)
		told.add("committed")
		return err
	}
	if err := body.CarryOutWithin(t.Context(), enter(t, body, coordinator()), within); err != nil {
		t.Fatal(err)
	}
	expect(t, told, "job_started j1", "enqueued", "effect in the transaction: j1", "committed",
		"job_enqueued j1/0", "job_enqueued j1/1", "job_completed j1")
}

func TestARolledBackTransactionTellsOfNoChildren(t *testing.T) {
	body, told, _ := newStory(t, nil)
	body.Enqueue = enqueueing(told)
	rolledBack := errors.New("rolled back")
	within := func(ctx context.Context, do func(context.Context, pgx.Tx) error) error {
		return errors.Join(do(ctx, nil), rolledBack)
	}
	err := body.CarryOutWithin(t.Context(), enter(t, body, coordinator()), within)
	if !errors.Is(err, rolledBack) {
		t.Fatalf("got %v", err)
	}
	expect(t, told, "job_started j1", "enqueued", "effect in the transaction: j1",
		"job_failed j1 unplanned")
}

func TestAFanOutThatTheAdapterDoesNotOfferFails(t *testing.T) {
	body, told, _ := newStory(t, nil)
	if err := body.CarryOut(t.Context(), enter(t, body, coordinator())); err == nil {
		t.Fatal("nobody could have enqueued the children")
	}
	expect(t, told, "job_started j1", "job_failed j1 unplanned")
}

func TestAHeldJobStopsAtItsPointInTheFirstIncarnationOnly(t *testing.T) {
	for point, want := range map[HoldPoint][]string{
		HoldStarted:   {"job_started j1"},
		HoldEffect:    {"job_started j1", "effect committed: j1"},
		HoldCompleted: {"job_started j1", "effect committed: j1", "job_completed j1"},
		HoldReturn:    {"job_started j1", "effect committed: j1", "job_completed j1"},
	} {
		t.Run(string(point), func(t *testing.T) {
			body, told, _ := newStory(t, nil)
			job := Plan{JobID: "j1", Profile: ProfileExternalAPI, Hold: &point}
			returned := make(chan error, 1)
			execution := enter(t, body, job)
			go func() { returned <- body.CarryOut(context.Background(), execution) }()
			waitFor(t, func() bool { return len(told.told()) == len(want) })
			select {
			case <-returned:
				t.Fatal("it was not held")
			case <-time.After(20 * time.Millisecond):
			}
			expect(t, told, want...)

			body, _, _ = newStory(t, func(init *Init) { init.Incarnation = 1 })
			if err := body.CarryOut(t.Context(), enter(t, body, job)); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestAPayloadThatIsNoPlanIsRefusedAndTakesNoNumber(t *testing.T) {
	body, told, _ := newStory(t, nil)
	for _, payload := range []string{"", "[]", `{"job_id":"j1","colour":"red"}`, `{}{}`} {
		if _, err := body.Enter([]byte(payload), "7", nil); err == nil {
			t.Errorf("%q was taken for a plan", payload)
		}
	}
	if execution := enter(t, body, Plan{JobID: "j1"}); execution.Number != 1 {
		t.Errorf("the first execution got the number %d", execution.Number)
	}
	expect(t, told, "job_started j1")
}

func TestTheProvidersAnswerIsThePlannedFailure(t *testing.T) {
	asked := make(chan string, 10)
	answers := map[string]int{"0": http.StatusTooManyRequests, "1": http.StatusOK}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.URL.String()
		w.Header().Set("Retry-After", "1.5")
		w.WriteHeader(answers[r.URL.Query().Get("failures")])
	}))
	defer server.Close()
	body, told, _ := newStory(t, nil)
	body.provider = newProvider(server.URL, 1)
	job := Plan{JobID: "j1/0", Profile: ProfileExternalAPI, Fail: []ErrorClass{RateLimit}}

	var planned *PlannedError
	err := body.CarryOut(t.Context(), enter(t, body, job))
	if !errors.As(err, &planned) || planned.Class != RateLimit || *planned.RetryAfterS != 1.5 {
		t.Fatalf("got %v", err)
	}
	if err := body.CarryOut(t.Context(), enter(t, body, job)); err != nil {
		t.Fatal(err)
	}
	if first, second := <-asked, <-asked; first != "POST /jobs/j1/0?failures=0" ||
		second != "POST /jobs/j1/0?failures=1" {
		t.Errorf("the provider was asked %q and %q", first, second)
	}
	expect(t, told, "job_started j1/0", "failure committed: rate_limit", "job_failed j1/0 rate_limit",
		"job_started j1/0", "effect committed: j1/0", "job_completed j1/0")
}

func TestAnAnswerThatNoPlanForeseesIsUnplanned(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	body, told, _ := newStory(t, nil)
	body.provider = newProvider(server.URL, 1)
	job := Plan{JobID: "j1", Profile: ProfileExternalAPI}
	if err := body.CarryOut(t.Context(), enter(t, body, job)); err == nil {
		t.Fatal("a 404 is no success")
	}
	expect(t, told, "job_started j1", "job_failed j1 unplanned")
}

func TestAMessageIsCutByCharactersAndStillFitsALine(t *testing.T) {
	if got := cut(strings.Repeat("é", 600)); got != strings.Repeat("é", 500) {
		t.Errorf("%d bytes are left", len(got))
	}
}

// waitFor waits for what must come soon.
func waitFor(t *testing.T, come func() bool) {
	t.Helper()
	for limit := time.Now().Add(10 * time.Second); !come(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("it did not come within 10 s")
		}
	}
}
