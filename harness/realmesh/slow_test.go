package realmesh

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"

	"golang.org/x/sys/unix"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/scenarios"
)

// slow has TestSlowMachine play: make slow-machine.
var slow = flag.String("slow", "", "TestSlowMachine plays with a busy loop on each processor (half), or on one (one)")

// slowRounds is how often each story is played.
const slowRounds = 3

// On a slow machine no verdict is void: with a busy loop on each processor, at the lab's own priority, the core passes
// three times in a row; on one processor two stories do. For the latter the whole test has to run on one, the cluster
// too, as taskset has it.
func TestSlowMachine(t *testing.T) {
	ctx := t.Context()
	var stories []harness.Scenario
	switch *slow {
	case "":
		t.Skip("it takes long, and takes the machine: make slow-machine")
	case "half":
		core, err := scenarios.Labeled(harness.Core)
		if err != nil {
			t.Fatal(err)
		}
		stories = core
	case "one":
		if n := len(processors(t)); n != 1 {
			t.Fatalf("this process may use %d processors: run it by taskset -c 0", n)
		}
		for _, name := range []string{"label-mismatch", "weighted-rollout"} {
			s, err := scenarios.Find(name)
			if err != nil {
				t.Fatal(err)
			}
			stories = append(stories, s)
		}
	default:
		t.Fatalf("-slow=%s: want half or one", *slow)
	}
	theLab.Open(ctx, t) // what is built is not to wait for the loops
	if *slow == "half" {
		for _, cpu := range processors(t) {
			busyLoop(t, cpu)
		}
	}
	var played []playedSlowly
	defer func() { printSlowly(os.Stderr, played) }()
	for round := range slowRounds {
		for _, s := range stories {
			rep, err := theLab.Play(ctx, t, s, harness.Options{})
			if err != nil {
				t.Fatalf("%s, round %d: %v", s.Name, round+1, err)
			}
			played = append(played, playedSlowly{round + 1, rep})
			for _, p := range rep.Phases {
				for _, v := range p.Verdicts {
					if v.Outcome != reports.Pass {
						t.Errorf("%s, round %d, phase %s: %s: %s: %s", s.Name, round+1, p.Name, v.Outcome, v.Want,
							v.Why)
					}
				}
			}
			if rep.Outcome != reports.Pass {
				t.Errorf("%s, round %d: %s: %s", s.Name, round+1, rep.Outcome, reports.Sentence(rep))
			}
		}
	}
}

// processors are those that this process may use.
func processors(t *testing.T) (all []int) {
	t.Helper()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Fatalf("ask which processors there are: %v", err)
	}
	for cpu := 0; len(all) < set.Count(); cpu++ {
		if set.IsSet(cpu) {
			all = append(all, cpu)
		}
	}
	return all
}

// busyLoop keeps a processor busy until the test ends. The loop ends by itself when the test's process is gone, however
// that ended: it looks now and then.
func busyLoop(t *testing.T, cpu int) {
	t.Helper()
	const loop = `while kill -0 "$1" 2>/dev/null; do i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; done`
	ctx, cancel := context.WithCancel(context.Background())
	pid := strconv.Itoa(os.Getpid())
	c := exec.CommandContext(ctx, "taskset", "-c", strconv.Itoa(cpu), "sh", "-c", loop, "busy", pid)
	if err := c.Start(); err != nil {
		cancel()
		t.Fatalf("begin a busy loop on processor %d: %v", cpu, err)
	}
	t.Cleanup(func() {
		cancel() // which kills it: taskset has become the shell
		_ = c.Wait()
	})
}

// A playedSlowly is a run on a slow machine.
type playedSlowly struct {
	round int
	*reports.Report
}

// printSlowly prints a table of the runs, and how many were void.
func printSlowly(w io.Writer, played []playedSlowly) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nround\tscenario\toutcome\trate\tof\tvoid\tlag p99\ttook\tproblems")
	void := 0
	for _, p := range played {
		verdicts := 0
		for _, phase := range p.Phases {
			for _, v := range phase.Verdicts {
				if len(v.Void) > 0 {
					verdicts++
				}
			}
		}
		if verdicts > 0 {
			void++
		}
		lag := ""
		for _, pace := range p.Accounting.Pace {
			lag = strings.TrimSpace(lag + " " + format.Short(pace.LagP99))
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%d\t%d\t%d\t%s\t%s\t%s\n", p.round, p.Scenario, p.Outcome, p.Rate.Played,
			p.Rate.Own, verdicts, lag, format.Short(p.Took), p.Accounting.ProblemText())
	}
	_ = table.Flush()
	fmt.Fprintf(w, "%d runs, %d with void verdicts\n", len(played), void)
}
