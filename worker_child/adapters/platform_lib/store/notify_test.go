package store

import (
	"testing"
)

func expectWorkReady(t *testing.T, message map[string]any) {
	t.Helper()
	if guid, _ := message["NotifyGuid"].(string); message["NotifyType"] != float64(1) || len(guid) != 36 {
		t.Fatalf("got %v", message)
	}
}

func TestAPushIsToldToOtherProcesses(t *testing.T) {
	pool := openPool(t)
	said := listening(t, pool, ChannelMessages)
	push(t, openStore(t, pool, "w0"), 0)
	expectWorkReady(t, said())
}

func TestAnExtensionIsToldInTheLibrarysWords(t *testing.T) {
	pool := openPool(t)
	said := listening(t, pool, ChannelLeader)
	if err := openStore(t, pool, "w0").Extend(t.Context(), 7); err != nil {
		t.Fatal(err)
	}
	message := said()
	if message["PermitID"] != float64(7) || message["MessageType"] != float64(4) {
		t.Fatalf("got %v", message)
	}
}

func TestWaitingWorkIsToldAgainAndNothingElseIs(t *testing.T) {
	pool := openPool(t)
	s := openStore(t, pool, "w0")
	push(t, s, 0)
	claimed := pop(t, s)
	said := listening(t, pool, ChannelMessages)
	renotify := func() {
		if err := s.Renotify(t.Context(), "jobs"); err != nil {
			t.Fatal(err)
		}
	}
	renotify() // claimed: silence
	if _, _, err := s.Fail(t.Context(), claimed.Permit, false, "once"); err != nil {
		t.Fatal(err)
	}
	renotify() // not yet due: silence
	if err := s.Notify(t.Context(), ChannelMessages, []byte(`{"NotifyType": 2}`)); err != nil {
		t.Fatal(err)
	}
	if message := said(); message["NotifyType"] != float64(2) {
		t.Fatalf("got %v, want nothing before the message that stands for silence", message)
	}
	due(t, s)
	renotify()
	expectWorkReady(t, said())
}
