package harness

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/judge"
	"github.com/canarylab/canarylab/harness/mesh"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/schema"
	"github.com/canarylab/canarylab/reports/trace"
)

// playFake plays s on f, in a time of its own: a run of minutes takes milliseconds. Whatever the run comes to,
// its report keeps to the schema, and is what its trace makes once more.
func playFake(t *testing.T, ctx context.Context, f *fakeMesh, s Scenario) (*reports.Report, string, error) {
	t.Helper()
	return playWith(t, ctx, f, s, Options{})
}

// playPaced is playFake of a run that pace leads.
func playPaced(t *testing.T, ctx context.Context, f *fakeMesh, s Scenario, pace Pace) (*reports.Report, string, error) {
	t.Helper()
	return playWith(t, ctx, f, s, Options{Pace: pace})
}

// playFakeAt is playFake with a rate, 0 for what the mesh carries.
func playFakeAt(
	t *testing.T, ctx context.Context, f *fakeMesh, s Scenario, rate int,
) (*reports.Report, string, error) {
	t.Helper()
	return playWith(t, ctx, f, s, Options{Rate: rate})
}

func playWith(t *testing.T, ctx context.Context, f *fakeMesh, s Scenario, o Options) (*reports.Report, string, error) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	o.Dir, o.ID, o.Setup = dir, "id", reports.Setup{Provider: "fake"}
	rep, err := Run(ctx, f.env(), s, o)
	if b, readErr := os.ReadFile(filepath.Join(dir, reports.ReportFile)); readErr == nil {
		if err := schema.Check(b); err != nil {
			t.Error(err)
		}
		if v, err := judge.Verify(dir, ""); err != nil || !v.Same() {
			t.Errorf("made again from the trace: got %+v, %v, want the same", v, err)
		}
	}
	return rep, dir, err
}

// kinds are a trace's events, but for those of proxies.
func kinds(t *testing.T, dir string) []string {
	t.Helper()
	record, err := trace.Load(filepath.Join(dir, trace.File))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range record.Events {
		all = append(all, strings.TrimSpace(e.Phase+" "+string(e.Kind)))
	}
	return all
}

func TestRunPlaysPhasesUnderOneLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeMesh()
		rep, dir, err := playFake(t, t.Context(), f, story())
		if err != nil {
			t.Fatal(err)
		}
		if rep.Outcome != reports.Pass {
			t.Errorf("got outcome %s, want pass: %+v %q", rep.Outcome, verdicts(rep), rep.Accounting.Problems)
		}
		want := []string{
			"owner story",
			"apply Namespace/story",
			"apply Service/canarylab-accesslog Deployment/canarylab-accesslog EnvoyFilter/canarylab-access-log",
			"apply Namespace/story VirtualService/my-service DestinationRule/my-service Deployment/my-service-v1 " +
				"Deployment/my-service-v2",
			"apply Deployment/load-client",
			"ready story", "warm-up", "warm-up ended", "attack",
			"apply VirtualService/my-service", "pods v2",
			"apply VirtualService/my-service", // the rollback: nothing but the route
			"attack ended", "remove story",
		}
		if got := f.order(want); !slices.Equal(got, want) {
			t.Errorf("got calls\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		wantKinds := []string{
			"draft", "note", "draft", // Envoy's version is learned during the warm-up
			"load-start",
			"baseline phase-start", "baseline settled", "baseline phase-end",
			"half phase-start", "half writing", "half written", "half held", "half settled",
			"half proof", "half phase-end",
			"rollback phase-start", "rollback writing", "rollback written", "rollback held", "rollback settled",
			"rollback phase-end",
			"load-stop", "run-end",
		}
		if got := kinds(t, dir); !slices.Equal(got, wantKinds) {
			t.Errorf("got events\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(wantKinds, "\n"))
		}
		for _, p := range rep.Phases[1:] {
			if c := p.Observation.Change; c.AcceptedAfter.Before(c.Writing) || c.AcceptedAfter.After(c.Written) {
				t.Errorf("%s: got accepted after %s, want a moment from %s to %s", p.Name, c.AcceptedAfter, c.Writing,
					c.Written)
			}
		}
		saved, err := reports.Load(dir)
		if err != nil || saved.Outcome != reports.Pass || saved.Setup.Envoy != "1.40.0" ||
			saved.Setup.Load.Run != "id" {
			t.Errorf("got saved report %+v, %v, want the same as returned", saved, err)
		}
		// The counter of v1 began at 7 and counted the warm-up too: neither is the run's.
		if got, want := int(rep.Accounting.Received["v1"]), rep.Accounting.Answered["v1"]; got != want || want == 0 {
			t.Errorf("got %d requests received by v1, want %d", got, want)
		}
		// Phases follow each other without a gap; only the way from the last one's end to the load's takes a moment.
		if rep.Accounting.Outside > 50 {
			t.Errorf("got %d requests outside of every phase, want those of 0.1 s at most", rep.Accounting.Outside)
		}
		// A phase ends when it has its requests: the claim of 50 % takes nearly 8 s of them, the others the
		// least that a phase is watched.
		if rep.Took > 25*time.Second {
			t.Errorf("got %s, want 18 s: no phase runs to its deadline", rep.Took)
		}
		for _, name := range []string{"1-baseline.yaml", "2-half.yaml", "recorder.yaml", "callers.yaml"} {
			if _, err := os.Stat(filepath.Join(dir, ManifestsDir, name)); err != nil {
				t.Error(err)
			}
		}
	})
}

// verdicts are all of a report's that do not pass.
func verdicts(rep *reports.Report) (all []reports.Verdict) {
	for _, p := range rep.Phases {
		for _, v := range p.Verdicts {
			if v.Outcome != reports.Pass {
				all = append(all, v)
			}
		}
	}
	return all
}

// Wherever a run is interrupted: a report, no load, no namespace, the context's error.
func TestRunInterrupted(t *testing.T) {
	for _, at := range []string{
		"owner story", "ready story", "await 1", "warm-up", "counters", "attack", "await 2",
		"apply VirtualService/my-service", "await 3", "pods v2", "await 4",
	} {
		t.Run(at, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				f := newFakeMesh()
				f.hook = func(call string) error {
					if call == at {
						cancel()
					}
					return nil
				}
				checkInterrupted(t, ctx, f)
			})
		})
	}
	for _, after := range []time.Duration{4 * time.Second, 5 * time.Second, 8 * time.Second, 12 * time.Second} {
		t.Run(after.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), after)
				defer cancel()
				checkInterrupted(t, ctx, newFakeMesh())
			})
		})
	}
}

func checkInterrupted(t *testing.T, ctx context.Context, f *fakeMesh) {
	t.Helper()
	rep, dir, err := playFake(t, ctx, f, story())
	if ctx.Err() == nil {
		t.Fatal("the run ended before it was interrupted")
	}
	if !errors.Is(err, ctx.Err()) {
		t.Errorf("got error %v, want %v in it", err, ctx.Err())
	}
	if rep == nil || rep.Broken == "" || rep.Outcome == reports.Pass {
		t.Fatalf("got report %+v, want one that is broken and does not pass", rep)
	}
	if len(rep.Phases) != 3 || len(rep.Phases[1].Verdicts) != 3 {
		t.Errorf("got phases %+v, want all of them, with a verdict on every claim", rep.Phases)
	}
	if saved, err := reports.Load(dir); err != nil || saved.Broken != rep.Broken {
		t.Errorf("got saved report %+v, %v, want the same as returned", saved, err)
	}
	if all := kinds(t, dir); !slices.ContainsFunc(all, func(k string) bool { return strings.HasSuffix(k, "broken") }) {
		t.Errorf("got events %q, want a broken one", all)
	}
	applied := f.called("apply Namespace/story")
	if removed := f.called("remove story"); removed != applied {
		t.Errorf("got removed %t, want %t: as it was applied", removed, applied)
	}
	if f.loading {
		t.Error("the load goes on")
	}
}

func TestRunThatBreaks(t *testing.T) {
	fails := func(at string) func(string) error {
		return func(call string) error {
			if call == at {
				return errors.New("it broke")
			}
			return nil
		}
	}
	for _, tc := range []struct {
		name string
		mesh func(*fakeMesh)
		want string // in the error and in the report
	}{
		{
			"webhook denies", func(f *fakeMesh) { f.hook = fails("apply VirtualService/my-service") },
			"phase half: kubectl apply -f 2-half.yaml: it broke",
		},
		{"pods never ready", func(f *fakeMesh) { f.hook = fails("ready story") }, "it broke"},
		{"load dies", func(f *fakeMesh) { f.dies = 5 * time.Second }, "the load broke off: the agent died"},
		{"load dies at once", func(f *fakeMesh) { f.hook = fails("attack") }, "the load broke off: it broke"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeMesh()
				tc.mesh(f)
				rep, _, err := playFake(t, t.Context(), f, story())
				if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(rep.Broken, tc.want) {
					t.Errorf("got error %v and broken %q, want %q in both", err, rep.Broken, tc.want)
				}
				if strings.Count(err.Error(), "broke off") > 1 {
					t.Errorf("got error %v, want the cause once", err)
				}
				if errors.Is(err, context.Canceled) {
					t.Errorf("got error %v, want one that is not an interruption", err)
				}
				if rep.Outcome == reports.Pass || !f.called("remove story") {
					t.Errorf("got outcome %s, calls %q, want no pass, and the namespace removed", rep.Outcome, f.calls)
				}
			})
		})
	}
}

func TestNoDataIsNoPass(t *testing.T) {
	for _, tc := range []struct {
		name string
		mesh func(*fakeMesh)
		want reports.Outcome
	}{
		// Its deadline ends the phase.
		{"load sends nothing", func(f *fakeMesh) { f.silent = true }, reports.Inconclusive},
		// The callers saw all that was claimed, and nobody bears them out.
		{"log says nothing", func(f *fakeMesh) { f.deaf = true }, reports.Invalid},
		// Await 1 is the deployment's, 2 the baseline's, 3 that of phase half.
		{"change never arrives", func(f *fakeMesh) { f.stuckAwait = 3 }, reports.Inconclusive},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeMesh()
				tc.mesh(f)
				rep, _, err := playFake(t, t.Context(), f, story())
				if err != nil {
					t.Fatal(err)
				}
				if rep.Outcome != tc.want || rep.Broken != "" {
					t.Errorf("got %s, broken %q, want %s: %q %q", rep.Outcome, rep.Broken, tc.want,
						rep.Accounting.Problems, rep.Notes)
				}
				if o := rep.Phases[1].Outcome(); !f.deaf && o == reports.Pass {
					t.Errorf("phase half: got %s, want no pass: %+v", o, rep.Phases[1].Verdicts)
				}
				if f.stuckAwait > 0 && rep.Phases[0].Outcome() != reports.Pass {
					t.Errorf("baseline: got %+v, want pass: it is not concerned", rep.Phases[0].Verdicts)
				}
			})
		})
	}
}

func TestRunFindsWhatContradictsTheStory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := story()
		s.Phases[1].Do = Apply("3-broken.yaml")
		s.Phases[1].Expect = []expect.Expectation{expect.NoErrors()}
		rep, _, err := playFake(t, t.Context(), newFakeMesh(), s)
		if err != nil || rep.Outcome != reports.Fail {
			t.Errorf("got %s, %v, want fail and no error: what the mesh did is not the lab's fault", rep.Outcome, err)
		}
		if got := rep.Phases[1].Observation.Settled.Total.Flags; got["503 UH"] == 0 {
			t.Errorf("got flags %v, want 503 UH", got)
		}
	})
}

func TestNamespaceThatIsThereAlready(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeMesh()
		f.exists = true
		rep, _, err := playFake(t, t.Context(), f, story())
		if err == nil || !strings.Contains(err.Error(), "not the lab's") || rep.Broken == "" {
			t.Errorf("got error %v, want a refusal", err)
		}
		if f.called("remove story") {
			t.Error("a namespace that is not the lab's was removed")
		}

		f = newFakeMesh()
		f.exists, f.owner = true, mesh.Manager
		rep, _, err = playFake(t, t.Context(), f, story())
		if err != nil || rep.Outcome != reports.Pass {
			t.Errorf("got %v, want the leftover removed and a pass", err)
		}
		want := []string{"owner story", "remove story", "ready story", "remove story"}
		if got := f.order(want); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestLeftoverIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeMesh()
		f.hook = func(call string) error {
			if call == "remove story" {
				return errors.New("a finalizer holds it")
			}
			return nil
		}
		rep, dir, err := playFake(t, t.Context(), f, story())
		if err == nil || !strings.Contains(err.Error(), "namespace story is left over: a finalizer holds it") {
			t.Errorf("got error %v, want the leftover", err)
		}
		saved, loadErr := reports.Load(dir)
		if loadErr != nil || rep.Outcome != reports.Pass || !strings.Contains(
			strings.Join(saved.Notes, " "), "a finalizer holds it",
		) {
			t.Errorf("got %s, %v, %v, want a report that passes and names the leftover", rep.Outcome, saved, loadErr)
		}
	})
}

// What a version's pods counted is known from their last words.
func TestScaleDownKeepsTheCount(t *testing.T) {
	scaledDown := func() Scenario {
		s := story()
		s.Phases = append(s.Phases,
			Phase{Name: "all v2", Do: Apply("4-v2.yaml"), Expect: []expect.Expectation{expect.Share("v2", 100)}},
			Phase{
				Name: "v1 gone", Do: ScaleTo{Deployment: "my-service-v1"},
				Expect: []expect.Expectation{expect.Share("v2", 100)},
			},
		)
		return s
	}
	synctest.Test(t, func(t *testing.T) {
		rep, _, err := playFake(t, t.Context(), newFakeMesh(), scaledDown())
		if err != nil || rep.Outcome != reports.Pass {
			t.Fatalf("got %s, %v: %q %+v", rep.Outcome, err, rep.Accounting.Problems, verdicts(rep))
		}
		if got, want := int(rep.Accounting.Received["v1"]), rep.Accounting.Answered["v1"]; got != want {
			t.Errorf("got %d received by v1, want %d", got, want)
		}
	})
	// Without them nobody knows what the pod received after it was last asked.
	synctest.Test(t, func(t *testing.T) {
		f := newFakeMesh()
		f.lost["v1"] = true
		rep, _, err := playFake(t, t.Context(), f, scaledDown())
		if err != nil || rep.Outcome != reports.Invalid {
			t.Errorf("got %s, %v, want an invalid run: %q", rep.Outcome, err, rep.Accounting.Problems)
		}
	})
}

func TestRunRefusesBeforeItStarts(t *testing.T) {
	f := newFakeMesh()
	s := story()
	s.Phases[1].Do = Apply("9-none.yaml")
	rep, dir, err := playFake(t, t.Context(), f, s)
	if rep != nil || err == nil || len(f.calls) > 0 {
		t.Errorf("got report %v, error %v, calls %q, want an error and nothing else", rep, err, f.calls)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got a folder (%v), want none", err)
	}

	// A run's record is never overwritten.
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, trace.File), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if rep, err := Run(t.Context(), f.env(), story(), Options{Dir: dir}); rep != nil || !errors.Is(err, os.ErrExist) {
		t.Errorf("got %v, %v, want a refusal of the folder", rep, err)
	}
}

// A number that can't be has to be found before anything is made.
func TestLoadPodsAreChecked(t *testing.T) {
	for _, n := range []int{-1, loadgen.MaxAgents + 1} {
		f := newFakeMesh()
		dir := filepath.Join(t.TempDir(), "run")
		_, err := Run(t.Context(), f.env(), story(), Options{Dir: dir, ID: "id", LoadPods: n})
		if err == nil || !strings.Contains(err.Error(), "1 to 64") || len(f.calls) > 0 {
			t.Errorf("%d: got %v and calls %q, want an error before any", n, err, f.calls)
		}
	}
}
