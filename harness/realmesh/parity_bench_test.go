package realmesh

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/harness/lab/labtest"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/scenarios"
)

// A column is what one kind of cluster showed.
type column struct {
	name string
	rep  *reports.Report
	// memory in bytes of the cluster with Istio before the run, 0 where it is another column's.
	memory uint64
}

// BenchmarkParity plays one scenario (PARITY, or label-mismatch) on every kind of cluster that can be had here,
// and on each once more as on a borrowed one: it prints side by side what is the same and what is not. It
// compares, and judges nothing.
func BenchmarkParity(b *testing.B) {
	s, err := scenarios.Find(cmp.Or(os.Getenv("PARITY"), "label-mismatch"))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		var columns []column
		for _, kind := range []string{"embedded", "kind"} {
			columns = append(columns, parityOf(b, s, lab.Options{Cluster: kind, Name: "parity"})...)
		}
		printParity(s, columns)
	}
	b.ReportMetric(0, "ns/op") // how long it all took says nothing
}

// parityOf makes the columns of one kind of cluster: as its owner, and as its borrower. There are none where it
// can't be had.
func parityOf(b *testing.B, s harness.Scenario, o lab.Options) []column {
	host := labtest.Opener{Options: func() lab.Options { return o }}
	l, err := host.Try(b.Context())
	if errors.Is(err, lab.ErrUnavailable) {
		fmt.Printf("no column for %s: %v\n", o.Cluster, err)
		return nil
	}
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := host.Close(); err != nil {
			b.Error(err)
		}
	}()
	play := func(who *labtest.Opener) *reports.Report {
		rep, err := who.Steady(b.Context(), b, s, harness.Options{Rate: s.Rate()})
		if err != nil {
			b.Fatal(err)
		}
		return rep
	}
	memory := labtest.Memory(b, o)
	own := column{o.Cluster, play(&host), memory}
	options, end := labtest.Lend(b, l)
	defer end()
	borrowed := labtest.Opener{Options: func() lab.Options { return options }}
	theirs := column{"existing, on " + o.Cluster, play(&borrowed), 0}
	if err := lab.Down(b.Context(), options, false); err != nil {
		b.Error(err)
	}
	return []column{own, theirs}
}

// A parityTable has a line for each fact, in the order in which facts were first told, and a cell for each column.
type parityTable struct {
	names []string
	lines []string
	cells map[string][]string
}

func (t *parityTable) add(column int, line, format string, args ...any) {
	if _, ok := t.cells[line]; !ok {
		t.lines = append(t.lines, line)
		t.cells[line] = make([]string, len(t.names))
	}
	t.cells[line][column] = fmt.Sprintf(format, args...)
}

func printParity(s harness.Scenario, columns []column) {
	t := parityTable{cells: map[string][]string{}}
	for _, c := range columns {
		t.names = append(t.names, c.name)
	}
	for i, c := range columns {
		t.add(i, "outcome", "%s", c.rep.Outcome)
		t.add(i, "Kubernetes", "%s", c.rep.Setup.Kubernetes)
		for _, step := range c.rep.BringUp {
			t.add(i, "up: "+step.Name, "%.1f s", step.Took.Seconds())
		}
		if c.memory > 0 {
			t.add(i, "memory with Istio, idle", "%.0f MB", float64(c.memory)/1e6)
		}
		for _, p := range c.rep.Phases {
			w := p.Observation.Settled.Total
			for _, version := range slices.Sorted(maps.Keys(w.Shares)) {
				share := w.Shares[version]
				t.add(i, p.Name+": "+cmp.Or(version, "no version"), "%.1f %% (%.1f - %.1f) of %d", share.Percent,
					share.Low, share.High, share.Of)
			}
			for _, flag := range slices.Sorted(maps.Keys(w.Flags)) {
				t.add(i, p.Name+": "+flag, "%d", w.Flags[flag])
			}
			if l, ok := w.Latency["v1"]; ok {
				t.add(i, p.Name+": v1 p50, p99", "%s, %s", inMs(l.P50), inMs(l.P99))
			}
			if change := p.Observation.Change; change != nil && change.Proxies > 0 {
				t.add(i, p.Name+": held by the last proxy", "%s", inMs(change.LastSynced))
			}
			if r := p.Observation.Rollback; r != nil {
				t.add(i, p.Name+": last affected, bracket", "%s (%s - %s)", inMs(r.Route), inMs(r.Low), inMs(r.High))
				t.add(i, p.Name+": failed requests", "%d", r.Failed)
			}
		}
		t.add(i, "requests, unexplained", "%d, %d", c.rep.Accounting.Requests, c.rep.Accounting.UnexplainedTotal)
		for _, p := range c.rep.Accounting.Pace {
			t.add(i, "sent late at p99: "+p.Cohort, "%s", inMs(p.LagP99))
		}
		t.add(i, "load agent's processors", "%.0f %%", 100*c.rep.Accounting.Generator.CPU)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\n%s: %s\n\n", s.Name, s.Title)
	fmt.Fprintf(w, "\t%s\n", strings.Join(t.names, "\t"))
	for _, line := range t.lines {
		fmt.Fprintf(w, "%s\t%s\n", line, strings.Join(t.cells[line], "\t"))
	}
	_ = w.Flush()
}

func inMs(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}
