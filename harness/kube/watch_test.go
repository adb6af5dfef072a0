package kube

import (
	"context"
	"reflect"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func podWith(statuses ...corev1.ContainerStatus) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: "demo", Labels: map[string]string{"app": "x"}},
		Status:     corev1.PodStatus{ContainerStatuses: statuses},
	}
}

func ended(id, message string, code int32) *corev1.ContainerStateTerminated {
	return &corev1.ContainerStateTerminated{ContainerID: id, Message: message, ExitCode: code, Reason: "Error"}
}

// Each run of a container ends once, however often its record is seen.
func TestTerminations(t *testing.T) {
	runs := corev1.ContainerStatus{Name: "app", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}
	over := corev1.ContainerStatus{Name: "app", State: corev1.ContainerState{Terminated: ended("1", "words", 0)}}
	again := corev1.ContainerStatus{
		Name: "app", RestartCount: 1, LastTerminationState: corev1.ContainerState{Terminated: ended("1", "words", 1)},
	}
	for _, test := range []struct {
		name   string
		change PodChange
		want   []Termination
	}{
		{"runs", PodChange{Pod: podWith(runs)}, nil},
		{"ends", PodChange{Before: podWith(runs), Pod: podWith(over)}, []Termination{
			{Container: "app", Reason: "Error", Message: "words"},
		}},
		{"has ended", PodChange{Before: podWith(over), Pod: podWith(over)}, nil},
		{"restarts", PodChange{Before: podWith(runs), Pod: podWith(again)}, []Termination{
			{Container: "app", Restarted: true, Reason: "Error", ExitCode: 1, Message: "words"},
		}},
		{"restarts after it was seen to end", PodChange{Before: podWith(over), Pod: podWith(again)}, nil},
		{"has restarted", PodChange{Before: podWith(again), Pod: podWith(again)}, nil},
		{
			"gone with last words", PodChange{Before: podWith(over), Pod: podWith(over), Gone: true},
			[]Termination{{Container: "app", Reason: "Error", Message: "words"}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.change.Terminations(); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestWatchPods(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	api := fake.NewClientset(podWith())
	c := &Client{kube: api}
	changes := make(chan PodChange, 10)
	done := make(chan error, 1)
	go func() { done <- c.WatchPods(ctx, "demo", "app=x", func(p PodChange) { changes <- p }) }()
	next := func() PodChange {
		select {
		case p := <-changes:
			return p
		case <-time.After(10 * time.Second):
			t.Fatal("got no change")
			return PodChange{}
		}
	}
	if p := next(); p.Pod.Name != "a" || p.Before != nil || p.Gone {
		t.Errorf("got %+v, want the pod that was there", p)
	}
	changed := podWith(corev1.ContainerStatus{Name: "app"})
	if _, err := api.CoreV1().Pods("demo").Update(ctx, changed, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if p := next(); p.Before == nil || len(p.Pod.Status.ContainerStatuses) != 1 {
		t.Errorf("got %+v, want what changed beside what was before", p)
	}
	if err := api.CoreV1().Pods("demo").Delete(ctx, "a", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if p := next(); !p.Gone {
		t.Errorf("got %+v, want it gone", p)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
