package store

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

func pushAddressed(t *testing.T, s *Store, address string) (int64, error) {
	t.Helper()
	return s.Push(t.Context(), Job{Name: "jobs", Type: 1, Address: address, Item: item(0)})
}

func TestAnAddressIsInTheQueueOnceUntilItsWorkIsDone(t *testing.T) {
	s := openStore(t, openPool(t), "w0")
	for round := range 2 {
		if _, err := pushAddressed(t, s, "a"); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if _, err := pushAddressed(t, s, "a"); err != ErrDuplicateAddress {
			t.Fatalf("round %d: got %v", round, err)
		}
		claimed := pop(t, s)
		if claimed.Address != "a" {
			t.Fatalf("got %+v", claimed)
		}
		if _, err := pushAddressed(t, s, "a"); err != ErrDuplicateAddress {
			t.Fatalf("round %d: while it is worked on, got %v", round, err)
		}
		if err := s.Delete(t.Context(), claimed.Permit); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOfConcurrentPushesOfOneAddressOneIsTaken(t *testing.T) {
	const pushers = 8
	s := openStore(t, openPool(t), "w0")
	var taken, turnedAway atomic.Int32
	var busy sync.WaitGroup
	for range pushers {
		busy.Go(func() {
			switch _, err := pushAddressed(t, s, "a"); {
			case err == nil:
				taken.Add(1)
			case errors.Is(err, ErrDuplicateAddress):
				turnedAway.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	busy.Wait()
	if taken.Load() != 1 || turnedAway.Load() != pushers-1 {
		t.Fatalf("%d were taken, %d turned away", taken.Load(), turnedAway.Load())
	}
}

func TestWithoutAnAddressNothingIsTurnedAway(t *testing.T) {
	s := openStore(t, openPool(t), "w0")
	push(t, s, 0)
	push(t, s, 0)
	expectRows(t, s, 2, 0, 0)
}

func TestHowAnAddressEndedIsKeptUntilItsNextRunSaysOtherwise(t *testing.T) {
	s := openStore(t, openPool(t), "w0")
	expect := func(ended bool, failure string) {
		t.Helper()
		gotEnded, gotFailure, err := s.Ended(t.Context(), "a")
		if err != nil || gotEnded != ended || string(gotFailure) != failure {
			t.Fatalf("got %v, %q and %v", gotEnded, gotFailure, err)
		}
		if inQueue, err := s.InQueue(t.Context(), "a"); err != nil || inQueue == ended {
			t.Fatalf("in the queue: %v and %v", inQueue, err)
		}
	}
	expect(true, "")
	if _, err := pushAddressed(t, s, "a"); err != nil {
		t.Fatal(err)
	}
	expect(false, "")
	for _, failure := range []string{"one", "two"} {
		if err := s.KeepFailure(t.Context(), "a", []byte(failure)); err != nil {
			t.Fatal(err)
		}
		expect(false, failure)
	}
	if err := s.Delete(t.Context(), pop(t, s).Permit); err != nil {
		t.Fatal(err)
	}
	expect(true, "two")
	if err := s.KeepFailure(t.Context(), "a", nil); err != nil {
		t.Fatal(err)
	}
	expect(true, "")
}

func TestAPeekSeesClaimedAndWaitingRowsAndTakesNone(t *testing.T) {
	s := openStore(t, openPool(t), "w0")
	push(t, s, 0)
	push(t, s, 1)
	claimed := pop(t, s)
	seen, err := s.Peek(t.Context(), someTypes)
	if err != nil || len(seen) != 2 {
		t.Fatalf("got %+v and %v", seen, err)
	}
	if seen[0].Permit != claimed.Permit || seen[1].Permit != 0 || string(seen[1].Item) != string(item(1)) {
		t.Fatalf("got %+v", seen)
	}
	expectRows(t, s, 2, 1, 0)
}
