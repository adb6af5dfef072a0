package harness_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/judge"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/training"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/trace"
)

const tale = "tale-of-labels"

// mission is one on the mesh in memory: v2 has half of the requests, until a tenth fails.
func mission() training.Mission {
	s := harness.FakeStory(tale)
	s.Cause, s.Fix, s.Source, s.See, s.Back = "A label.", "Another label.", "a file", []string{"kubectl"}, "a route"
	s.Phases = append(s.Phases, harness.Phase{
		Name: "broken", Do: harness.Apply("3-broken.yaml"), Breaks: true,
		Expect: []expect.Expectation{expect.Flag(503, "UH", 10)},
	})
	return training.Mission{
		Story: s, Well: "half", Broken: "broken",
		Diagnosis: training.Diagnosis{
			Hops: []analysis.Hop{analysis.ClientHop}, Causes: []training.Cause{training.LabelsMatchNoPod},
		},
		Hints: training.Hints{"there", "that", "kubectl get"},
	}
}

// A fakeSpace is the namespace on the mesh in memory.
type fakeSpace struct {
	mesh   *harness.FakeMesh
	writes chan environment.Write

	mu       sync.Mutex
	restored int
	troubles []string
}

func (s *fakeSpace) Watch(ctx context.Context, _ string, sink func(environment.Write)) error {
	for {
		select {
		case w := <-s.writes:
			sink(w)
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *fakeSpace) Restore(ctx context.Context, _ string, want, _ []environment.Object) error {
	s.mu.Lock()
	s.restored++
	s.mu.Unlock()
	return s.mesh.Apply(ctx, want)
}

func (s *fakeSpace) Analyze(context.Context, string) ([]environment.Finding, error) {
	return []environment.Finding{{Code: "IST0173", Text: "a subset without pods"}}, nil
}

func (s *fakeSpace) Troubles(context.Context, string) ([]string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.troubles, false
}

// A course is a mission under way on the mesh in memory.
type course struct {
	t       *testing.T
	mesh    *harness.FakeMesh
	space   *fakeSpace
	trainer *training.Trainer
	dir     string

	mu     sync.Mutex
	events []training.Event
	runs   int
}

func newCourse(t *testing.T, o training.Options) *course {
	f := harness.NewFakeMesh()
	c := &course{t: t, mesh: f, dir: t.TempDir(), space: &fakeSpace{mesh: f, writes: make(chan environment.Write, 10)}}
	c.trainer = &training.Trainer{Mission: mission(), Space: c.space, Options: o, Told: c.told, Play: c.play}
	return c
}

func (c *course) told(e training.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = append(c.events, e)
}

func (c *course) play(ctx context.Context, s harness.Scenario, o harness.Options) (*reports.Report, error) {
	c.mu.Lock()
	c.runs++
	o.Dir, o.ID = c.folder(), "id"
	c.mu.Unlock()
	return harness.Run(ctx, c.mesh.Env(), s, o)
}

// folder is that of the last run.
func (c *course) folder() string { return filepath.Join(c.dir, fmt.Sprint(c.runs)) }

// until waits for something that happens.
func (c *course) until(what string, fact func(training.Event) bool) {
	c.t.Helper()
	for range 10 * 60 * 20 {
		c.mu.Lock()
		is := slices.ContainsFunc(c.events, fact)
		c.mu.Unlock()
		if is {
			return
		}
		time.Sleep(100 * time.Millisecond) // of the simulated time
	}
	c.t.Fatalf("it never was %s: %+v", what, c.events)
}

// verdict waits for a verdict, and forgets what was before.
func (c *course) verdict(v training.Verdict) {
	c.t.Helper()
	c.until(string(v), func(e training.Event) bool { return e.State != nil && e.State.Verdict == v })
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = nil
}

// write is what a learner does.
func (c *course) write(route string) {
	c.t.Helper()
	ns := cmp.Or(c.trainer.Options.Namespace, training.Namespace)
	objects, err := kube.Objects([]byte(harness.FakeRoute(ns, route)))
	if err == nil {
		err = c.mesh.Apply(c.t.Context(), objects)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.space.writes <- environment.Write{
		At: time.Now(), Verb: "changed", Object: "VirtualService/my-service", By: "kubectl-edit", What: []string{route},
	}
}

func (c *course) ask(do string) training.Reply {
	return c.trainer.Handle(c.t.Context(), training.Request{Do: do})
}

// ended is how a mission ended.
type ended struct {
	explanation training.Explanation
	report      *reports.Report
	err         error
}

// run begins the mission. What it returns has one value when the mission is over.
func (c *course) run() <-chan ended {
	done := make(chan ended, 1)
	go func() {
		e, rep, err := c.trainer.Run(c.t.Context())
		done <- ended{e, rep, err}
	}()
	return done
}

// events are those of the last run's trace, of one kind.
func (c *course) traced(kind trace.Kind) (all []trace.Event) {
	c.t.Helper()
	record, err := trace.Load(filepath.Join(c.folder(), trace.File))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, e := range record.Events {
		if e.Kind == kind {
			all = append(all, e)
		}
	}
	return all
}

// A mission goes from well to broken, safe and mended, and everything of it is in trace and report.
func TestAMissionIsMended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourse(t, training.Options{Seed: 7})
		done := c.run()
		c.verdict(training.Healthy)
		if r := c.ask(training.DoHint); r.Error == "" {
			t.Errorf("got a hint before anything is broken: %q", r.Text)
		}
		c.verdict(training.Broken)
		time.Sleep(5 * time.Second) // of the simulated time: it is to be broken for some whole seconds
		c.write("v1")
		c.verdict(training.Safe)
		if r := c.ask(training.DoHint); r.Hint == nil || r.Hint.Text != "there" {
			t.Errorf("got %+v, want the first hint", r)
		}
		if r := c.ask(training.DoStatus); strings.Contains(fmt.Sprintf("%+v", r), tale) {
			t.Errorf("the status tells the mission: %+v", r)
		}
		if r := c.ask(training.DoExplain); strings.Contains(fmt.Sprintf("%+v", r), tale) {
			t.Errorf("the explanation tells the mission before its end: %+v", r)
		}
		c.write("half")
		end := <-done
		if end.err != nil || end.report.Outcome != reports.Pass {
			t.Fatalf("got %v and %+v, want a run that passes", end.err, end.report)
		}
		r := end.explanation.Standing.Result
		if !r.Mended || r.ToSafe <= 0 || r.ToMended < r.ToSafe || r.Burned < 100 || r.Price != 30*time.Second ||
			r.Mission != tale || r.Seed != 7 {
			t.Errorf("got %+v, want it mended, with both clocks and the price of one hint", r)
		}
		text := end.explanation.String()
		for _, want := range []string{
			"changed VirtualService/my-service (v1), by kubectl-edit", "before:     10.0 % 503 UH",
			"no failure, 100 % v1 (safe)", "It was " + tale, "IST0173", "A label.", "a hint (where",
			"canarylab train diagnose client-proxy UH labels",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("the explanation lacks %q:\n%s", want, text)
			}
		}
		checkTrace(t, c)
	})
}

// checkTrace holds the trace of a mission that was mended: it makes the report again, and tells the mission only at its
// end.
func checkTrace(t *testing.T, c *course) {
	t.Helper()
	if v, err := judge.Verify(c.folder(), ""); err != nil || !v.Same() {
		t.Errorf("made again from the trace: got %+v, %v, want the same", v, err)
	}
	if n := len(c.traced(trace.Wrote)); n != 2 {
		t.Errorf("got %d writes in the trace, want 2", n)
	}
	if n := len(c.traced(trace.Learned)); n != 1 {
		t.Errorf("got %d orders in the trace, want the hint", n)
	}
	drafts := c.traced(trace.Draft)
	for i, d := range drafts {
		if told := strings.Contains(string(d.Data), tale); told != (i == len(drafts)-1) {
			t.Errorf("draft %d of %d: got the mission's name in it %t", i+1, len(drafts), told)
		}
	}
	rep, err := reports.Load(c.folder())
	if err != nil || rep.Cause != "A label." || !rep.Phases[1].Breaks {
		t.Errorf("got report %+v, %v, want the story's words", rep, err)
	}
}

// Time runs out for whoever does nothing, and the run does not pass.
func TestAMissionThatNobodyMends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourse(t, training.Options{Bound: 2 * time.Minute})
		end := <-c.run()
		r := end.explanation.Standing.Result
		if end.err != nil || r.Mended || r.ToSafe != 0 || r.ToMended != 0 || end.report.Outcome != reports.Fail {
			t.Errorf("got %v, %+v and outcome %s, want it not mended", end.err, r, end.report.Outcome)
		}
		if !strings.Contains(r.Text, "time is up") {
			t.Errorf("got %q, want that time is up", r.Text)
		}
	})
}

// A reset brings the broken state back, and giving up ends it.
func TestResetAndGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourse(t, training.Options{})
		done := c.run()
		c.verdict(training.Healthy)
		if r := c.ask(training.DoReset); r.Error == "" {
			t.Errorf("got a reset before anything is broken: %q", r.Text)
		}
		c.verdict(training.Broken)
		c.write("v2")
		c.verdict(training.Safe)
		began := time.Now()
		if r := c.ask(training.DoReset); r.Error != "" || r.Standing.State.Verdict != training.Broken {
			t.Errorf("got %+v, want it broken again", r)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("the reset took %s, want 10 s at most", took)
		}
		if r := c.ask("nonsense"); !strings.Contains(r.Error, "give-up") {
			t.Errorf("got %+v, want an error that lists what can be asked", r)
		}
		c.ask(training.DoGiveUp)
		end := <-done
		if end.err != nil || end.explanation.Standing.Result.Mended || end.explanation.Story == nil {
			t.Errorf("got %v, %+v, want it not mended, and the story told", end.err, end.explanation.Standing.Result)
		}
	})
}

// A mission that is to be diagnosed is over when it is both.
func TestDiagnosisIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourse(t, training.Options{Diagnose: true})
		done := c.run()
		c.verdict(training.Broken)
		c.write("half")
		c.verdict(training.Mended)
		time.Sleep(10 * time.Second)
		guess := func(hop, flag string, cause training.Cause) training.Reply {
			return c.trainer.Handle(t.Context(), training.Request{
				Do: training.DoDiagnose, Guess: training.Guess{Hop: hop, Flag: flag, Cause: cause},
			})
		}
		if r := guess("moon", "UH", training.LabelsMatchNoPod); !strings.Contains(r.Error, "client-proxy") {
			t.Errorf("got %+v, want an error that lists the hops", r)
		}
		if r := guess("app", "UH", training.Overload); r.Marking == nil || r.Marking.Hop || !r.Marking.Flag ||
			r.Marking.Cause {
			t.Errorf("got %+v, want only the flag right", r)
		}
		select {
		case <-done:
			t.Fatal("it was over before it was diagnosed")
		default:
		}
		if r := guess("client-proxy", "uh", training.LabelsMatchNoPod); r.Marking == nil || !r.Marking.Right() {
			t.Errorf("got %+v, want it right", r)
		}
		end := <-done
		r := end.explanation.Standing.Result
		if !r.Mended || !r.Diagnosed || r.Guesses != 2 || r.Price != 30*time.Second {
			t.Errorf("got %+v, want it mended and diagnosed by the second guess, for 30 s", r)
		}
	})
}

// Whoever takes the load away is told so, and a reset plays the mission again.
func TestALabThatIsBrokenIsPlayedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourse(t, training.Options{})
		c.mesh.LoseLoad(40 * time.Second)
		c.space.troubles = []string{"Namespace shop was deleted, and with it those who send the load."}
		done := c.run()
		c.until("stopped", func(e training.Event) bool { return e.Event == "stopped" })
		if r := c.ask(training.DoStatus); !strings.Contains(r.Error, "was deleted") ||
			!strings.Contains(r.Error, "train reset") {
			t.Errorf("got %+v, want what is gone, and what to do", r)
		}
		c.mesh.LoseLoad(0)
		c.mu.Lock()
		c.events = nil
		c.mu.Unlock()
		if r := c.ask(training.DoReset); r.Error != "" {
			t.Errorf("got %+v, want it played again", r)
		}
		c.verdict(training.Broken)
		c.write("half")
		end := <-done
		if !end.explanation.Standing.Result.Mended || c.runs != 2 {
			t.Errorf("got %+v in %d runs, want it mended in the second", end.explanation.Standing.Result, c.runs)
		}
	})
}

// Whatever a learner does to proxies and pods is no trouble of the lab's: the phase goes on, and is judged.
func TestALearnerIsNoTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourse(t, training.Options{})
		c.mesh.StickAwait(3) // 1 is the deployment's, 2 the twin's
		done := c.run()
		c.verdict(training.Broken)
		c.mesh.TakePod("stray")
		time.Sleep(2 * time.Minute) // longer than a change may take to settle
		c.write("half")
		end := <-done
		if end.err != nil || !end.explanation.Standing.Result.Mended {
			t.Errorf("got %v, %+v, want it mended", end.err, end.explanation.Standing.Result)
		}
		if all := c.traced(trace.Trouble); len(all) > 0 {
			t.Errorf("got troubles %+v, want none", all)
		}
	})
}

// Whoever ends the program ends the mission, with what was seen by then.
func TestAMissionIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCourse(t, training.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, _, err := c.trainer.Run(ctx)
			done <- err
		}()
		c.verdict(training.Broken)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want what interrupted it", err)
		}
	})
}
