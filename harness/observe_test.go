package harness

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/trace"
)

// What happens to the lab and is no step of the scenario is in the report, in the phase in which it happened,
// and no such run passes.
func TestTroubleIsReported(t *testing.T) {
	for _, test := range []struct {
		name    string
		disturb func(*fakeMesh)
		want    string
	}{
		{"container restarts", func(f *fakeMesh) {
			f.podEvents <- environment.PodEvent{
				Pod: fakePod("v1"), Trouble: "container app of pod v1-pod ended: OOMKilled, exit code 137",
			}
		}, "OOMKilled"},
		{
			"pod is taken away",
			func(f *fakeMesh) { f.podEvents <- environment.PodEvent{Pod: fakePod("v2"), Leaving: true} },
			"pod v2-pod was taken away, and not by a step",
		},
		{"istiod restarts", func(f *fakeMesh) {
			f.pushes <- trace.Event{At: time.Now(), Kind: trace.Trouble, Text: "istiod: it was taken away"}
		}, "istiod: it was taken away"},
		{
			"log stream is cut", func(f *fakeMesh) { f.cuts = append(f.cuts, "client") },
			"the access log stream of client was cut: reset by peer",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeMesh()
				f.hook = func(call string) error {
					if call == "pods v2" {
						f.mu.Lock()
						defer f.mu.Unlock()
						test.disturb(f)
					}
					return nil
				}
				rep, _, err := playFake(t, t.Context(), f, story())
				if err != nil {
					t.Fatal(err)
				}
				all := rep.Accounting.Troubles
				if !slices.ContainsFunc(all, func(e trace.Event) bool {
					return strings.Contains(e.Text, test.want) && e.Phase == "half"
				}) {
					t.Errorf("got troubles %+v, want %q in phase half", all, test.want)
				}
				if rep.Outcome == reports.Pass {
					t.Error("got a pass")
				}
			})
		})
	}
}

// The stream of a pod that a step takes away ends with it, and that is as it should be.
func TestAStepsOwnPodsAreNoTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := story()
		s.Phases = append(s.Phases, Phase{
			Name: "v2 stopped", Do: ScaleTo{Deployment: "my-service-v2"}, Expect: s.Phases[0].Expect[:1],
		})
		f := newFakeMesh()
		f.hook = func(call string) error {
			if call == "scale my-service-v2 0" {
				f.mu.Lock()
				defer f.mu.Unlock()
				f.cuts = append(f.cuts, "v2-pod")
			}
			return nil
		}
		rep, _, err := playFake(t, t.Context(), f, s)
		if err != nil || rep.Outcome != reports.Pass || len(rep.Accounting.Troubles) > 0 {
			t.Errorf("got %s, %v, troubles %+v, %q, want a pass", rep.Outcome, err, rep.Accounting.Troubles,
				rep.Accounting.Problems)
		}
	})
}

func TestRejectedChangeIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeMesh()
		f.rejects = 3 // that of phase half
		rep, _, err := playFake(t, t.Context(), f, story())
		if err != nil {
			t.Fatal(err)
		}
		o := rep.Phases[1].Observation
		if o.Change == nil || !slices.Contains(
			o.Change.Rejections, "ns/client: no such filter",
		) || !o.SettledAt.IsZero() || rep.Outcome == reports.Pass {
			t.Errorf("got change %+v, settled %s, outcome %s, want a rejection, never settled, no pass", o.Change,
				o.SettledAt, rep.Outcome)
		}
	})
}

// istiod's word on a change lands in the phase that it is about.
func TestControlPlaneEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeMesh()
		f.hook = func(call string) error {
			if call == "await 3" {
				// Its own log comes late.
				now := time.Now().Add(100 * time.Millisecond)
				time.AfterFunc(2*time.Second, func() {
					f.pushes <- trace.Event{At: now, Kind: trace.Noticed, Text: "VirtualService/story/my-service"}
					f.pushes <- trace.Event{
						At: now.Add(time.Millisecond), Kind: trace.Pushed, Proxy: "client", Text: "RDS",
					}
				})
			}
			return nil
		}
		rep, _, err := playFake(t, t.Context(), f, story())
		if err != nil {
			t.Fatal(err)
		}
		if c := rep.Phases[1].Observation.Change; c == nil || c.RoutersPushed-c.Noticed != time.Millisecond {
			t.Errorf("got change %+v, want it pushed 1 ms after it was noticed", c)
		}
		if c := rep.Phases[2].Observation.Change; c.Noticed != 0 {
			t.Errorf("got change %+v of the rollback, want nothing of istiod", c)
		}
	})
}
