package kube

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// A PodChange is an observed change of a pod.
type PodChange struct {
	At time.Time
	// Before is the pod as it was seen last, nil at first sight. Pod is the pod as it is now, or as it last was
	// if it is Gone.
	Before, Pod *corev1.Pod
	Gone        bool
}

// WatchPods calls sink with every pod of ns that selector matches, and then with each change of one, one call
// at a time, until ctx ends, which is not an error. It goes on when the connection breaks. What happened
// meanwhile is one change.
func (c *Client) WatchPods(ctx context.Context, ns, selector string, sink func(PodChange)) error {
	factory := informers.NewSharedInformerFactoryWithOptions(c.kube, 0, informers.WithNamespace(ns),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = selector }))
	informer := factory.Core().V1().Pods().Informer()
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) {
			if pod, ok := o.(*corev1.Pod); ok {
				sink(PodChange{At: time.Now(), Pod: pod})
			}
		},
		UpdateFunc: func(old, o any) {
			before, ok := old.(*corev1.Pod)
			if pod, ok2 := o.(*corev1.Pod); ok && ok2 {
				sink(PodChange{At: time.Now(), Before: before, Pod: pod})
			}
		},
		DeleteFunc: func(o any) {
			if last, ok := o.(cache.DeletedFinalStateUnknown); ok {
				o = last.Obj
			}
			if pod, ok := o.(*corev1.Pod); ok {
				sink(PodChange{At: time.Now(), Before: pod, Pod: pod, Gone: true})
			}
		},
	})
	if err != nil {
		return fmt.Errorf("watch pods of %s: %w", ns, err)
	}
	factory.Start(ctx.Done())
	<-ctx.Done()
	factory.Shutdown()
	return nil
}

// A Termination is the end of one run of a container.
type Termination struct {
	Container string
	// Restarted tells that the pod's container runs again.
	Restarted bool
	// Reason is Kubernetes' word, such as Error or OOMKilled.
	Reason   string
	ExitCode int32
	// Message is what the container left in its termination message file.
	Message string
}

// Terminations returns the container runs whose end is in the pod and was not in the pod before.
func (c PodChange) Terminations() []Termination {
	var all []Termination
	for _, s := range statuses(c.Pod) {
		var before corev1.ContainerStatus
		if c.Before != nil && !c.Gone {
			for _, b := range statuses(c.Before) {
				if b.Name == s.Name {
					before = b
				}
			}
		}
		last := s.LastTerminationState.Terminated
		if last != nil && s.RestartCount > before.RestartCount && !same(last, before.State.Terminated) {
			all = append(all, terminationOf(s.Name, true, last))
		}
		if t := s.State.Terminated; t != nil && !same(t, before.State.Terminated) {
			all = append(all, terminationOf(s.Name, false, t))
		}
	}
	return all
}

func terminationOf(container string, restarted bool, t *corev1.ContainerStateTerminated) Termination {
	return Termination{
		Container: container, Restarted: restarted, Reason: t.Reason, ExitCode: t.ExitCode, Message: t.Message,
	}
}

// same tells whether two records are of one run of a container.
func same(a, b *corev1.ContainerStateTerminated) bool {
	return a != nil && b != nil && a.ContainerID == b.ContainerID
}
