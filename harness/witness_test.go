package harness

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/canarylab/canarylab/harness/accesslog"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/trace"
)

// What happens to the lab and is no step of the scenario is in the report, in the phase in which it happened, and no such run
// passes.
func TestTroubleIsReported(t *testing.T) {
	for _, test := range []struct {
		name    string
		disturb func(*fakeMesh)
		want    string
	}{
		{"container restarts", func(f *fakeMesh) {
			f.news <- podNews{Pod: fakePod("v1"), Trouble: "container app of pod v1-pod ended: OOMKilled, exit code 137"}
		}, "OOMKilled"},
		{"pod is taken away", func(f *fakeMesh) { f.news <- podNews{Pod: fakePod("v2"), Leaving: true} }, "pod v2-pod was taken away, and not by a step"},
		{"istiod restarts", func(f *fakeMesh) {
			f.pushes <- trace.Event{At: time.Now(), Kind: trace.Trouble, Text: "istiod: it was taken away"}
		}, "istiod: it was taken away"},
		{"log stream is cut", func(f *fakeMesh) { f.cuts = append(f.cuts, "client") }, "the access log stream of client was cut: reset by peer"},
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
				if !slices.ContainsFunc(all, func(e trace.Event) bool { return strings.Contains(e.Text, test.want) && e.Phase == "half" }) {
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
		s.Phases = append(s.Phases, Phase{Name: "v2 stopped", Do: ScaleTo{Deployment: "my-service-v2"}, Expect: s.Phases[0].Expect[:1]})
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
			t.Errorf("got %s, %v, troubles %+v, %q, want a pass", rep.Outcome, err, rep.Accounting.Troubles, rep.Accounting.Problems)
		}
	})
}

func TestRefusedChangeIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeMesh()
		f.refuses = 3 // that of phase half
		rep, _, err := playFake(t, t.Context(), f, story())
		if err != nil {
			t.Fatal(err)
		}
		o := rep.Phases[1].Observation
		if o.Change == nil || !slices.Contains(o.Change.Rejections, "ns/client: no such filter") || !o.SettledAt.IsZero() || rep.Outcome == reports.Pass {
			t.Errorf("got change %+v, settled %s, outcome %s, want a refusal, never settled, no pass", o.Change, o.SettledAt, rep.Outcome)
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
					f.pushes <- trace.Event{At: now.Add(time.Millisecond), Kind: trace.Pushed, Proxy: "client", Text: "RDS"}
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

func TestNewsOfPods(t *testing.T) {
	pod := func(change func(*corev1.Pod)) *corev1.Pod {
		p := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "my-service-v1-1", Labels: map[string]string{"app": Service, "version": "v1"}},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app"}}, InitContainers: []corev1.Container{{Name: "istio-proxy"}}},
			Status:     corev1.PodStatus{PodIP: "10.0.0.1"},
		}
		change(p)
		return p
	}
	ended := func(code int32, message string) []corev1.ContainerStatus {
		return []corev1.ContainerStatus{{Name: "app", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			ContainerID: "1", ExitCode: code, Reason: "Error", Message: message,
		}}}}
	}
	n := newsOf(kube.PodChange{Pod: pod(func(*corev1.Pod) {})})
	if n.Pod.Role != trace.AppRole || n.Pod.Version != "v1" || n.Pod.IP != "10.0.0.1" || !n.Pod.Sidecar || n.Leaving || n.Trouble != "" {
		t.Errorf("got %+v, want v1's pod with a sidecar", n)
	}
	n = newsOf(kube.PodChange{Pod: pod(func(p *corev1.Pod) {
		p.DeletionTimestamp = &metav1.Time{Time: time.Now()}
		p.Status.ContainerStatuses = ended(0, `{"version":"v1","pod":"my-service-v1-1","instance":"abc","received":17}`)
	})})
	if !n.Leaving || len(n.LastWords) != 1 || n.LastWords[0].Received != 17 || n.Trouble != "" {
		t.Errorf("got %+v, want its last words and no trouble: it was told to end", n)
	}
	n = newsOf(kube.PodChange{Pod: pod(func(p *corev1.Pod) { p.Status.ContainerStatuses = ended(137, "panic") })})
	if len(n.LastWords) != 0 || !strings.Contains(n.Trouble, "container app of pod my-service-v1-1 ended: Error, exit code 137") {
		t.Errorf("got %+v, want trouble", n)
	}
	n = newsOf(kube.PodChange{Pod: pod(func(p *corev1.Pod) {
		p.Status.Phase, p.Status.Reason, p.Status.Message = corev1.PodFailed, "Evicted", "The node was low on memory."
	})})
	if !strings.Contains(n.Trouble, "Evicted The node was low on memory") {
		t.Errorf("got %+v, want the eviction", n)
	}
}

func TestLogEntry(t *testing.T) {
	got := logEntry(accesslog.Entry{
		ID: "id", Proxy: "p", Log: "canarylab.server", Start: 1_000_000_007, Took: 2, Reached: 3, Code: 503, Flags: []string{"UF"}, Details: "d",
		Failure: "f", Cluster: "c", Upstream: "u", Attempts: 4, Header: map[string]string{"x-app-version": "v1", "x-app-serial": "a-1"},
	})
	want := trace.LogEntry{
		ID: "id", Proxy: "p", Side: trace.ServerSide, Start: time.Unix(1, 7).UTC(), Took: 2, Reached: 3, Code: 503, Flags: []string{"UF"}, Details: "d",
		Failure: "f", Cluster: "c", Upstream: "u", Attempts: 4, Version: "v1", Serial: "a-1",
	}
	if got.Flags[0] != want.Flags[0] {
		t.Errorf("got %+v", got)
	}
	got.Flags, want.Flags = nil, nil
	if !got.Start.Equal(want.Start) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	got.Start = want.Start
	if got.ID != want.ID || got.Side != want.Side || got.Serial != want.Serial || got.Version != want.Version || got.Attempts != want.Attempts ||
		got.Failure != want.Failure || got.Cluster != want.Cluster || got.Upstream != want.Upstream || got.Reached != want.Reached || got.Took != want.Took {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
