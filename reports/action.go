package reports

import (
	"cmp"
)

// An Action is the change of a phase as data. Phase.Did says the same for people.
type Action struct {
	// Kind is the step's kind in kebab case: apply, delete, revert, scale, undo, restart, inject, stop-istiod,
	// start-istiod, or a later step's.
	Kind string `json:"kind"`
	// Brief is the change in a few words, for a row of a table: "apply 2-canary".
	Brief string `json:"brief,omitempty"`
	// File is the scenario's file that is applied or deleted, Only the kinds of its objects that are concerned
	// (empty: all).
	File string   `json:"file,omitempty"`
	Only []string `json:"only,omitempty"`
	// Deletes tells that the objects of File are deleted.
	Deletes bool `json:"deletes,omitempty"`
	// Skipped tells that the change was left out.
	Skipped bool `json:"skipped,omitempty"`
}

// Brief is the phase's change in a few words, empty where nothing was changed.
func (p Phase) Brief() string {
	if p.Action == nil {
		return p.Did
	}
	return cmp.Or(p.Action.Brief, p.Did)
}

// RollbackBrief is how the phase rolled back, in a few words. It is empty where it did not, or where nobody says how.
func (p Phase) RollbackBrief() string {
	r := p.Observation.Rollback
	switch {
	case r == nil || r.Method == "":
		return ""
	case p.Action == nil:
		return r.Method
	}
	return cmp.Or(p.Action.Brief, r.Method)
}
