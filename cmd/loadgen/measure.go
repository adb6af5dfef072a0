package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// A rusage is what a program took of the machine.
type rusage struct {
	// UserNs and SystemNs are processor time, WallNs is from start to end.
	UserNs   int64 `json:"userNs"`
	SystemNs int64 `json:"systemNs"`
	WallNs   int64 `json:"wallNs"`
	// MaxRSS is the most memory that it held at once, in bytes.
	MaxRSS int64 `json:"maxRssBytes"`
}

// measure runs a program with the streams of this one, and writes one line of JSON on what it took. It returns
// the program's own exit code, or as a shell does 128 and the number of the signal that ended it.
func measure(ctx context.Context, args []string, in io.Reader, out, stderr io.Writer) int {
	flags := flag.NewFlagSet("measure", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage) }
	file := flags.String("out", "", "")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 64
	case flags.NArg() == 0:
		fmt.Fprint(stderr, usage)
		return 64
	}
	failed := func(err error) int {
		fmt.Fprintln(stderr, "loadgen: measure:", err)
		return 1
	}
	cmd := exec.CommandContext(ctx, flags.Arg(0), flags.Args()[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	began := time.Now()
	// The state has how the program ended, also where it was told to.
	err := cmd.Run()
	wall := time.Since(began)
	state := cmd.ProcessState
	if state == nil {
		return failed(err)
	}
	u := rusage{
		UserNs: state.UserTime().Nanoseconds(), SystemNs: state.SystemTime().Nanoseconds(), WallNs: wall.Nanoseconds(),
	}
	if r, ok := state.SysUsage().(*syscall.Rusage); ok {
		// Linux counts in kB (getrusage(2)).
		u.MaxRSS = r.Maxrss << 10
	}
	line, err := json.Marshal(u)
	if err != nil {
		return failed(err)
	}
	line = append(line, '\n')
	if *file == "" {
		_, err = stderr.Write(line)
	} else {
		err = os.WriteFile(*file, line, 0o644)
	}
	if err != nil {
		return failed(err)
	}
	if s, ok := state.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		return 128 + int(s.Signal())
	}
	return state.ExitCode()
}
