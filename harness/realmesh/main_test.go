package realmesh

import (
	"fmt"
	"os"
	"testing"

	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/harness/lab/labtest"
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
