package kube

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	// With so many restarts, a container in CrashLoopBackOff does more than wait for what it needs to start.
	stuckRestarts = 3
	// pullPatience is how long a missing image may still be on its way. Images are loaded while pods are
	// created, and the kubelet's first retry comes after 10 s.
	pullPatience = 20 * time.Second
	// explainWithin bounds the reading of events and logs for an error, after the caller's own time is up.
	explainWithin = 5 * time.Second
	// An error shows so many of the last events and log lines of each pod.
	explainEvents, explainLines = 5, 10
)

// refusedPatience is how long the API server may refuse a Deployment's pods. A namespace's service account, without
// which it does, is made within a second. Tests have less.
var refusedPatience = 10 * time.Second

// WaitWorkloads waits until all replicas of every Deployment of ns are updated and available, and all pods of
// every Job are ready. It fails when ctx ends, and as soon as a pod is stuck because its image can't be pulled
// or it keeps crashing, or because a policy of the cluster forbids it. The error has each unready pod's state, last
// events and last log lines. A namespace without Deployments is an error.
func (c *Client) WaitWorkloads(ctx context.Context, ns string) error {
	var missing []string
	var stuck string
	looked := time.Time{}
	refused := map[string]time.Time{} // since when, by the Deployment's name
	err := wait.PollUntilContextCancel(ctx, poll, true, func(ctx context.Context) (bool, error) {
		list, err := c.kube.AppsV1().Deployments(ns).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		if len(list.Items) == 0 {
			return false, fmt.Errorf("namespace %s has no deployments", ns)
		}
		jobs, err := c.kube.BatchV1().Jobs(ns).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		missing = nil
		for _, j := range jobs.Items {
			if j.Status.CompletionTime != nil {
				continue
			}
			if want, ready := valueOr(j.Spec.Parallelism, 1), valueOr(j.Status.Ready, 0); ready < want {
				missing = append(missing, fmt.Sprintf("%s (%d of %d ready)", j.Name, ready, want))
			}
		}
		for _, d := range list.Items {
			m := notRolledOut(&d)
			if m != "" {
				missing = append(missing, m)
			}
			why := refusal(&d)
			if why == "" || m == "" {
				delete(refused, d.Name)
				continue
			}
			if _, known := refused[d.Name]; !known {
				refused[d.Name] = time.Now()
			}
			if time.Since(refused[d.Name]) > refusedPatience {
				return false, fmt.Errorf("the cluster refuses the pods of deployment %s: %s", d.Name, why)
			}
		}
		if len(missing) == 0 {
			return true, nil
		}
		// To look for stuck pods once a second is enough.
		if time.Since(looked) > time.Second {
			looked = time.Now()
			pods, err := c.kube.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
			if err != nil {
				return false, err
			}
			for _, pod := range pods.Items {
				if stuck = stuckReason(&pod, looked); stuck != "" {
					return false, fmt.Errorf("pod %s: %s", pod.Name, stuck)
				}
			}
		}
		return false, nil
	})
	if err != nil {
		return fmt.Errorf("wait for the deployments of %s: %w; missing: %s%s",
			ns, err, strings.Join(missing, ", "), c.Explain(ctx, ns, ""))
	}
	return nil
}

// WaitNodes waits until the cluster has a node and every node is ready, by a heartbeat after since if that is not
// zero. When ctx ends, the error has what each unready node says.
func (c *Client) WaitNodes(ctx context.Context, since time.Time) error {
	last := "no node has registered"
	err := wait.PollUntilContextCancel(ctx, poll, true, func(ctx context.Context) (bool, error) {
		list, err := c.kube.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			last = err.Error()
			return false, nil
		}
		ready := 0
		for _, node := range list.Items {
			i := slices.IndexFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
				return c.Type == corev1.NodeReady
			})
			if i < 0 {
				last = node.Name + " has not reported"
				continue
			}
			condition := node.Status.Conditions[i]
			fresh := since.IsZero() || condition.LastHeartbeatTime.After(since)
			if condition.Status == corev1.ConditionTrue && fresh {
				ready++
			} else {
				last = node.Name + ": " + condition.Message
			}
		}
		return ready > 0 && ready == len(list.Items), nil
	})
	if err != nil {
		return fmt.Errorf("wait until the nodes are ready: %w; last seen: %s", err, last)
	}
	return nil
}

// notRolledOut says what a Deployment lacks, "" if nothing. It is the test of `kubectl rollout status`, and
// also that no old pod is left.
func notRolledOut(d *appsv1.Deployment) string {
	want := Replicas(d)
	s := d.Status
	switch {
	case s.ObservedGeneration < d.Generation:
		return d.Name + " (not yet looked at by the deployment controller)"
	case s.UpdatedReplicas < want:
		for _, cond := range s.Conditions {
			if cond.Type == appsv1.DeploymentReplicaFailure && cond.Status == corev1.ConditionTrue {
				return fmt.Sprintf("%s (%s)", d.Name, cond.Message)
			}
		}
		return fmt.Sprintf("%s (%d of %d updated)", d.Name, s.UpdatedReplicas, want)
	case s.Replicas > want:
		return fmt.Sprintf("%s (%d old pods left)", d.Name, s.Replicas-want)
	case s.AvailableReplicas < want:
		return fmt.Sprintf("%s (%d of %d available)", d.Name, s.AvailableReplicas, want)
	}
	return ""
}

// refusal is what the API server says where its policies forbid a Deployment's pods, such as a ResourceQuota that is
// used up or Pod Security; "" where it does not.
func refusal(d *appsv1.Deployment) string {
	for _, cond := range d.Status.Conditions {
		if cond.Type == appsv1.DeploymentReplicaFailure && cond.Status == corev1.ConditionTrue &&
			strings.Contains(cond.Message, "is forbidden: ") {
			return cond.Message
		}
	}
	return ""
}

// Replicas returns how many pods a Deployment asks for.
func Replicas(d *appsv1.Deployment) int32 { return valueOr(d.Spec.Replicas, 1) }

// valueOr returns what n points at, or otherwise if n is nil.
func valueOr(n *int32, otherwise int32) int32 {
	if n == nil {
		return otherwise
	}
	return *n
}

// stuckReason says why waiting won't make a pod ready, "" if it may.
func stuckReason(pod *corev1.Pod, now time.Time) string {
	if pod.DeletionTimestamp != nil {
		return ""
	}
	if pod.Status.Phase == corev1.PodFailed {
		return "failed: " + pod.Status.Reason + " " + pod.Status.Message
	}
	for _, s := range statuses(pod) {
		w := s.State.Waiting
		if w == nil {
			continue
		}
		bad := false
		switch w.Reason {
		case "InvalidImageName", "ErrImageNeverPull":
			bad = true
		case "ImagePullBackOff", "ErrImagePull":
			bad = now.Sub(pod.CreationTimestamp.Time) > pullPatience
		case "CrashLoopBackOff":
			bad = s.RestartCount >= stuckRestarts
		}
		if bad {
			return fmt.Sprintf("container %s: %s: %s", s.Name, w.Reason, w.Message)
		}
	}
	return ""
}

func statuses(pod *corev1.Pod) []corev1.ContainerStatus {
	return slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
}

// Pods returns the ready pods of ns that selector matches, as PodReady tells, by name.
func (c *Client) Pods(ctx context.Context, ns, selector string) ([]corev1.Pod, error) {
	list, err := c.kube.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, fmt.Errorf("list pods %q of %s: %w", selector, ns, err)
	}
	pods := slices.DeleteFunc(list.Items, func(p corev1.Pod) bool { return !PodReady(&p) })
	slices.SortFunc(pods, func(a, b corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	return pods, nil
}

// PodReady tells whether a pod runs, is ready and is not being deleted. Then its Services send it requests.
func PodReady(p *corev1.Pod) bool {
	return p.DeletionTimestamp == nil && p.Status.Phase == corev1.PodRunning &&
		slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
		})
}

// Explain describes, for an error message, every pod of ns that selector matches and that is not ready: its
// containers' states, last events and last log lines. The text begins with a line break, and is "" if all pods
// are ready. Explain takes a few seconds at most, and also works after ctx has ended.
func (c *Client) Explain(ctx context.Context, ns, selector string) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), explainWithin)
	defer cancel()
	var b strings.Builder
	list, err := c.kube.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return "\n(no more is known: " + err.Error() + ")"
	}
	for _, pod := range list.Items {
		if PodReady(&pod) || pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodSucceeded {
			continue
		}
		fmt.Fprintf(&b, "\npod %s/%s is %s", ns, pod.Name, pod.Status.Phase)
		for _, cond := range pod.Status.Conditions {
			if cond.Type == corev1.PodScheduled && cond.Status != corev1.ConditionTrue {
				fmt.Fprintf(&b, ", not scheduled: %s", cond.Message)
			}
		}
		for _, s := range statuses(&pod) {
			fmt.Fprintf(&b, "\n  container %s: %s", s.Name, state(s))
		}
		c.explainEvents(ctx, &b, &pod)
		for _, s := range statuses(&pod) {
			c.explainLog(ctx, &b, &pod, s)
		}
	}
	return b.String()
}

func state(s corev1.ContainerStatus) string {
	text := ""
	switch {
	case s.State.Waiting != nil:
		text = strings.TrimSuffix("waiting, "+s.State.Waiting.Reason+": "+s.State.Waiting.Message, ": ")
	case s.State.Terminated != nil:
		text = fmt.Sprintf("ended, %s, exit code %d", s.State.Terminated.Reason, s.State.Terminated.ExitCode)
	case s.Ready:
		text = "ready"
	default:
		text = "running, not ready"
	}
	if s.RestartCount > 0 {
		text += fmt.Sprintf(", %d restarts", s.RestartCount)
		if t := s.LastTerminationState.Terminated; t != nil {
			text += fmt.Sprintf(", the last after %s, exit code %d", t.Reason, t.ExitCode)
		}
	}
	return text
}

func (c *Client) explainEvents(ctx context.Context, b *strings.Builder, pod *corev1.Pod) {
	list, err := c.kube.CoreV1().Events(pod.Namespace).List(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("involvedObject.uid", string(pod.UID)).String(),
	})
	if err != nil {
		fmt.Fprintf(b, "\n  events: %v", err)
		return
	}
	events := list.Items
	slices.SortStableFunc(events, func(x, y corev1.Event) int { return eventTime(x).Compare(eventTime(y)) })
	for _, e := range events[max(0, len(events)-explainEvents):] {
		fmt.Fprintf(b, "\n  event %s: %s", e.Reason, strings.TrimSpace(e.Message))
	}
}

func eventTime(e corev1.Event) time.Time {
	if !e.LastTimestamp.IsZero() {
		return e.LastTimestamp.Time
	}
	return e.EventTime.Time
}

func (c *Client) explainLog(ctx context.Context, b *strings.Builder, pod *corev1.Pod, s corev1.ContainerStatus) {
	// A container that waits for its restart has logged something in the run before.
	previous := s.State.Running == nil && s.LastTerminationState.Terminated != nil
	if s.State.Running == nil && s.State.Terminated == nil && !previous {
		return
	}
	lines := int64(explainLines)
	r, err := c.kube.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{
		Container: s.Name, TailLines: &lines, Previous: previous,
	}).Stream(ctx)
	if err != nil {
		fmt.Fprintf(b, "\n  log of %s: %v", s.Name, err)
		return
	}
	defer func() { _ = r.Close() }()
	for scanner := bufio.NewScanner(r); scanner.Scan(); {
		fmt.Fprintf(b, "\n  log of %s: %s", s.Name, scanner.Text())
	}
}
