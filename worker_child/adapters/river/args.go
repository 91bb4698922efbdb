package main

import "encoding/json"

// planArgs is a row's args: a job's plan and, where it has one, the key that River's UniqueOpts look
// at. Its kind is known at run time only; River hands a row to the worker registered under it.
type planArgs struct {
	kind string
	Key  *string         `json:"key,omitempty" river:"unique"`
	Plan json.RawMessage `json:"plan"`
}

// Kind is what river.JobArgs asks for.
func (a planArgs) Kind() string {
	return a.kind
}
