// Package outside plays a story of its own by canarylab as a library.
package outside

import (
	"embed"
	"os"
	"testing"
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/harness/lab/labtest"
	"github.com/canarylab/canarylab/loadgen"
)

//go:embed my-canary
var files embed.FS

var myCanary = harness.Scenario{
	Name:   "my-canary",
	Title:  "My canary gets 10 % of the requests and is rolled back",
	Story:  "v2 gets 10 % of the requests by weight, and is rolled back. No request fails.",
	Files:  files,
	Load:   loadgen.Plan{URL: "http://my-service/", Cohorts: []loadgen.Cohort{{Name: "everyone", Rate: 300}}},
	Canary: "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Prove:  []harness.Proof{harness.ReadyPods{Version: "v2", Want: 1}},
		Expect: []expect.Expectation{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "canary at 10 %",
		Do:     harness.Apply("2-canary.yaml"),
		Expect: []expect.Expectation{expect.Share("v2", 10), expect.Share("v1", 90), expect.NoErrors()},
	}, {
		Name:     "rollback",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Expect:   []expect.Expectation{expect.RecoveredWithin(5 * time.Second), expect.Share("v1", 100)},
	}},
}

// theLab is the cluster that runs already, or one that is brought up for the first test and goes with the last.
var theLab = labtest.Opener{Options: lab.FromEnv}

func TestMain(m *testing.M) { os.Exit(labtest.Main(m.Run, &theLab)) }

func TestMyCanary(t *testing.T) {
	rep, err := theLab.Steady(t.Context(), t, myCanary, harness.Options{})
	if err != nil {
		t.Fatal(err)
	}
	labtest.Claims(t, rep)
}

// TestMyCanaryHasNoMistakes needs no cluster.
func TestMyCanaryHasNoMistakes(t *testing.T) {
	if err := myCanary.Check(); err != nil {
		t.Error(err)
	}
}
