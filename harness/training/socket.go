package training

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// dialWithin bounds the way to a trainer on this machine, which is there or not.
const dialWithin = 2 * time.Second

// maxSocket is how long a unix socket's path may be on Linux (sockaddr_un).
const maxSocket = 107

// ErrUnderWay is wrapped where a mission is under way already.
var ErrUnderWay = errors.New("a mission is under way already")

// A Socket is where a trainer is asked from other terminals: a unix socket that only its user may use.
type Socket struct {
	path     string
	listener net.Listener
}

// Listen makes the socket at path. The error wraps ErrUnderWay if another trainer answers there; what a killed one left
// is removed, and so is what was kept of the last mission.
func Listen(ctx context.Context, path string) (*Socket, error) {
	if len(path) > maxSocket {
		return nil, fmt.Errorf("the socket %s has a name of more than %d bytes: set CANARYLAB_HOME to a shorter path",
			path, maxSocket)
	}
	if UnderWay(ctx, path) {
		return nil, fmt.Errorf("%w: canarylab train status says how it stands, canarylab train give-up ends it",
			ErrUnderWay)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the trainer's socket: %w", err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove the socket that an earlier trainer left: %w", err)
	}
	if err := forget(path); err != nil {
		return nil, err
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen for canarylab train in other terminals: %w", err)
	}
	// Between the two calls nobody can have been answered yet: nothing accepts.
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("keep others off the trainer's socket: %w", err), l.Close())
	}
	return &Socket{path, l}, nil
}

// UnderWay tells whether a trainer answers at path.
func UnderWay(ctx context.Context, path string) bool {
	c, err := dial(ctx, path)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

func dial(ctx context.Context, path string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialWithin}
	return d.DialContext(ctx, "unix", path)
}

// Serve has h do what others ask for, until ctx ends.
func (s *Socket) Serve(ctx context.Context, h Handler) {
	var all sync.WaitGroup
	defer all.Wait()
	defer context.AfterFunc(ctx, func() { s.listener.Close() })()
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return // it was closed
		}
		all.Go(func() {
			defer c.Close()
			defer context.AfterFunc(ctx, func() { c.Close() })()
			// Whoever asked and went away needs no answer.
			_ = Converse(ctx, h, c, NewLines(c))
		})
	}
}

// Ask asks the trainer that listens at path, or what it kept of its mission if it has gone. The error wraps ErrNone
// where there is neither, ErrOver where a mission is over that is asked for more, and else is what the trainer says of
// a request that it does not do.
func Ask(ctx context.Context, path string, r Request) (Reply, error) {
	var reply Reply
	c, err := dial(ctx, path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return afterwards(ctx, path, r)
	}
	if err != nil {
		return reply, fmt.Errorf("ask the trainer: %w", err)
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	if err := NewLines(c).Write(r); err != nil {
		return reply, fmt.Errorf("ask the trainer: %w", err)
	}
	if err := json.NewDecoder(c).Decode(&reply); err != nil {
		return reply, fmt.Errorf("the trainer ended before it answered: %w", err)
	}
	if reply.Error != "" {
		return reply, errors.New(reply.Error)
	}
	return reply, nil
}
