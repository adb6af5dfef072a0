package calibrate

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/trace"
)

// agentEnv makes the test program a load agent, in a process of its own as in a pod.
const agentEnv = "CALIBRATE_AGENT"

func TestMain(m *testing.M) {
	if os.Getenv(agentEnv) != "" {
		if err := loadgen.Serve(context.Background(), "agent", os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// A cell is a rate and a share, with a cohort of its own.
type cell struct {
	rate   int
	share  float64
	broken bool
	// proxies route the requests in turn, as those of so many load agents do, and the canary has so many pods: 0 is 1.
	// The last switch of all comes spread after the first.
	proxies, pods int
	spread        time.Duration
	// write is how long the change is under way to the API server, which accepts it at any moment of it.
	write time.Duration
}

func (c cell) name() string {
	kind := "canary"
	if c.broken {
		kind = "broken"
	}
	return fmt.Sprintf("%s-%d-at-%g-by-%d-pods-%d-over-%d-write-%d", kind, c.rate, 100*c.share, c.proxies, c.pods,
		c.spread.Milliseconds(), c.write.Milliseconds())
}

// row names the row of the table that the cell belongs to.
func (c cell) row() string {
	words := []string{}
	if c.proxies > 1 {
		words = append(words, fmt.Sprintf("%d proxies", c.proxies))
	}
	if c.pods > 1 {
		words = append(words, fmt.Sprintf("%d pods", c.pods))
	}
	if len(words) == 0 {
		words = append(words, "1 switch")
	}
	row := strings.Join(words, ", ")
	if c.spread > 0 {
		row += fmt.Sprintf(" over %s", c.spread)
	}
	if c.write > 0 {
		row += fmt.Sprintf(", write of %s", c.write)
	}
	return row
}

// A recording is a running load and its trace.
type recording struct {
	t     testing.TB
	truth *truth
	plan  loadgen.Plan
	agent *exec.Cmd
	stdin io.WriteCloser
	path  string
	trace *trace.Writer
	begun chan struct{}
	ended chan error
	// spec gets the phases.
	phases []string

	mu     sync.Mutex
	health []loadgen.Health
}

// record starts the agent on cells and returns when it has begun.
func record(t testing.TB, w *truth, cells ...cell) *recording {
	t.Helper()
	r := &recording{
		t: t, truth: w, path: filepath.Join(t.TempDir(), trace.File), begun: make(chan struct{}),
		ended: make(chan error, 1),
		plan:  loadgen.Plan{Run: "calibrate", URL: w.url, Duration: loadgen.MaxDuration, Timeout: 5 * time.Second},
	}
	for _, c := range cells {
		r.plan.Cohorts = append(r.plan.Cohorts, loadgen.Cohort{
			Name: c.name(), Rate: c.rate, Entry: loadgen.Plain, Header: map[string]string{cohortHeader: c.name()},
		})
	}
	var err error
	if r.trace, err = trace.Create(r.path); err != nil {
		t.Fatal(err)
	}
	r.agent = exec.Command(os.Args[0])
	r.agent.Env = append(os.Environ(), agentEnv+"=1")
	r.agent.Stderr = os.Stderr
	if r.stdin, err = r.agent.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := r.agent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.agent.Start(); err != nil {
		t.Fatal(err)
	}
	if err := loadgen.WritePlan(r.stdin, r.plan); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, err := loadgen.Decode(stdout, loadgen.Handler{
			Begin: func(b loadgen.Begin) {
				r.event(trace.Event{At: b.Start, Kind: trace.LoadStart})
				close(r.begun)
			},
			Samples: func(all []loadgen.Sample) {
				for i := range all {
					r.append(trace.Line{Sample: &all[i]})
				}
			},
			Health: func(h loadgen.Health) {
				r.mu.Lock()
				r.health = append(r.health, h)
				r.mu.Unlock()
				r.append(trace.Line{Health: &h})
			},
			End: func(loadgen.End) { _ = r.stdin.Close() },
		})
		r.ended <- err
	}()
	select {
	case <-r.begun:
	case err := <-r.ended:
		t.Fatalf("the agent ended: %v", err)
	}
	return r
}

func (r *recording) append(l trace.Line) {
	if err := r.trace.Append(l); err != nil {
		r.t.Error(err)
	}
}

func (r *recording) event(e trace.Event) time.Time {
	if e.At.IsZero() {
		e.At = time.Now()
	}
	r.append(trace.Line{Event: &e})
	return e.At
}

// phase begins a phase and ends the one before it.
func (r *recording) phase(name string) time.Time {
	at := time.Now()
	r.close(at)
	r.phases = append(r.phases, name)
	return r.event(trace.Event{At: at, Kind: trace.PhaseStart, Phase: name})
}

func (r *recording) close(at time.Time) {
	if n := len(r.phases); n > 0 {
		r.event(trace.Event{At: at, Kind: trace.PhaseEnd, Phase: r.phases[n-1]})
	}
}

// stop ends the load and closes the trace.
func (r *recording) stop() {
	r.t.Helper()
	r.close(time.Now())
	r.event(trace.Event{Kind: trace.LoadStop})
	if _, err := io.WriteString(r.stdin, loadgen.StopLine); err != nil {
		r.t.Fatal(err)
	}
	if err := <-r.ended; err != nil {
		r.t.Fatal(err)
	}
	if err := r.agent.Wait(); err != nil {
		r.t.Fatal(err)
	}
	for _, p := range r.truth.pods() {
		r.append(trace.Line{Pod: &p})
	}
	if err := r.trace.Close(); err != nil {
		r.t.Fatal(err)
	}
}

// analyze reads the trace for a cell's rollbacks, or for all cells if cell is nil.
func (r *recording) analyze(of *cell, back func(phase string) bool) *analysis.Analysis {
	r.t.Helper()
	var src trace.Source = trace.FileSource(r.path)
	plan, cohort := r.plan, ""
	if of != nil {
		cohort = of.name()
		src = cohortSource{src, *of}
		// Several agents send together what one does.
		plan.Agents = of.proxies
		plan.Cohorts = slices.DeleteFunc(slices.Clone(plan.Cohorts), func(c loadgen.Cohort) bool {
			return c.Name != cohort
		})
	}
	spec := analysis.Spec{Plan: plan}
	for _, p := range r.phases {
		spec.Phases = append(spec.Phases, analysis.PhaseSpec{Name: p, Rollback: back(p), Canary: "v2", Cohort: cohort})
	}
	a, err := analysis.Analyze(src, spec)
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

// A cohortSource leaves other cells' samples out, and has writes take as long as the cell's.
type cohortSource struct {
	trace.Source
	cell cell
}

func (s cohortSource) Lines(facts bool, yield func(*trace.Line) error) (bool, error) {
	return s.Source.Lines(facts, func(l *trace.Line) error {
		if l.Sample != nil && l.Sample.Cohort != s.cell.name() || l.Pod != nil {
			return nil
		}
		if l.Event != nil && l.Event.Kind == trace.Written {
			e := *l.Event
			e.At = e.At.Add(s.cell.write)
			l = &trace.Line{Event: &e}
		}
		return yield(l)
	})
}
