package reports

// An Action is the change of a phase as data. Phase.Did says the same for people.
type Action struct {
	// Kind is the step's kind in kebab case: apply, delete, revert, scale, undo, restart, inject, stop-istiod,
	// start-istiod, or a later step's.
	Kind string `json:"kind"`
	// Brief is the change in a few words, for a row of a table: "apply 2-canary".
	Brief string `json:"brief,omitempty"`
	// File is the scenario's file that is applied or deleted, and Only the kinds of its objects that are concerned. An
	// empty Only means all of them.
	File string   `json:"file,omitempty"`
	Only []string `json:"only,omitempty"`
	// Deletes tells that the objects of File are deleted.
	Deletes bool `json:"deletes,omitempty"`
	// Skipped tells that the change was left out (Scenario.Without).
	Skipped bool `json:"skipped,omitempty"`
}
