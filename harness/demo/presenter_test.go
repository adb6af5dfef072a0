package demo_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/demo"
	"github.com/canarylab/canarylab/sampleapp"
	"github.com/canarylab/canarylab/scenarios"
)

// A stage plays a presenter's moves without a mesh.
type stage struct {
	t         *testing.T
	presenter *demo.Presenter
	// ready is of the phase that is played; moved gets its moves.
	ready chan struct{}
	moved chan harness.Move

	mu   sync.Mutex
	view demo.View
}

func newStage(t *testing.T, name string) *stage {
	t.Helper()
	return newStageIn(t, name, t.TempDir())
}

// newStageIn is newStage with a folder for the files that lines name.
func newStageIn(t *testing.T, name, dir string) *stage {
	t.Helper()
	s, err := scenarios.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	st := &stage{t: t, moved: make(chan harness.Move, 1)}
	st.presenter = demo.New(s, dir, func(v demo.View) {
		st.mu.Lock()
		defer st.mu.Unlock()
		st.view = v
	})
	return st
}

// play begins a phase, at 400 requests a second, which are as many as may be.
func (s *stage) play(phase int, name string) {
	s.ready = make(chan struct{})
	go func() {
		move, err := s.presenter.Next(s.t.Context(), harness.Playing{
			Phase: phase, Name: name, Rate: 400, Most: 400, Ready: s.ready,
		})
		if err == nil {
			s.moved <- move
		}
	}()
	synctest.Wait()
}

// wants wants a move by now.
func (s *stage) wants(when string, want harness.Move) {
	s.t.Helper()
	synctest.Wait()
	select {
	case got := <-s.moved:
		if got.To != want.To || got.Finish != want.Finish || (got.Try == nil) != (want.Try == nil) {
			s.t.Errorf("%s: got %+v, want %+v", when, got, want)
		}
	default:
		s.t.Fatalf("%s: nothing was decided, want %+v", when, want)
	}
}

// waits wants no move by now.
func (s *stage) waits(when string) {
	s.t.Helper()
	synctest.Wait()
	select {
	case got := <-s.moved:
		s.t.Fatalf("%s: got %+v, want the phase to go on", when, got)
	default:
	}
}

// now is what is shown.
func (s *stage) now() demo.View {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func refuses(t *testing.T, err error, says string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v, want an error that says %q", err, says)
	}
}

func TestPresenter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, "label-mismatch")
		refuses(t, s.presenter.Step(1), "no phase is being played")
		s.play(0, "baseline")
		if v := s.now(); v.Playing != "baseline" || v.Step != 1 || v.Ready || v.Next == nil || v.Back != nil ||
			len(v.Steps) != 5 || !v.Steps[0].Now || v.Steps[1].Mark != "breaks" {
			t.Errorf("got %+v, want the first step, which has a next one", v)
		}
		refuses(t, s.presenter.Step(-1), "first step")
		must(t, s.presenter.Step(1))
		s.waits("asked for once")
		if v := s.now(); !v.Waits {
			t.Errorf("got %+v, want it to wait for the phase's requests", v)
		}
		close(s.ready)
		s.wants("it has its requests", harness.Move{To: 1})
		refuses(t, s.presenter.Step(1), "no phase is being played")

		s.play(1, "canary at 10 %")
		must(t, s.presenter.Step(1))
		must(t, s.presenter.Step(1))
		s.wants("asked for twice", harness.Move{To: 2})

		s.play(2, "rollback")
		must(t, s.presenter.Step(-1))
		s.wants("back", harness.Move{To: 1})

		s.play(1, "canary at 10 % (2)")
		close(s.ready)
		s.waits("ready, and nobody asked")
		time.Sleep(time.Hour)
		s.waits("after an hour")
		must(t, s.presenter.Reset())
		s.wants("reset", harness.Move{To: 0})

		s.play(4, "canary at 10 % again")
		refuses(t, s.presenter.Step(1), "Finish makes the report")
		must(t, s.presenter.Finish())
		s.wants("finish", harness.Move{Finish: true})
		if v := s.now(); !v.Over {
			t.Errorf("got %+v, want it to be over", v)
		}
	})
}

func TestPresenterGoesOnByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, "label-mismatch")
		s.presenter.Auto(true)
		s.play(0, "baseline")
		s.waits("not ready")
		s.presenter.Auto(false)
		close(s.ready)
		s.waits("it is to stay")
		s.presenter.Auto(true)
		s.wants("it is to go on", harness.Move{To: 1})
		s.play(4, "the last one")
		close(s.ready)
		s.waits("there is no next one")
	})
}

// A presenter that nobody waits for any more lets go.
func TestPresenterEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, "label-mismatch")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.presenter.Next(ctx, harness.Playing{Ready: make(chan struct{})}); err == nil {
			t.Error("got no error")
		}
		refuses(t, s.presenter.Finish(), "no phase is being played")
	})
}

func TestByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, "label-mismatch")
		s.play(1, "canary at 10 %")
		if v := s.now(); v.Weight != 10 {
			t.Errorf("got a weight of %d %%, want the story's", v.Weight)
		}
		refuses(t, s.presenter.Weigh(101), "no share")
		refuses(t, s.presenter.Faults(sampleapp.Faults{ErrorRate: 2}), "errorRate")
		must(t, s.presenter.Weigh(35))
		s.wants("weight", harness.Move{Try: &harness.Phase{}})
		s.play(1, "v2 at 35 % by hand")
		if v := s.now(); v.Weight != 35 || v.Step != 2 {
			t.Errorf("got %+v, want the weight in the same step", v)
		}
		must(t, s.presenter.Faults(sampleapp.Faults{ErrorRate: 0.2}))
		s.wants("faults", harness.Move{Try: &harness.Phase{}})
		s.play(1, "v2 with faults by hand")
		if v := s.now(); v.Faults.ErrorRate != 0.2 || len(v.Reset.Lines) != 2 ||
			!strings.Contains(v.Reset.Lines[1], "/faults") {
			t.Errorf("got %+v, want faults, and a reset that heals", v)
		}
		refuses(t, s.presenter.Rate(0), "not 1 to 500")
		refuses(t, s.presenter.Rate(401), "found to carry 400")
		must(t, s.presenter.Rate(20))
		s.wants("rate", harness.Move{Try: &harness.Phase{}})
		if v := s.now(); v.Rate != 20 || v.Most != 400 {
			t.Errorf("got %+v, want the rate that was asked for", v)
		}
		s.play(1, "20 requests a second by hand")
		must(t, s.presenter.Step(-1))
		s.wants("back", harness.Move{To: 0})
		s.play(0, "baseline (2)")
		if v := s.now(); v.Weight != 0 || v.Faults != (sampleapp.Faults{}) {
			t.Errorf("got %+v, want nothing of what was tried", v)
		}
	})
}

// Every line of every story names files that are there, and a shell takes it.
func TestLinesOfEveryStory(t *testing.T) {
	bin := t.TempDir()
	must(t, os.WriteFile(filepath.Join(bin, "kubectl"), []byte("#!/bin/sh\n"+
		"while [ $# -gt 0 ]; do [ \"$1\" = -f ] && [ \"$2\" != - ] && { [ -s \"$2\" ] || exit 9; }; "+
		"shift; done\n"), 0o755))
	for _, sc := range scenarios.All() {
		dir := t.TempDir()
		var lines []string
		var shell string
		synctest.Test(t, func(t *testing.T) {
			for i := range sc.Phases {
				s := newStageIn(t, sc.Name, dir) // in here, as synctest knows the channels that it made
				ctx, cancel := context.WithCancel(t.Context())
				go func() {
					_, _ = s.presenter.Next(ctx, harness.Playing{
						Phase: i, Name: sc.Phases[i].Name, Ready: make(chan struct{}),
					})
				}()
				v := s.now()
				for name, way := range map[string]*demo.Way{"next": v.Next, "back": v.Back, "reset": v.Reset} {
					edge := name == "next" && i == len(sc.Phases)-1 || name == "back" && i == 0
					switch {
					case edge != (way == nil):
						t.Errorf("%s, phase %d: got %s %v", sc.Name, i+1, name, way)
					case way == nil || name == "next" && sc.Phases[i+1].Do == nil:
					case len(way.Lines) == 0:
						t.Errorf("%s, phase %d: %s has no line", sc.Name, i+1, name)
					default:
						lines = append(lines, way.Lines...)
					}
				}
				shell = v.Shell
				cancel()
				synctest.Wait()
			}
		})
		slices.Sort(lines)
		cd, _, _ := strings.Cut(shell, " && ")
		script := cd + " || exit\n" + strings.Join(slices.Compact(lines), " || exit\n") + " || exit\n"
		run := exec.CommandContext(t.Context(), "sh", "-c", script)
		run.Env = []string{"PATH=" + bin + ":/usr/bin:/bin"}
		if out, err := run.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", sc.Name, err, out)
		}
	}
}

// The page's buttons are the presenter's, and everything that the story says went through html/template.
func TestPanelsAndCommands(t *testing.T) {
	s := newStage(t, "label-mismatch")
	panels, err := s.presenter.Panels()
	must(t, err)
	var all strings.Builder
	names := map[string]bool{}
	for _, p := range panels {
		names[p.Name] = true
		all.WriteString(string(p.HTML))
	}
	for _, name := range demo.Published() {
		if !names[name] {
			t.Errorf("there is no panel %s to publish for", name)
		}
	}
	for _, want := range []string{"Next", "share of v2", "IST0173", "Roll the VirtualService back first"} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("the panels lack %q", want)
		}
	}
	commands := s.presenter.Commands()
	typed, err := commands["typed-weigh"](t.Context(), json.RawMessage("35"))
	if lines, _ := typed.([]string); err != nil || len(lines) != 1 || !strings.Contains(lines[0], `"weight":35`) {
		t.Errorf("got %v, %v, want the line for 35 %%", typed, err)
	}
	typed, err = commands["typed-faults"](t.Context(), json.RawMessage(`{"errorRate":0.2,"latency":"50ms"}`))
	if lines, _ := typed.([]string); err != nil || len(lines) != 1 || !strings.Contains(lines[0], `"latency":"50ms"`) {
		t.Errorf("got %v, %v, want the line for the faults", typed, err)
	}
	typed, err = commands["typed-rate"](t.Context(), json.RawMessage("20"))
	if lines, _ := typed.([]string); err != nil || len(lines) > 0 {
		t.Errorf("got %v, %v, want nothing to type for a rate", typed, err)
	}
	for name, arg := range map[string]string{
		"rate": `"few"`, "typed-rate": "0", "weigh": "null",
		"typed-weigh": `"many"`, "faults": `{"nonsense":1}`, "auto": "3", "next": "null",
	} {
		if _, err := commands[name](t.Context(), json.RawMessage(arg)); err == nil {
			t.Errorf("%s with %s: got no error", name, arg)
		}
	}
	// A story that is about its load has no rate to set.
	panels, err = newStage(t, "load-dependent-503").presenter.Panels()
	must(t, err)
	for _, p := range panels {
		if strings.Contains(string(p.HTML), `data-demo="rate"`) || p.Name == "demo-by-hand" &&
			!strings.Contains(string(p.HTML), "The rate stays") {
			t.Errorf("got %s, want it to say that the rate stays", p.HTML)
		}
	}
	// A story whose routes tell callers apart has no weight to set.
	panels, err = newStage(t, "header-routing").presenter.Panels()
	must(t, err)
	for _, p := range panels {
		if strings.Contains(string(p.HTML), `data-demo="weigh"`) {
			t.Error("header-routing has a slider that can't do anything")
		}
	}
}
