package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/filelock"
)

// Beside a cluster's kubeconfig, lockFile is held by whoever plays there, and playingFile says what.
const lockFile, playingFile = "run.lock", "playing.json"

// playing is what is being played on a cluster: the namespace of each scenario, and those that some have beside it.
type playing struct {
	Namespaces []string `json:"namespaces"`
	Others     []string `json:"others,omitempty"`
}

// Playing remembers, until done is called, which namespace a scenario is played in, which Clients mean by default, and
// which others it has. Several may be played at once by one Lab. Whoever was killed in between held the lock of
// Exclusive, so that nobody believes what that one left.
func (l *Lab) Playing(namespace string, others ...string) (done func(), err error) {
	l.playing.Lock()
	defer l.playing.Unlock()
	l.played, l.playedToo = append(l.played, namespace), append(l.playedToo, others...)
	if err := l.keepPlayed(); err != nil {
		return nil, fmt.Errorf("remember what is played on cluster %q: %w", l.cluster.Name(), err)
	}
	return func() {
		l.playing.Lock()
		defer l.playing.Unlock()
		i := slices.Index(l.played, namespace)
		l.played = slices.Delete(l.played, i, i+1)
		l.playedToo = slices.DeleteFunc(l.playedToo, func(ns string) bool { return slices.Contains(others, ns) })
		_ = l.keepPlayed() // without the lock the file means nothing
	}, nil
}

// keepPlayed writes down what is played. The lab's playing is locked.
func (l *Lab) keepPlayed() error {
	file := filepath.Join(filepath.Dir(l.cluster.Kubeconfig()), playingFile)
	if len(l.played) == 0 {
		return os.Remove(file)
	}
	return cluster.WriteState(file, playing{l.played, l.playedToo})
}

// sweep removes the namespaces that a killed run has left on the cluster whose state is in dir. The lock of Exclusive
// is held. Left alone they would go on to be seen: Istio's analysis looks for the pods of a subset in all namespaces.
func sweep(ctx context.Context, dir string, remove func(ctx context.Context, ns string) error) error {
	file := filepath.Join(dir, playingFile)
	p, err := cluster.ReadState[playing](file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	// A file that can't be read was damaged when that run was killed: it names nothing.
	for _, ns := range slices.Concat(p.Namespaces, p.Others) {
		if err := remove(ctx, ns); err != nil {
			return err
		}
	}
	return os.Remove(file)
}

// playedIn returns the namespace of each scenario that is being played on the cluster whose state is in dir.
func playedIn(dir string) ([]string, error) {
	p, err := cluster.ReadState[playing](filepath.Join(dir, playingFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	held, err := filelock.Held(filepath.Join(dir, lockFile))
	if err != nil || !held {
		return nil, err
	}
	return p.Namespaces, nil
}
