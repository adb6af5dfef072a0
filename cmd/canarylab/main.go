// Command canarylab shows what an Istio canary deployment really does: it stands up a cluster with Istio on this
// machine, plays a canary story under load, and reports what happened.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/judge"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/format"
)

// Exit codes. The first two and 130 are the shell's custom, 64, 65, 69 and 75 are sysexits.h's, 99 is k6's for a
// threshold that was crossed.
const (
	exitOK           = 0
	exitBroken       = 1
	exitUsage        = 64
	exitDiffers      = 65
	exitUnavailable  = 69
	exitInconclusive = 75
	exitFailed       = 99
	exitInterrupted  = 130
)

func main() {
	ctx, interrupted := withSignals(context.Background())
	err := newRoot().ExecuteContext(ctx)
	code := exitCode(err)
	if interrupted() {
		code = exitInterrupted
	}
	if err != nil && !errors.Is(err, errReported) {
		// What pods and API servers say is in it.
		fmt.Fprintln(os.Stderr, "canarylab:", format.Printable(err.Error()))
	}
	os.Exit(code)
}

// sameKeystroke is how soon after the first a signal still counts as the same: timeout(1) and some terminals send two.
const sameKeystroke = 300 * time.Millisecond

// withSignals returns a context that ends with the first Ctrl-C or SIGTERM, so that everything is cleaned up and
// reported. The second ends the program at once.
func withSignals(parent context.Context) (ctx context.Context, interrupted func() bool) {
	ctx, cancel := context.WithCancel(parent)
	var seen atomic.Bool
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		seen.Store(true)
		fmt.Fprintln(os.Stderr, "\ncanarylab: interrupted: cleaning up (once more to end at once)")
		cancel()
		for first := time.Now(); time.Since(first) < sameKeystroke; {
			<-signals
		}
		fmt.Fprintln(os.Stderr, "canarylab: ended at once: canarylab down removes what is left")
		os.Exit(exitInterrupted)
	}()
	return ctx, seen.Load
}

// errReported is wrapped by errors that the user has read already, in a report.
var errReported = errors.New("see the report")

// An outcomeError is a run that ended with a report and is not a pass.
type outcomeError struct{ outcome reports.Outcome }

func (e outcomeError) Error() string { return "the run's outcome is " + string(e.outcome) }
func (e outcomeError) Unwrap() error { return errReported }

func exitCode(err error) int {
	var outcome outcomeError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &outcome):
		if outcome.outcome == reports.Fail {
			return exitFailed
		}
		return exitInconclusive
	case errors.Is(err, errDiffers):
		return exitDiffers
	case errors.Is(err, judge.ErrOlder):
		return exitInconclusive
	case errors.Is(err, cluster.ErrUsage):
		return exitUsage
	case errors.Is(err, lab.ErrUnavailable), errors.Is(err, cluster.ErrNotFound):
		return exitUnavailable
	}
	return exitBroken
}
