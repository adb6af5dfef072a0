package realmesh

import (
	"fmt"
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
	code := m.Run()
	if err := theLab.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "close the lab:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// some are the scenarios that are played in ways that take long: those of the core, or all with EVERY=1.
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
