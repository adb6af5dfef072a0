package harness

import "github.com/canarylab/canarylab/harness/environment"

// Manifests returns what the scenario's files say after a phase, counted from 0, as state does. The objects are the
// scenario's own: whoever changes one copies it first.
func (s Scenario) Manifests(phase int) ([]environment.Object, error) {
	st, err := s.state(phase)
	if err != nil {
		return nil, err
	}
	return st.manifests(), nil
}
