package lab

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/progress"
)

// stepsFile lies beside the cluster's kubeconfig.
const stepsFile = "bring-up.json"

// rememberSteps keeps the steps of a bring-up, so that a report made on the running cluster later can show them. On a
// cluster that was found running it reads them back instead.
func (l *Lab) rememberSteps() error {
	file := filepath.Join(filepath.Dir(l.cluster.Kubeconfig()), stepsFile)
	if !l.cluster.Reused() {
		return cluster.WriteState(file, l.steps)
	}
	var steps []progress.Step
	if err := cluster.ReadState(file, &steps); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	l.steps = steps
	return nil
}
