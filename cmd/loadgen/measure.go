package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"syscall"
	"time"
)

// rusage is what a program took of the machine.
type rusage struct {
	// UserNs and SystemNs are processor time, WallNs is from start to end.
	UserNs   int64 `json:"userNs"`
	SystemNs int64 `json:"systemNs"`
	WallNs   int64 `json:"wallNs"`
	// MaxRSS is the most memory that it held at once, in bytes.
	MaxRSS int64 `json:"maxRssBytes"`
}

// measure runs a program with the streams of this one, and writes one line of JSON on what it took to stderr. It returns the
// program's own exit code.
func measure(ctx context.Context, args []string, in io.Reader, out, stderr io.Writer) int {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	began := time.Now()
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		fmt.Fprintln(stderr, "loadgen: measure:", err)
		return 1
	}
	state := cmd.ProcessState
	u := rusage{UserNs: state.UserTime().Nanoseconds(), SystemNs: state.SystemTime().Nanoseconds(), WallNs: time.Since(began).Nanoseconds()}
	if r, ok := state.SysUsage().(*syscall.Rusage); ok {
		// Linux counts in kB (getrusage(2)).
		u.MaxRSS = r.Maxrss << 10
	}
	b, err := json.Marshal(u)
	if err != nil {
		fmt.Fprintln(stderr, "loadgen: measure:", err)
		return 1
	}
	fmt.Fprintf(stderr, "%s\n", b)
	return state.ExitCode()
}
