package store

import (
	"context"
	"testing"
	"time"
)

func sweep(t *testing.T, s *Store, permit uint64) {
	t.Helper()
	if err := s.Sweep(t.Context(), permit); err != nil {
		t.Fatal(err)
	}
}

func TestASweptRowWaitsAgainAtOnceAndOthersAreTold(t *testing.T) {
	pool := openPool(t)
	s := openStore(t, pool, "w0")
	push(t, s, 0)
	dead := pop(t, s)
	said := listening(t, pool, ChannelMessages)
	sweep(t, s, dead.Permit)
	expectWorkReady(t, said())
	expectRows(t, s, 1, 0, 0)
	if again := pop(t, openStore(t, pool, "w1")); again.ID != dead.ID || again.Attempt != 2 {
		t.Fatalf("got %+v", again)
	}
}

func TestPermitsAreThoseOfClaimedRowsAndBearTheirWorkersName(t *testing.T) {
	pool := openPool(t)
	s := openStore(t, pool, "w7")
	push(t, s, 0)
	push(t, s, 1)
	before := time.Now().Add(-time.Minute)
	claimed := pop(t, s)
	permits, err := s.Permits(t.Context(), "jobs")
	if err != nil {
		t.Fatal(err)
	}
	if len(permits) != 1 || permits[0].ID != claimed.Permit || permits[0].Created.Before(before) {
		t.Fatalf("got %+v", permits)
	}
	if others, err := s.Permits(t.Context(), "others"); err != nil || len(others) != 0 {
		t.Fatalf("got %+v and %v", others, err)
	}
	if count(t, s, "SELECT count(*) FROM queue_permit WHERE worker = 'w7'") != 1 {
		t.Fatal("the permit does not say whose it is")
	}
}

func TestAJobThatKillsItsWorkersIsGivenUpInTheEnd(t *testing.T) {
	s := openStore(t, openPool(t), "w0")
	push(t, s, 0)
	for range s.limits.PoisonAfter {
		expectRows(t, s, 1, 0, 0)
		sweep(t, s, pop(t, s).Permit)
	}
	expectRows(t, s, 0, 0, 1)
	if count(t, s, "SELECT count(*) FROM queue_dead WHERE reason LIKE 'swept from 2 workers%'") != 1 {
		t.Fatal("the dead row does not say what it died of")
	}
}

func TestASweepUsesUpNoAttempt(t *testing.T) {
	s := openStore(t, openPool(t), "w0")
	push(t, s, 0)
	sweep(t, s, pop(t, s).Permit)
	for failure := 1; failure < s.limits.MaxAttempts; failure++ {
		if decision, _ := fail(t, s, false); decision != Retried {
			t.Fatalf("failure %d: got %d", failure, decision)
		}
		due(t, s)
	}
}

func TestWhoeverWasSweptHasNoSayAnyMore(t *testing.T) {
	pool := openPool(t)
	s := openStore(t, pool, "w0")
	push(t, s, 0)
	slow := pop(t, s)
	sweep(t, s, slow.Permit)
	now := pop(t, openStore(t, pool, "w1"))
	if err := s.Delete(t.Context(), slow.Permit); err != nil {
		t.Fatal(err)
	}
	decision, _, err := s.Fail(t.Context(), slow.Permit, true, "late")
	if err != nil || decision != Swept {
		t.Fatalf("got %d and %v", decision, err)
	}
	sweep(t, s, slow.Permit)
	expectRows(t, s, 1, 1, 0)
	if err := s.Delete(t.Context(), now.Permit); err != nil {
		t.Fatal(err)
	}
	expectRows(t, s, 0, 0, 0)
}

// Whatever ends a claim locks the row before its permit: in two orders they would deadlock where a
// sweep meets an acknowledgement.
func TestWhateverEndsAClaimWaitsForItsRowBeforeItTouchesThePermit(t *testing.T) {
	ends := map[string]func(*Store, context.Context, uint64) error{
		"Delete": (*Store).Delete,
		"Sweep":  (*Store).Sweep,
		"Fail": func(s *Store, ctx context.Context, permit uint64) error {
			_, _, err := s.Fail(ctx, permit, false, "it broke")
			return err
		},
		"Fail for good": func(s *Store, ctx context.Context, permit uint64) error {
			_, _, err := s.Fail(ctx, permit, true, "it broke")
			return err
		},
		"Sweep for good": func(s *Store, ctx context.Context, permit uint64) error {
			s.limits.PoisonAfter = 1
			return s.Sweep(ctx, permit)
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, openPool(t), "w0")
			push(t, s, 0)
			permit := pop(t, s).Permit
			holder := begin(t, s)
			lock(t, holder, "SELECT FROM queue FOR UPDATE")
			ended := make(chan error)
			go func() { ended <- end(s, context.Background(), permit) }()
			const waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
			for until := time.Now().Add(patience); count(t, s, waiting) == 0; {
				if time.Now().After(until) {
					t.Fatal("it does not wait for the row")
				}
			}
			lock(t, holder, "SELECT FROM queue_permit FOR UPDATE NOWAIT")
			if err := holder.Complete(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			expectPermits(t, s, 0)
		})
	}
}

func lock(t *testing.T, s *Store, query string) {
	t.Helper()
	if _, err := s.on.Exec(t.Context(), query); err != nil {
		t.Fatal(err)
	}
}

func expectPermits(t *testing.T, s *Store, want int) {
	t.Helper()
	if got := count(t, s, "SELECT count(*) FROM queue_permit"); got != want {
		t.Fatalf("%d permits are left, want %d", got, want)
	}
}
