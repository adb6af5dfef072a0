package cluster

import "github.com/canarylab/canarylab/harness/progress"

// These moved to package progress. They stay until harness and harness/mesh, which are rebuilt meanwhile, name
// them there.
type (
	// Progress is progress.Progress.
	Progress = progress.Progress
	// Detailer is progress.Detailer.
	Detailer = progress.Detailer
	// Step is progress.Step.
	Step = progress.Step
)

// Begin is progress.Begin.
func Begin(p Progress, name string) (done func(err error)) { return progress.Begin(p, name) }
