package main

import "encoding/json"

// plan is work as it is pushed: a job's plan, as it stands.
type plan json.RawMessage

// Type is what queue.Work asks for.
func (plan) Type() uint64 { return planWork }

// MarshalJSON passes the plan on as it is.
func (p plan) MarshalJSON() ([]byte, error) { return p, nil }

// claimedWork is work as it is popped. A runner is handed nothing but its bytes, so what it has to
// know of the row travels in them.
type claimedWork struct {
	Row     int64           `json:"row"`
	Permit  uint64          `json:"permit"`
	Attempt int             `json:"attempt"`
	Plan    json.RawMessage `json:"plan"`
}
