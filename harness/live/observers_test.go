package live

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/canarylab/canarylab/harness/accesslog"
	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/reports/trace"
)

func TestPodEvent(t *testing.T) {
	pod := func(change func(*corev1.Pod)) *corev1.Pod {
		p := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "my-service-v1-1", Labels: map[string]string{
				"app": environment.Service, "version": "v1",
			}},
			Spec: corev1.PodSpec{
				Containers:     []corev1.Container{{Name: "app"}},
				InitContainers: []corev1.Container{{Name: "istio-proxy"}},
			},
			Status: corev1.PodStatus{PodIP: "10.0.0.1"},
		}
		change(p)
		return p
	}
	ended := func(code int32, message string) []corev1.ContainerStatus {
		end := &corev1.ContainerStateTerminated{ContainerID: "1", ExitCode: code, Reason: "Error", Message: message}
		return []corev1.ContainerStatus{{Name: "app", State: corev1.ContainerState{Terminated: end}}}
	}
	e := podEvent(kube.PodChange{Pod: pod(func(*corev1.Pod) {})})
	if e.Pod.Role != trace.AppRole || e.Pod.Version != "v1" || e.Pod.IP != "10.0.0.1" || !e.Pod.Sidecar ||
		e.Leaving || e.Trouble != "" {
		t.Errorf("got %+v, want v1's pod with a sidecar", e)
	}
	e = podEvent(kube.PodChange{Pod: pod(func(p *corev1.Pod) {
		p.DeletionTimestamp = &metav1.Time{Time: time.Now()}
		p.Status.ContainerStatuses = ended(0, `{"version":"v1","pod":"my-service-v1-1","instance":"abc","received":17}`)
	})})
	if !e.Leaving || len(e.LastWords) != 1 || e.LastWords[0].Received != 17 || e.Trouble != "" {
		t.Errorf("got %+v, want its last words and no trouble: it was told to end", e)
	}
	e = podEvent(kube.PodChange{Pod: pod(func(p *corev1.Pod) { p.Status.ContainerStatuses = ended(137, "panic") })})
	if len(e.LastWords) != 0 || !strings.Contains(
		e.Trouble, "container app of pod my-service-v1-1 ended: Error, exit code 137",
	) {
		t.Errorf("got %+v, want trouble", e)
	}
	e = podEvent(kube.PodChange{Pod: pod(func(p *corev1.Pod) {
		p.Status.Phase, p.Status.Reason, p.Status.Message = corev1.PodFailed, "Evicted", "The node was low on memory."
	})})
	if !strings.Contains(e.Trouble, "Evicted The node was low on memory") {
		t.Errorf("got %+v, want the eviction", e)
	}
}

func TestLogEntry(t *testing.T) {
	got := logEntry(accesslog.Entry{
		ID: "id", Proxy: "p", Log: "canarylab.server", Start: 1_000_000_007, Took: 2, Reached: 3, Code: 503,
		Flags: []string{"UF"}, Details: "d",
		Failure: "f", Cluster: "c", Upstream: "u", Attempts: 4,
		Header: map[string]string{"x-app-version": "v1", "x-app-serial": "a-1"},
	})
	want := trace.LogEntry{
		ID: "id", Proxy: "p", Side: trace.ServerSide, Start: time.Unix(1, 7).UTC(), Took: 2, Reached: 3, Code: 503,
		Flags: []string{"UF"}, Details: "d",
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
	if got.ID != want.ID || got.Side != want.Side || got.Serial != want.Serial || got.Version != want.Version ||
		got.Attempts != want.Attempts ||
		got.Failure != want.Failure || got.Cluster != want.Cluster || got.Upstream != want.Upstream ||
		got.Reached != want.Reached || got.Took != want.Took {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
