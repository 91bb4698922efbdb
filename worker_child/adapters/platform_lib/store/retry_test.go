package store

import (
	"math"
	"testing"
)

// fail claims the only row that is due and lets it fail.
func fail(t *testing.T, s *Store, permanent bool) (Decision, float64) {
	t.Helper()
	decision, delayS, err := s.Fail(t.Context(), pop(t, s).Permit, permanent, "it broke")
	if err != nil {
		t.Fatal(err)
	}
	return decision, delayS
}

func TestAJobIsRetriedUntilItsLastAttemptHasFailed(t *testing.T) {
	s := openStore(t, openPool(t), "w0")
	push(t, s, 0)
	for failure := 1; failure < s.limits.MaxAttempts; failure++ {
		if decision, _ := fail(t, s, false); decision != Retried {
			t.Fatalf("failure %d: got %d", failure, decision)
		}
		expectRows(t, s, 1, 0, 0)
		expectEmpty(t, s)
		due(t, s)
	}
	if decision, _ := fail(t, s, false); decision != GivenUp {
		t.Fatalf("got %d", decision)
	}
	expectRows(t, s, 0, 0, 1)
	const kept = "SELECT count(*) FROM queue_dead WHERE attempts = 3 AND failures = 3 AND reason = 'it broke'"
	if count(t, s, kept) != 1 {
		t.Fatal("the dead row does not say what it died of")
	}
}

func TestAPermanentFailureIsGivenUpAtOnce(t *testing.T) {
	s := openStore(t, openPool(t), "w0")
	push(t, s, 0)
	if decision, _ := fail(t, s, true); decision != GivenUp {
		t.Fatalf("got %d", decision)
	}
	expectRows(t, s, 0, 0, 1)
}

func TestTheScheduleIsKeptInTheRowAndIsWhatWasAnswered(t *testing.T) {
	s := openStore(t, openPool(t), "w0")
	push(t, s, 0)
	_, delayS := fail(t, s, false)
	const leftSQL = "SELECT extract(epoch FROM due_at - clock_timestamp())::float8 FROM queue"
	var leftS float64
	if err := s.pool.QueryRow(t.Context(), leftSQL).Scan(&leftS); err != nil {
		t.Fatal(err)
	}
	if leftS > delayS || delayS-leftS > 0.5 {
		t.Fatalf("answered was %g s, %g s are left of it", delayS, leftS)
	}
}

func TestTheNthDelayIsNToTheFourthSecondsTenPercentMoreOrLess(t *testing.T) {
	const jobs = 60
	pool := openPool(t)
	s := New(pool, "w0", Limits{MaxAttempts: 9, PoisonAfter: 9})
	for number := range jobs {
		push(t, s, number)
	}
	for failure := 1; failure <= 3; failure++ {
		base := math.Pow(float64(failure), 4)
		least, most := math.Inf(1), 0.0
		// All are claimed before one fails: the first retries are due within a second.
		permits := make([]uint64, jobs)
		for at := range permits {
			permits[at] = pop(t, s).Permit
		}
		for _, permit := range permits {
			_, delayS, err := s.Fail(t.Context(), permit, false, "it broke")
			if err != nil {
				t.Fatal(err)
			}
			least, most = min(least, delayS/base), max(most, delayS/base)
		}
		if least < 0.9-0.01 || most > 1.1 {
			t.Errorf("failure %d: %.3f to %.3f of %g s", failure, least, most, base)
		}
		// 60 draws that all miss an end of the range by a quarter of it: 1 in 10^7.
		if least > 0.95 || most < 1.05 {
			t.Errorf("failure %d: no jitter, %.3f to %.3f of %g s", failure, least, most, base)
		}
		due(t, s)
	}
}
