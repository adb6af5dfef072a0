package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"

	"github.com/canarylab/canarylab/harness/addons"
)

// dialSocket connects to a socket in the folder of a pod's volume. It goes by the folder's descriptor, as the folder's
// name is longer than the 108 bytes that Linux takes as the name of a socket (unix(7)).
func dialSocket(ctx context.Context, folder, name string) (*net.UnixConn, error) {
	const say = "connect to a pod by the socket %s/%s (is the pod's node on this machine, and are you root?): %w"
	dir, err := os.Open(folder)
	if err != nil {
		return nil, fmt.Errorf(say, folder, name, err)
	}
	defer dir.Close()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", "/proc/self/fd/"+strconv.Itoa(int(dir.Fd()))+"/"+name)
	if err != nil {
		return nil, fmt.Errorf(say, folder, name, err)
	}
	return conn.(*net.UnixConn), nil
}

// A halfClosed connection is closed for writing alone: the other side may have something to say yet.
type halfClosed struct{ *net.UnixConn }

func (c halfClosed) Close() error { return c.CloseWrite() }

// talkDirectly talks by the agent's socket: no other process carries what is said.
func (a *agent) talkDirectly(
	ctx context.Context, command string, converse func(from io.Reader, to io.WriteCloser) error,
) error {
	conn, err := dialSocket(ctx, a.folder, addons.AgentSocket)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if _, err := io.WriteString(conn, command+"\n"); err != nil {
		return fmt.Errorf("ask the agent for %s: %w", command, err)
	}
	if err := converse(conn, halfClosed{conn}); err != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	_ = conn.CloseWrite()
	// The command has ended when nobody holds the other end any more.
	if _, err := io.Copy(io.Discard, conn); err != nil && ctx.Err() == nil {
		return fmt.Errorf("wait for the end of the agent's %s: %w", command, err)
	}
	return context.Cause(ctx)
}
