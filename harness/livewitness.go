package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/canarylab/canarylab/harness/accesslog"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/mesh"
	"github.com/canarylab/canarylab/reports/trace"
	"github.com/canarylab/canarylab/sampleapp"
)

type liveWitnesses struct {
	k    *kube.Client
	mesh mesh.Installed
}

func (l liveWitnesses) AccessLog(ctx context.Context, ns string, sink logSink) error {
	connect := func(ctx context.Context) (*http.Client, error) {
		pods, err := l.k.Pods(ctx, ns, "app="+collector)
		if err != nil {
			return nil, err
		}
		if len(pods) == 0 {
			return nil, fmt.Errorf("no pod %s in namespace %s is ready", collector, ns)
		}
		return l.k.PodHTTP(ns, pods[0].Name, entriesPort), nil
	}
	return accesslog.Follow(ctx, connect, accesslog.Sink{
		Entries: func(all []accesslog.Entry) {
			entries := make([]trace.LogEntry, len(all))
			for i, e := range all {
				entries[i] = logEntry(e)
			}
			sink.Entries(entries)
		},
		Stream: func(s accesslog.Stream) {
			if !s.Open {
				sink.Cut(s.Proxy, s.At, s.Why)
			}
		},
		Trouble: sink.Trouble,
	})
}

// sides are where the proxies are whose loggers have these names.
var sides = map[string]trace.Side{
	mesh.ClientLog: trace.ClientSide, mesh.ServerLog: trace.ServerSide, mesh.GatewayLog: trace.GatewaySide,
}

func logEntry(e accesslog.Entry) trace.LogEntry {
	out := trace.LogEntry{
		ID: e.ID, Proxy: e.Proxy, Side: sides[e.Log], Start: time.Unix(0, e.Start).UTC(), Took: e.Took, Reached: e.Reached, Code: e.Code,
		Flags: e.Flags, Details: e.Details, Failure: e.Failure, Cluster: e.Cluster, Upstream: e.Upstream, Attempts: e.Attempts,
		Version: e.Header[versionHeader], Serial: e.Header[serialHeader],
	}
	return out
}

func (l liveWitnesses) Pods(ctx context.Context, ns string, sink func(podNews)) error {
	return l.k.WatchPods(ctx, ns, "", func(c kube.PodChange) { sink(newsOf(c)) })
}

// roles are what the pods with a label app do.
var roles = map[string]trace.Role{
	Service: trace.AppRole, insideClient: trace.CallerRole, plainClient: trace.CallerRole, gateway: trace.GatewayRole,
}

// newsOf says what a change of a pod means for a run.
func newsOf(c kube.PodChange) podNews {
	pod := c.Pod
	n := podNews{
		Pod: trace.Pod{
			Name: pod.Name, Role: roles[pod.Labels["app"]], IP: pod.Status.PodIP, Version: pod.Labels["version"], Sidecar: mesh.HasProxy(pod),
			Node: pod.Spec.NodeName,
		},
		Leaving: pod.DeletionTimestamp != nil, Gone: c.Gone,
	}
	var troubles []string
	for _, e := range c.Endings() {
		var last sampleapp.Counters
		if err := json.Unmarshal([]byte(e.Message), &last); err == nil && last.Instance != "" {
			n.LastWords = append(n.LastWords, last)
		}
		// What ends when its pod is told to is no news, and neither is an init container that is done.
		if pod.DeletionTimestamp == nil && !c.Gone && (e.Restarted || e.ExitCode != 0) {
			troubles = append(troubles, fmt.Sprintf("container %s of pod %s ended: %s, exit code %d", e.Container, pod.Name, e.Reason, e.ExitCode))
		}
	}
	if pod.Status.Phase == corev1.PodFailed && (c.Before == nil || c.Before.Status.Phase != corev1.PodFailed) {
		troubles = append(troubles, fmt.Sprintf("pod %s failed: %s %s", pod.Name, pod.Status.Reason, pod.Status.Message))
	}
	n.Trouble = strings.Join(troubles, "; ")
	return n
}

func (l liveWitnesses) ControlPlane(ctx context.Context, ns string, sink func(trace.Event)) error {
	watched := make(chan error, 1)
	go func() {
		watched <- l.k.WatchPods(ctx, l.mesh.Namespace, l.mesh.Selector(), func(c kube.PodChange) {
			n := newsOf(c)
			if c.Before != nil && c.Before.DeletionTimestamp == nil && n.Leaving {
				n.Trouble = "pod " + c.Pod.Name + " was taken away"
			}
			if n.Trouble != "" {
				sink(trace.Event{At: c.At, Kind: trace.Trouble, Text: "istiod: " + n.Trouble})
			}
		})
	}()
	err := mesh.FollowControlPlane(ctx, l.k, l.mesh, time.Now(), func(n mesh.Notice) {
		switch n.Kind {
		case mesh.Debounced:
			// A notice names one object. That it is another's does not say that ours was not among those that came with it.
			if strings.Contains(n.Config, "/"+ns+"/") || strings.HasSuffix(n.Config, "."+ns) || strings.Contains(n.Config, "."+ns+".") || n.More {
				sink(trace.Event{At: n.At, Kind: trace.Noticed, Text: n.Config})
			}
		case mesh.Pushed:
			if n.Proxy.Namespace == ns {
				sink(trace.Event{At: n.At, Kind: trace.Pushed, Proxy: n.Proxy.Pod, Text: n.Type})
			}
		case mesh.Rejected:
			if n.Proxy.Namespace == ns {
				sink(trace.Event{At: n.At, Kind: trace.Rejected, Proxy: n.Proxy.Pod, Text: n.Type + ": " + n.Text})
			}
		}
	})
	if werr := <-watched; err == nil {
		err = werr
	}
	return err
}
