package lab

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/canarylab/canarylab/harness/cluster"
)

// stepsFile lies beside the cluster's kubeconfig.
const stepsFile = "bring-up.json"

// rememberSteps keeps the steps of a bring-up, so that a report made on the running cluster later can show them. On a
// cluster that was found running it reads them back instead.
func (l *Lab) rememberSteps() error {
	file := filepath.Join(filepath.Dir(l.cluster.Kubeconfig()), stepsFile)
	if l.cluster.Reused() {
		raw, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			l.steps = nil
			return nil
		}
		if err != nil {
			return err
		}
		var steps []cluster.Step
		if err := json.Unmarshal(raw, &steps); err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
		l.steps = steps
		return nil
	}
	raw, err := json.Marshal(l.steps)
	if err != nil {
		return err
	}
	return os.WriteFile(file, raw, 0o600)
}
