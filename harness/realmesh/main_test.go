package realmesh

import (
	"os"
	"testing"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/harness/lab/labtest"
	"github.com/canarylab/canarylab/scenarios"
)

// theLab is all tests' own.
var theLab = labtest.Opener{Options: lab.FromEnv}

func TestMain(m *testing.M) {
	os.Exit(labtest.Main(m.Run, &theLab))
}

// The indexes of the tests that take a minute or more, see labtest.ByTurns. Each turn plays some of them.
const (
	turnOfRevision    = 0
	turnOfLoadPods    = 1
	turnOfRollbacks   = 2
	turnOfMission     = 3
	turnOfGameDay     = 4
	turnOfClass       = 5
	turnOfConformance = 6
	turnOfLedRate     = 7
	turnOfCorpus      = 8
	turnOfGuest       = 9
	turnOfTenants     = 10
)

// some returns the scenarios that are played in ways that take long: those of the core, or all with EVERY=1.
// Tests take their turn's share of them.
func some(t *testing.T) []harness.Scenario {
	t.Helper()
	label := harness.Core
	if os.Getenv("EVERY") == "1" {
		label = ""
	}
	list, err := scenarios.Labeled(label)
	if err != nil {
		t.Fatal(err)
	}
	return list
}
