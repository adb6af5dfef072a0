package realmesh

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"
	"testing/fstest"
	"time"

	"github.com/prometheus/procfs"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
)

// long makes TestLongRun last so long: go test ./harness/realmesh -run TestLongRun -v -count=1 -timeout=2h -long=1h.
var long = flag.Duration("long", 0, "how long TestLongRun lasts, 0 for not at all")

// A memory is what the processes of a run hold, in bytes: this one, which is the lab, and the load agents. files is how
// many files the agents have open, nearly all of them connections.
type memory struct{ heap, lab, agents, files uint64 }

// perConnection is more than a connection takes of an agent, in bytes: its buffers and goroutines, and Vegeta's worker.
const perConnection = 50_000

func (m memory) String() string {
	return fmt.Sprintf("lab: heap %.1f MB, resident %.1f MB; load agent: resident %.1f MB, %d open files",
		float64(m.heap)/1e6, float64(m.lab)/1e6, float64(m.agents)/1e6, m.files)
}

// memoryNow measures what is left after a collection.
func memoryNow() (m memory, err error) {
	debug.FreeOSMemory()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	m.heap = s.HeapAlloc
	all, err := procfs.AllProcs()
	if err != nil {
		return m, fmt.Errorf("list the processes: %w", err)
	}
	for _, p := range all {
		command, err := p.CmdLine()
		agent := err == nil && len(command) > 1 && filepath.Base(command[0]) == "loadgen" && command[1] == "attack"
		if !agent && p.PID != os.Getpid() {
			continue
		}
		stat, err := p.Stat()
		if err != nil {
			return m, fmt.Errorf("read the memory of process %d: %w", p.PID, err)
		}
		if agent {
			m.agents += uint64(stat.ResidentMemory())
			files, err := p.FileDescriptorsLen()
			if err != nil {
				return m, fmt.Errorf("count the open files of process %d: %w", p.PID, err)
			}
			m.files += uint64(files)
		} else {
			m.lab += uint64(stat.ResidentMemory())
		}
	}
	return m, nil
}

// A run of hours at 500 requests a second, watched by a gate and then by a sequential test that never decide, ends with
// the memory of its first minutes, and with books that balance.
func TestLongRun(t *testing.T) {
	if *long == 0 {
		t.Skip("it takes long: say how long with -long=1h")
	}
	const settles = 5 // minutes
	if *long < 2*settles*time.Minute || *long > loadgen.MaxDuration-settles*time.Minute {
		t.Fatalf("-long=%s: want %d minutes to a little less than %s", *long, 2*settles, loadgen.MaxDuration)
	}
	ctx := t.Context()
	theLab.Open(ctx, t)
	var all []memory
	d := disturb("phase 2 of 3", func() error {
		tick := time.NewTicker(time.Minute)
		defer tick.Stop()
		for time.Duration(len(all)) < *long/time.Minute-1 {
			<-tick.C
			m, err := memoryNow()
			if err != nil {
				return err
			}
			all = append(all, m)
			fmt.Fprintf(os.Stderr, "minute %d: %s\n", len(all), m)
		}
		return nil
	})
	s := undecided(t, *long)
	rep, err := theLab.Play(ctx, t, s, harness.Options{Progress: d, Rate: s.Rate()})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-d.done; err != nil {
		t.Fatal(err)
	}
	if rep.Outcome != reports.Inconclusive && !rep.Void() || !rep.Accounting.Balanced() {
		t.Errorf("got %s and %q, want no decision and books that balance", rep.Outcome, rep.Accounting.Problems)
	}
	t.Logf("%d requests; after %d minutes %s; at the end %s", rep.Accounting.Requests, settles, all[settles-1],
		all[len(all)-1])
	// An agent keeps each connection that it once needed: the machine's longest standstill says how many.
	files := func(m memory) uint64 { return m.files }
	kept := max(files(all[len(all)-1]), early(all[:settles], files)) - early(all[:settles], files)
	for _, m := range []struct {
		name string
		of   func(memory) uint64
		more uint64
	}{
		{"heap of the lab", func(m memory) uint64 { return m.heap }, 0},
		{"resident memory of the lab", func(m memory) uint64 { return m.lab }, 0},
		{"memory of the load agents", func(m memory) uint64 { return m.agents }, kept * perConnection},
	} {
		// A fifth is for where a process is between two of its collections.
		most, end := early(all[:settles], m.of), m.of(all[len(all)-1])
		if end > most*6/5+m.more || end == 0 {
			t.Errorf("%s: got %d bytes at the end, want the %d of the first %d minutes and %d for connections", m.name,
				end, most, settles, m.more)
		}
	}
}

// early is the most of some minutes.
func early(minutes []memory, of func(memory) uint64) uint64 {
	most := uint64(0)
	for _, m := range minutes {
		most = max(most, of(m))
	}
	return most
}

// undecided is a story in which two detectors watch a good canary for d together.
func undecided(t *testing.T, d time.Duration) harness.Scenario {
	t.Helper()
	const ns = "long-run"
	// The sequential test never finds a good canary good, and so many results in a row do not come.
	gate := harness.Gate{Checks: []harness.Check{harness.FailedShare("v2", 5)}, Bad: 1 << 20, Good: 1 << 20}
	promoted := []expect.Expectation{expect.Promoted()}
	route := `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: my-service, namespace: long-run}
spec:
  hosts: [my-service]
  http:
  - route:
    - {destination: {host: my-service, subset: v1}, weight: 50}
    - {destination: {host: my-service, subset: v2}, weight: 50}
`
	return harness.Scenario{
		Name: ns, Title: "Nobody decides", Canary: "v2",
		Files: fstest.MapFS{
			ns + "/1-baseline.yaml": {Data: baseline(t, ns)}, ns + "/2-half.yaml": {Data: []byte(route)},
		},
		Load: loadgen.Plan{URL: "http://my-service/", Cohorts: []loadgen.Cohort{{Name: "everyone", Rate: 500}}},
		Phases: []harness.Phase{
			{Name: "baseline", Do: harness.Apply("1-baseline.yaml"), Expect: []expect.Expectation{
				expect.Share("v1", 100),
			}},
			{Name: "gate", Do: harness.Apply("2-half.yaml"), Until: gate, Expect: promoted, Deadline: d / 2},
			{
				Name: "sequential test", Until: harness.SequentialTest{Good: 1, Bad: 10}, Expect: promoted,
				Deadline: d / 2,
			},
		},
	}
}
