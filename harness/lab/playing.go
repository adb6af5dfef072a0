package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/filelock"
)

// Beside a cluster's kubeconfig, lockFile is held by whoever plays there, and playingFile says what.
const lockFile, playingFile = "run.lock", "playing.json"

// playing is what is being played on a cluster.
type playing struct {
	Namespace string `json:"namespace"`
}

// Playing remembers, until done is called, which namespace a scenario is played in: Clients mean it by default. Whoever
// was killed in between held the lock of Exclusive, so that nobody believes what that one left.
func (l *Lab) Playing(namespace string) (done func(), err error) {
	file := filepath.Join(filepath.Dir(l.cluster.Kubeconfig()), playingFile)
	if err := cluster.WriteState(file, playing{namespace}); err != nil {
		return nil, fmt.Errorf("remember what is played on cluster %q: %w", l.cluster.Name(), err)
	}
	return func() { _ = os.Remove(file) }, nil // without the lock the file means nothing
}

// playedIn returns the namespace of what is being played on the cluster whose state is in dir, empty for nothing.
func playedIn(dir string) (string, error) {
	p, err := cluster.ReadState[playing](filepath.Join(dir, playingFile))
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	held, err := filelock.Held(filepath.Join(dir, lockFile))
	if err != nil || !held {
		return "", err
	}
	return p.Namespace, nil
}
