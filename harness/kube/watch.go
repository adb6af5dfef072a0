package kube

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// A PodChange is what was seen of a pod.
type PodChange struct {
	At time.Time
	// Before is the pod as it was seen last, nil at first sight. Pod is the pod as it is, or as it last was if Gone.
	Before, Pod *corev1.Pod
	Gone        bool
}

// WatchPods hands over every pod of ns that selector matches, and then each change of one, one call at a time, until ctx
// ends, which is no error. It goes on when the connection breaks; what happened meanwhile comes as one change.
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

// An Ending is the end of one life of a container.
type Ending struct {
	Container string
	// Restarted tells that the pod goes on with a new life of the container.
	Restarted bool
	// Reason is Kubernetes' word, such as Error or OOMKilled.
	Reason   string
	ExitCode int32
	// Message is what the container left in its termination message file.
	Message string
}

// Endings are the lives of containers that ended with the change: seen in it and not before.
func (c PodChange) Endings() []Ending {
	var all []Ending
	for _, s := range statuses(c.Pod) {
		var before corev1.ContainerStatus
		if c.Before != nil && !c.Gone {
			if i := slices.IndexFunc(statuses(c.Before), func(b corev1.ContainerStatus) bool { return b.Name == s.Name }); i >= 0 {
				before = statuses(c.Before)[i]
			}
		}
		if t := s.LastTerminationState.Terminated; t != nil && s.RestartCount > before.RestartCount && !same(t, before.State.Terminated) {
			all = append(all, ending(s.Name, true, t))
		}
		if t := s.State.Terminated; t != nil && !same(t, before.State.Terminated) {
			all = append(all, ending(s.Name, false, t))
		}
	}
	return all
}

func ending(container string, restarted bool, t *corev1.ContainerStateTerminated) Ending {
	return Ending{Container: container, Restarted: restarted, Reason: t.Reason, ExitCode: t.ExitCode, Message: t.Message}
}

// same tells whether two records are of one life.
func same(a, b *corev1.ContainerStateTerminated) bool {
	return a != nil && b != nil && a.ContainerID == b.ContainerID
}
