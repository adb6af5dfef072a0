package live

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/harness/addons"
)

// listenAt serves one connection at a caller's socket in a folder with a name that is too long for a socket's.
func listenAt(t *testing.T, serve func(net.Conn)) (folder string) {
	t.Helper()
	folder = filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	// The listener has the same trouble with the name, so it is made elsewhere.
	short := filepath.Join(os.TempDir(), "canarylab-"+filepath.Base(filepath.Dir(folder)))
	l, err := net.Listen("unix", short)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if err := os.Rename(short, filepath.Join(folder, addons.AgentSocket)); err != nil {
		t.Fatal(err)
	}
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		serve(conn)
	}()
	return folder
}

func TestTalkDirectly(t *testing.T) {
	a := &agent{folder: listenAt(t, func(c net.Conn) {
		// It answers once its input has ended.
		got, _ := io.ReadAll(c)
		_, _ = c.Write(got)
	})}
	err := a.talk(t.Context(), "clock", func(from io.Reader, to io.WriteCloser) error {
		if _, err := io.WriteString(to, "what time is it?"); err != nil {
			return err
		}
		if err := to.Close(); err != nil {
			return err
		}
		got, err := io.ReadAll(from)
		if string(got) != "clock\nwhat time is it?" {
			t.Errorf("got %q", got)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestTalkDirectlyEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	a := &agent{folder: listenAt(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })}
	err := a.talk(ctx, "attack", func(from io.Reader, _ io.WriteCloser) error {
		cancel(stopped)
		_, err := io.ReadAll(from)
		return err
	})
	if !errors.Is(err, stopped) {
		t.Errorf("got %v, want %v", err, stopped)
	}
}

func TestTalkDirectlyToNobody(t *testing.T) {
	a := &agent{folder: filepath.Join(t.TempDir(), "gone")}
	err := a.talk(t.Context(), "clock", func(io.Reader, io.WriteCloser) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "is the pod's node on this machine") {
		t.Errorf("got %v, want what to look for", err)
	}
}
