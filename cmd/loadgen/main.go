// Command loadgen is the load agent: what runs in a pod beside a sidecar. See package loadgen.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/canarylab/canarylab/loadgen"
)

const usage = `usage: loadgen attack   read a plan (one line of JSON) from stdin, run it, and write what was seen to
                        stdout as frames; ends with the plan's duration, a line "stop", the end of stdin, or
                        SIGTERM, and then waits for the end of stdin
       loadgen wait [SOCKET]
                        do nothing until SIGTERM, but run attack or clock for whoever connects to the unix socket
                        and sends one of these words as a line
       loadgen bystand  count how often an ordinary program waits for a processor, until stdin ends
       loadgen clock    answer each line of stdin with the time, until stdin ends
       loadgen measure [--out FILE] [--] PROGRAM ARGUMENT...
                        run another program, on the same stdin, stdout and stderr, and say in one line of JSON,
                        in the file or on stderr, what it took of processor and memory; passes SIGTERM on and
                        ends with the program's exit code
`

func main() {
	if len(os.Args) == 2 && os.Args[1] == "attack" {
		_ = loadgen.BeRealTime() // where it may not it is an ordinary program, as its first word says
	}
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run returns the exit code: 0, 1 if something failed, 64 for a bad command line or plan. That of measure is
// the measured program's.
func run(args []string, in io.Reader, out, stderr io.Writer) int {
	// Without this, writing to a closed stdout kills the program before it can say so.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	// From the first signal on, a second one ends the program at once.
	context.AfterFunc(ctx, stop)

	if len(args) > 0 && args[0] == "measure" {
		return measure(ctx, args[1:], in, out, stderr)
	}
	if len(args) == 2 && args[0] == "wait" {
		return exit(attend(ctx, args[1], stderr), stderr)
	}
	if len(args) != 1 {
		fmt.Fprint(stderr, usage)
		return 64
	}
	var err error
	switch args[0] {
	case "wait":
		<-ctx.Done()
	case "bystand":
		err = loadgen.Bystand(in, out)
	case "clock":
		err = loadgen.ServeClock(in, out)
	case "attack":
		err = loadgen.ServeAlone(ctx, podName(), in, out)
	case "help", "-h", "--help":
		fmt.Fprint(stderr, usage)
	default:
		fmt.Fprintf(stderr, "loadgen: unknown command %q\n%s", args[0], usage)
		return 64
	}
	return exit(err, stderr)
}

// exit is the exit code of an error, which it says.
func exit(err error, stderr io.Writer) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "loadgen:", err)
	if errors.Is(err, loadgen.ErrPlan) {
		return 64
	}
	return 1
}

// podName is POD_NAME, which a manifest can set, or the host's name, which Kubernetes sets to the pod's.
func podName() string {
	host, _ := os.Hostname()
	return cmp.Or(os.Getenv("POD_NAME"), host, "unknown")
}
