package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"

	"github.com/canarylab/canarylab/loadgen"
)

// attended are the commands that a connection may ask for.
var attended = []string{"attack", "clock"}

// maxAsked bounds what a connection may send before the end of its first line.
const maxAsked = 16

// attend runs a command for each connection to the unix socket at path, until ctx ends. A connection sends the
// command's name as a line, and is its standard input and output from then on, as an exec into the pod would be. Each
// command is a process of its own: what one did to its memory is not the next one's, and a crash is not the pod's.
func attend(ctx context.Context, path string, stderr io.Writer) error {
	// A container that was started again finds the socket of the one before.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("take away the socket of an agent that has ended: %w", err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return fmt.Errorf("wait for the lab at a socket: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = listener.Close() })()
	var running sync.WaitGroup
	defer running.Wait()
	for {
		conn, err := listener.AcceptUnix()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("wait for the lab at a socket: %w", err)
		}
		running.Go(func() {
			defer conn.Close()
			if err := command(ctx, conn, stderr); err != nil {
				fmt.Fprintln(stderr, "loadgen:", err)
			}
		})
	}
}

// command runs what one connection asks for.
func command(ctx context.Context, conn *net.UnixConn, stderr io.Writer) error {
	name, err := asked(conn)
	if err != nil {
		return fmt.Errorf("read what the lab asks for: %w", err)
	}
	if !slices.Contains(attended, name) {
		return fmt.Errorf("the lab asks for %q, want one of %q: it is of another build", name, attended)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	file, err := conn.File()
	if err != nil {
		return fmt.Errorf("hand the connection on: %w", err)
	}
	defer file.Close()
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, self, name)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = file, file, io.MultiWriter(stderr, &said)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	err = cmd.Run()
	if err != nil && name == "attack" {
		// It fails where the lab is gone, and then there is nobody to tell.
		_ = loadgen.WriteFailure(conn, fmt.Sprintf("%s: %s", err, bytes.TrimSpace(said.Bytes())))
	}
	return nil
}

// asked reads a line, and not a byte more: those are the command's.
func asked(conn io.Reader) (string, error) {
	var line []byte
	for one := make([]byte, 1); len(line) < maxAsked; line = append(line, one[0]) {
		if _, err := io.ReadFull(conn, one); err != nil {
			return "", err
		}
		if one[0] == '\n' {
			return string(line), nil
		}
	}
	return "", fmt.Errorf("no line ends within %d bytes: %q", maxAsked, line)
}
