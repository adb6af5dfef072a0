package realmesh

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// An agent that is held back on purpose, by signals that stop it for 20 ms of each 100, voids what rests on its pace
// and nothing else: shares are judged, true ones and false ones alike, and a bound that may depend on the load is not.
func TestHeldBackAgentVoidsWhatRestsOnIt(t *testing.T) {
	ctx := t.Context()
	l := theLab.Open(ctx, t)
	s := quietStory(t)
	s.Phases[1].Expect = []expect.Expectation{
		expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors(),
		// Two exact shares of one thing can't both be claimed, so that the false one is of the cohort.
		expect.Share("v1", 90).Of("everyone"), expect.Share("v1", 50).AtLeast(),
	}
	held, done := context.WithCancel(ctx)
	defer done()
	d := disturb("phase 2 of 2", func() error {
		pod, err := onePod(ctx, l.Kube(), s.Name, "app=load-client")
		if err != nil {
			return err
		}
		pids, err := processesOf(pod, "loadgen")
		if err != nil {
			return err
		}
		return holdBack(held, pids)
	})
	rep, err := theLab.Play(ctx, t, s, harness.Options{Progress: d})
	done()
	if err != nil {
		t.Fatal(err)
	}
	if err := <-d.done; errors.Is(err, errNotHere) {
		t.Skip(err)
	} else if err != nil {
		t.Fatalf("hold the agent back: %v", err)
	}
	if len(rep.Accounting.Shaken(analysis.OnTime)) == 0 || !rep.Accounting.Balanced() {
		t.Fatalf("got problems %q, want an agent that was late, and no other", rep.Accounting.Problems)
	}
	var got []reports.Outcome
	for _, p := range rep.Phases {
		for _, v := range p.Verdicts {
			t.Logf("%s: %s: %s: %s: %s", p.Name, v.Outcome, v.Want, v.Saw, v.Why)
			got = append(got, v.Outcome)
		}
	}
	pass, fail, invalid := reports.Pass, reports.Fail, reports.Invalid
	if want := []reports.Outcome{pass, pass, pass, pass, pass, fail, invalid}; !slices.Equal(got, want) {
		t.Errorf("got verdicts %s, want %s", got, want)
	}
	if rep.Outcome != invalid || rep.Void() {
		t.Errorf("got %s, void is %t; want it invalid, and contradicted all the same", rep.Outcome, rep.Void())
	}
}

// errNotHere tells that a pod's processes are not this machine's.
var errNotHere = errors.New("the pod's processes are not to be seen from here")

// processesOf finds a program's processes in a pod of a cluster on this machine: a container's host name is its pod's.
func processesOf(pod, program string) ([]int, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, dir := range dirs {
		// A process that ended meanwhile, or that is somebody else's, is none of the pod's.
		command, _ := os.ReadFile(filepath.Join(dir, "comm"))
		env, _ := os.ReadFile(filepath.Join(dir, "environ"))
		if strings.TrimSpace(string(command)) != program ||
			!slices.Contains(strings.Split(string(env), "\x00"), "HOSTNAME="+pod) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	if len(pids) == 0 {
		return nil, fmt.Errorf("%s in %s: %w", program, pod, errNotHere)
	}
	return pids, nil
}

// holdBack stops processes for 20 ms of each 100 until ctx ends, and lets them go on.
func holdBack(ctx context.Context, pids []int) error {
	signal := func(s syscall.Signal) error {
		var errs []error
		for _, pid := range pids {
			if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
				errs = append(errs, err)
			}
		}
		return errors.Join(errs...)
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return signal(syscall.SIGCONT)
		case <-tick.C:
		}
		err := signal(syscall.SIGSTOP)
		time.Sleep(20 * time.Millisecond)
		if err := errors.Join(err, signal(syscall.SIGCONT)); err != nil {
			return err
		}
	}
}
