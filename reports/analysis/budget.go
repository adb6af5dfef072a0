package analysis

import (
	"errors"
	"fmt"

	"github.com/canarylab/canarylab/loadgen"
)

// ErrNoRun is wrapped where a trace is not that of a run: it may come from anywhere, and ask for any amount of memory
// by a few megabytes of lines.
var ErrNoRun = errors.New("no run has such a trace")

const (
	// MaxPhases bounds the phases of a Spec. The longest story has 81, and calibration has 400.
	MaxPhases = 500
	// maxMemory bounds what counts take that grow with what is told apart, in bytes, roughly: kinds of requests by
	// cohort and window, and their bins. A run with 16 cohorts and 24 long phases takes half of it; so does
	// one with 250 and two.
	maxMemory = 96 << 20
	// maxCohorts bounds the cohorts that send: those of a plan, and as many again that are in none.
	maxCohorts = 2 * loadgen.MaxCohorts
)

// A budget is what is left of the memory for what is told apart. All parts of an analysis share one.
type budget struct{ left int }

func newBudget() *budget { return &budget{left: maxMemory} }

// take takes so many bytes, roughly. The analysis goes on where none are left, until somebody asks spent.
func (b *budget) take(bytes int) { b.left -= bytes }

// spent is an error where more was taken than there is.
func (b *budget) spent() error {
	if b.left < 0 {
		return fmt.Errorf("%w: %d MB have no room for so many versions, cohorts, kinds of failures and times apart",
			ErrNoRun, maxMemory>>20)
	}
	return nil
}

// check refuses what no run is told to be.
func (s Spec) check() error {
	switch n := len(s.Plan.Cohorts); {
	case len(s.Phases) > MaxPhases:
		return fmt.Errorf("%w: it has %d phases, more than %d", ErrNoRun, len(s.Phases), MaxPhases)
	case n > loadgen.MaxCohorts:
		return fmt.Errorf("%w: it has %d cohorts, more than %d", ErrNoRun, n, loadgen.MaxCohorts)
	case s.Plan.Agents < 0 || s.Plan.Agents > loadgen.MaxAgents:
		return fmt.Errorf("%w: %d load agents are not 0 to %d", ErrNoRun, s.Plan.Agents, loadgen.MaxAgents)
	}
	return nil
}
