package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/canarylab/canarylab/harness/cluster"
)

// A layout knows where a cluster keeps what. Everything is below one folder.
type layout string

func (l layout) path(elem ...string) string {
	return filepath.Join(append([]string{string(l)}, elem...)...)
}

func (l layout) kubeconfig() string { return l.path("kubeconfig") }

// nft is the folder with nft where the machine has none. kube-proxy calls it.
func (l layout) nft() string { return l.path("nft") }

func (l layout) pki(file string) string { return l.path("pki", file) }

// schema is the version of the state folder. A change that an older or newer canarylab would misread raises it.
const schema = 1

// meta is what the state folder says of itself.
type meta struct {
	Schema int `json:"schema"`
	// Node is the build of the node's programs that wrote the state; another build can't be trusted to read it.
	Node string `json:"node"`
	Port int    `json:"port"`
	PID  int    `json:"pid"`
	// Kept is set by Down with keepState: the state is whole and waits for the next Up.
	Kept bool `json:"kept"`
	// Images are the references and digests that the node has.
	Images map[string]string `json:"images,omitempty"`
}

// writtenBy tells whether the programs in the folder node wrote the state.
func (m meta) writtenBy(node string) bool { return m.Schema == schema && m.Node == filepath.Base(node) }

func (l layout) readMeta() (meta, error) {
	return cluster.ReadState[meta](l.path("meta.json"))
}

func (l layout) writeMeta(m meta) error { return cluster.WriteState(l.path("meta.json"), m) }

// alive tells whether the cluster's PID 1 lives: it holds the lock of the file "alive" for as long as it does. The
// kernel lets go of the lock with the process, so this can't be wrong about a PID that was given to somebody else.
func (l layout) alive() (bool, error) {
	f, err := os.Open(l.path("alive"))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}

// kill ends the cluster's PID 1 and waits until the kernel is done with it.
func (l layout) kill(ctx context.Context) error {
	m, err := l.readMeta()
	if err != nil {
		return err
	}
	pidfd, err := unix.PidfdOpen(m.PID, 0)
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("find PID %d of the cluster: %w", m.PID, err)
	}
	if err == nil {
		defer unix.Close(pidfd)
		cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", m.PID))
		if !strings.Contains(string(cmdline), string(l)) {
			return fmt.Errorf("PID %d is not the cluster's (its command line does not name %s): not killing it",
				m.PID, l)
		}
		if err := unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("end PID %d of the cluster: %w", m.PID, err)
		}
	}
	for {
		alive, err := l.alive()
		if err != nil || !alive {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for PID %d of the cluster to end: %w", m.PID, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}
