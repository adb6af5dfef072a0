package calibrate

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
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
	// copy distinguishes equal cells.
	copy int
}

func (c cell) name() string {
	kind := "canary"
	if c.broken {
		kind = "broken"
	}
	return fmt.Sprintf("%s-%d-at-%g-no-%d", kind, c.rate, 100*c.share, c.copy)
}

// A recording is a running load and its trace.
type recording struct {
	t     testing.TB
	truth *truth
	plan  loadgen.Plan
	agent *exec.Cmd
	stdin io.WriteCloser
	path  string
	trace *reports.Writer
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
		t: t, truth: w, path: filepath.Join(t.TempDir(), reports.TraceFile), begun: make(chan struct{}),
		ended: make(chan error, 1),
		plan:  loadgen.Plan{Run: "calibrate", URL: w.url, Duration: loadgen.MaxDuration, Timeout: 5 * time.Second},
	}
	for _, c := range cells {
		r.plan.Cohorts = append(r.plan.Cohorts, loadgen.Cohort{
			Name: c.name(), Rate: c.rate, Entry: loadgen.Plain, Header: map[string]string{cohortHeader: c.name()},
		})
	}
	var err error
	if r.trace, err = reports.CreateTrace(r.path); err != nil {
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
				r.event(reports.Event{At: b.Start, Kind: reports.LoadStart})
				close(r.begun)
			},
			Samples: func(all []loadgen.Sample) {
				for i := range all {
					r.append(reports.Line{Sample: &all[i]})
				}
			},
			Health: func(h loadgen.Health) {
				r.mu.Lock()
				r.health = append(r.health, h)
				r.mu.Unlock()
				r.append(reports.Line{Health: &h})
			},
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

func (r *recording) append(l reports.Line) {
	if err := r.trace.Append(l); err != nil {
		r.t.Error(err)
	}
}

func (r *recording) event(e reports.Event) time.Time {
	if e.At.IsZero() {
		e.At = time.Now()
	}
	r.append(reports.Line{Event: &e})
	return e.At
}

// phase begins a phase and ends the one before it.
func (r *recording) phase(name string) time.Time {
	at := time.Now()
	r.close(at)
	r.phases = append(r.phases, name)
	return r.event(reports.Event{At: at, Kind: reports.PhaseStart, Phase: name})
}

func (r *recording) close(at time.Time) {
	if n := len(r.phases); n > 0 {
		r.event(reports.Event{At: at, Kind: reports.PhaseEnd, Phase: r.phases[n-1]})
	}
}

// stop ends the load and closes the trace.
func (r *recording) stop() {
	r.t.Helper()
	r.close(time.Now())
	r.event(reports.Event{Kind: reports.LoadStop})
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
		r.append(reports.Line{Pod: &p})
	}
	if err := r.trace.Close(); err != nil {
		r.t.Fatal(err)
	}
}

// analyze reads the trace for a cohort's rollbacks, or for all cohorts if cohort is empty.
func (r *recording) analyze(cohort string, back func(phase string) bool) *reports.Analysis {
	r.t.Helper()
	var src reports.Source = reports.FileSource(r.path)
	plan := r.plan
	if cohort != "" {
		src = cohortSource{src, cohort}
		plan.Cohorts = slices.DeleteFunc(slices.Clone(plan.Cohorts), func(c loadgen.Cohort) bool {
			return c.Name != cohort
		})
	}
	spec := reports.Spec{Plan: plan}
	for _, p := range r.phases {
		spec.Phases = append(spec.Phases, reports.PhaseSpec{Name: p, Rollback: back(p), Canary: "v2", Cohort: cohort})
	}
	a, err := reports.Analyze(src, spec)
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

// A cohortSource leaves other cohorts' samples out.
type cohortSource struct {
	reports.Source
	cohort string
}

func (s cohortSource) Lines(facts bool, yield func(*reports.Line) error) (bool, error) {
	return s.Source.Lines(facts, func(l *reports.Line) error {
		if l.Sample != nil && l.Sample.Cohort != s.cohort || l.Pod != nil {
			return nil
		}
		return yield(l)
	})
}
