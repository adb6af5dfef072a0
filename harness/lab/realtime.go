package lab

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

// A realTimer is a cluster whose containers need its permission to have real-time programs.
type realTimer interface {
	AllowRealTime(pod *corev1.Pod, container string, share time.Duration) (takeBack func(), err error)
}

// AllowRealTime lets programs of a pod's container have the real-time class for a share of each processor's second,
// until takeBack is called. Where the cluster has no say in that, it does nothing.
func (l *Lab) AllowRealTime(pod *corev1.Pod, container string, share time.Duration) (takeBack func(), err error) {
	if r, ok := l.cluster.(realTimer); ok {
		return r.AllowRealTime(pod, container, share)
	}
	return func() {}, nil
}
