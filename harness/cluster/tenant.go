package cluster

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// A Tenant is what somebody plays, or has left, in a cluster that several people's labs use.
type Tenant struct {
	// Namespace is where, and Owner whose it is. Owner is empty where nothing tells.
	Namespace string `json:"namespace"`
	Owner     string `json:"owner,omitempty"`
	// Run and Scenario are what is played, empty where nothing is. Since is when that began, by the owner's clock.
	Run      string    `json:"run,omitempty"`
	Scenario string    `json:"scenario,omitempty"`
	Since    time.Time `json:"since,omitzero"`
}

// String is "namespace shop (jane-at-laptop: label-mismatch since 2026-11-28T10:41:03Z)".
func (t Tenant) String() string {
	who := cmp.Or(t.Owner, "nothing tells whose")
	if t.Scenario != "" {
		who += ": " + t.Scenario
	}
	if !t.Since.IsZero() {
		who += " since " + t.Since.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("namespace %s (%s)", t.Namespace, who)
}

// ErrTaken is wrapped by the error of a namespace that is somebody else's.
var ErrTaken = errors.New("somebody else has it")

// Taken is the error of a namespace that somebody else plays in, or has kept.
type Taken struct {
	Tenant
	// Plays tells that a run goes on there. Else it was kept after one.
	Plays bool
}

// Error implements error.
func (t *Taken) Error() string {
	if t.Plays {
		return fmt.Sprintf("%v: %v by their clock; wait until that has ended, or ask them", ErrTaken, t.Tenant)
	}
	return fmt.Sprintf("%v: %v; nothing is played there, so they have kept it: ask them, or canarylab down --all "+
		"removes it", ErrTaken, t.Tenant)
}

// Unwrap makes it an ErrTaken.
func (t *Taken) Unwrap() error { return ErrTaken }
