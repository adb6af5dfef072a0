package kube

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func TestUnfinished(t *testing.T) {
	two := int32(2)
	deployment := func(s appsv1.DeploymentStatus) *appsv1.Deployment {
		return &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Name: "web", Generation: 3},
			Spec:       appsv1.DeploymentSpec{Replicas: &two},
			Status:     s,
		}
	}
	for _, c := range []struct {
		name   string
		status appsv1.DeploymentStatus
		want   string
	}{
		{
			"done",
			appsv1.DeploymentStatus{ObservedGeneration: 3, Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 2}, "",
		},
		{
			"stale status",
			appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 2},
			"not yet looked at",
		},
		{
			"starting",
			appsv1.DeploymentStatus{ObservedGeneration: 3, Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 1},
			"1 of 2 available",
		},
		{
			"rolling",
			appsv1.DeploymentStatus{ObservedGeneration: 3, Replicas: 3, UpdatedReplicas: 2, AvailableReplicas: 3},
			"1 old pods left",
		},
		{"refused", appsv1.DeploymentStatus{ObservedGeneration: 3, Conditions: []appsv1.DeploymentCondition{
			{Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Message: "webhook refused"},
		}}, "webhook refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := notRolledOut(deployment(c.status))
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestHopelessness(t *testing.T) {
	now := time.Unix(1000, 0)
	pod := func(age time.Duration, reason string, restarts int32, deleted bool) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(now.Add(-age))}}
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{
			Name: "app", RestartCount: restarts,
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "because"}},
		}}
		if deleted {
			p.DeletionTimestamp = &metav1.Time{Time: now}
		}
		return p
	}
	for _, c := range []struct {
		name string
		pod  *corev1.Pod
		want string
	}{
		{"starting", pod(time.Minute, "ContainerCreating", 0, false), ""},
		{"bad name", pod(0, "InvalidImageName", 0, false), "container app: InvalidImageName: because"},
		{"image may still come", pod(5*time.Second, "ImagePullBackOff", 0, false), ""},
		{
			"image does not come", pod(time.Minute, "ImagePullBackOff", 0, false),
			"container app: ImagePullBackOff: because",
		},
		{"crashed once", pod(time.Minute, "CrashLoopBackOff", 1, false), ""},
		{"keeps crashing", pod(time.Minute, "CrashLoopBackOff", 3, false), "container app: CrashLoopBackOff: because"},
		{"on its way out", pod(time.Minute, "CrashLoopBackOff", 9, true), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := stuckReason(c.pod, now); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestWaitWorkloadsSaysWhatIsMissing(t *testing.T) {
	one := int32(1)
	c := &Client{kube: fake.NewClientset(
		&appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "demo"},
			Spec:       appsv1.DeploymentSpec{Replicas: &one},
			Status:     appsv1.DeploymentStatus{Replicas: 1, UpdatedReplicas: 1},
		},
		&corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "web-1", Namespace: "demo", UID: "u1"},
			Status: corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{
				Name: "app",
				State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{
					Reason: "ErrImageNeverPull", Message: "no image x",
				}},
			}}},
		},
		&corev1.Event{
			ObjectMeta: metav1.ObjectMeta{Name: "e1", Namespace: "demo"}, Reason: "FailedMount",
			Message:        "no such volume",
			InvolvedObject: corev1.ObjectReference{UID: "u1"},
		},
	)}
	err := c.WaitWorkloads(context.Background(), "demo")
	if err == nil {
		t.Fatal("got no error, want one")
	}
	for _, want := range []string{
		"pod web-1: container app: ErrImageNeverPull: no image x", "web (0 of 1 available)",
		"pod demo/web-1 is Pending", "event FailedMount: no such volume",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %q in it", err, want)
		}
	}
}

func TestPods(t *testing.T) {
	ready := corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{
		{Type: corev1.PodReady, Status: corev1.ConditionTrue},
	}}
	unready := corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{
		{Type: corev1.PodReady, Status: corev1.ConditionFalse},
	}}
	now := metav1.Now()
	c := &Client{kube: fake.NewClientset(
		&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "b", Namespace: "demo"}, Status: ready},
		&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: "demo"}, Status: ready},
		&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "c", Namespace: "demo"}, Status: unready},
		&corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Name: "d", Namespace: "demo", DeletionTimestamp: &now, Finalizers: []string{"x"},
			},
			Status: ready,
		},
		&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "e", Namespace: "other"}, Status: ready},
	)}
	pods, err := c.Pods(context.Background(), "demo", "")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range pods {
		names = append(names, p.Name)
	}
	if got := strings.Join(names, " "); got != "a b" {
		t.Errorf("got pods %q, want %q", got, "a b")
	}
}

// A policy that forbids a Deployment's pods does not change by waiting, and is named.
func TestPodsThatThePolicyForbids(t *testing.T) {
	before := refusedPatience
	refusedPatience = 100 * time.Millisecond
	defer func() { refusedPatience = before }()
	of := func(message string) *Client {
		return &Client{kube: fake.NewClientset(&appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Name: "app", Namespace: "demo"},
			Status: appsv1.DeploymentStatus{Conditions: []appsv1.DeploymentCondition{{
				Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Message: message,
			}}},
		})}
	}
	const quota = `pods "app-1" is forbidden: exceeded quota: all, requested: limits.cpu=2, used: limits.cpu=39, ` +
		`limited: limits.cpu=40`
	err := of(quota).WaitWorkloads(t.Context(), "demo")
	if err == nil || !strings.Contains(err.Error(), "the cluster refuses the pods of deployment app: "+quota) {
		t.Errorf("got %v, want the quota named", err)
	}
	// What may pass is waited for.
	ctx, cancel := context.WithTimeout(t.Context(), 5*refusedPatience)
	defer cancel()
	err = of("Internal error occurred: failed calling webhook").WaitWorkloads(ctx, "demo")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want it waited for", err)
	}
}
