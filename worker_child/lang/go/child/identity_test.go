package child

import "testing"

func TestARowIsClaimedUnderTheNameThatTheParentGivesElseUnderThatOfTheSessions(t *testing.T) {
	for line, want := range map[string]string{
		`{"application_name":"cb:1:0:2"}`:                         "cb:1:0:2",
		`{"application_name":"cb:1:0:2","worker_name":"cb:1:0"}`:  "cb:1:0",
		`{"worker_name":"cb:1:0","application_name":"cb:1:0:10"}`: "cb:1:0",
	} {
		var init Init
		if err := decodeStrictly([]byte(line), &init); err != nil {
			t.Fatalf("%s is no init: %v", line, err)
		}
		if found := init.Identity(); found != want {
			t.Errorf("%s claims as %q, not as %q", line, found, want)
		}
	}
}
