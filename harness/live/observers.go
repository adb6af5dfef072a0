package live

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/canarylab/canarylab/harness/accesslog"
	"github.com/canarylab/canarylab/harness/addons"
	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/mesh"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/trace"
	"github.com/canarylab/canarylab/sampleapp"
)

// observers implements environment.Observers.
type observers struct {
	k    *kube.Client
	mesh mesh.Installed
	// all returns the namespaces that belong to that of the callers.
	all func(ns string) []string
	// volume is the Cluster's.
	volume func(uid types.UID, volume string) string
}

func (o observers) AccessLog(ctx context.Context, ns string, sink environment.LogSink) error {
	connect := func(ctx context.Context) (*http.Client, error) {
		return addonHTTP(ctx, o.k, o.volume, ns, addons.Collector, addons.EntriesPort)
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

// sides says, by the name of a proxy's logger, on which side of a request the proxy is.
var sides = map[string]trace.Side{
	mesh.ClientLog: trace.ClientSide, mesh.ServerLog: trace.ServerSide, mesh.GatewayLog: trace.GatewaySide,
}

func logEntry(e accesslog.Entry) trace.LogEntry {
	return trace.LogEntry{
		ID: e.ID, Proxy: e.Proxy, Side: sides[e.Log], Start: time.Unix(0, e.Start).UTC(), Took: e.Took,
		Reached: e.Reached, Code: e.Code, Flags: e.Flags, Details: e.Details, Failure: e.Failure, Cluster: e.Cluster,
		Upstream: e.Upstream, Attempts: e.Attempts, Downstream: e.Downstream, UpstreamLocal: e.UpstreamLocal,
		GRPC: grpcStatus(e.GRPC), Version: e.Header[addons.VersionHeader], Serial: e.Header[addons.SerialHeader],
	}
}

// grpcStatus is the name of a grpc-status, empty for none. What is no number stays as it is.
func grpcStatus(number string) string {
	if n, err := strconv.Atoi(number); err == nil {
		return loadgen.GRPCStatus(n)
	}
	return number
}

func (o observers) Pods(ctx context.Context, ns string, sink func(environment.PodEvent)) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, one := range o.all(ns) {
		g.Go(func() error {
			return o.k.WatchPods(ctx, one, "", func(c kube.PodChange) { sink(podEvent(c)) })
		})
	}
	return g.Wait()
}

// roles says, by the label app of a pod, what the pod does in a run.
var roles = map[string]trace.Role{
	environment.Service: trace.AppRole, addons.Gateway: trace.GatewayRole,
	addons.SidecarCaller: trace.CallerRole, addons.PlainCaller: trace.CallerRole,
}

// role returns what a pod does in a run, and the version of an app's.
func role(pod *corev1.Pod) (r trace.Role, version string) {
	switch workload := pod.Labels[environment.WorkloadLabel]; {
	case workload != "":
		return trace.AppRole, workload
	case pod.Labels[addons.GatewayLabel] != "":
		return trace.GatewayRole, ""
	case pod.Labels[addons.CallerLabel] != "":
		return trace.CallerRole, ""
	}
	return roles[pod.Labels["app"]], pod.Labels["version"]
}

// podEvent says what a change of a pod means for a run.
func podEvent(c kube.PodChange) environment.PodEvent {
	pod := c.Pod
	r, version := role(pod)
	n := environment.PodEvent{
		Pod: trace.Pod{
			Name: pod.Name, Role: r, IP: pod.Status.PodIP, Version: version,
			Sidecar: mesh.HasProxy(pod), Node: pod.Spec.NodeName,
		},
		Leaving: pod.DeletionTimestamp != nil, Gone: c.Gone,
	}
	var troubles []string
	for _, e := range c.Terminations() {
		var last sampleapp.Counters
		if err := json.Unmarshal([]byte(e.Message), &last); err == nil && last.Instance != "" {
			n.LastWords = append(n.LastWords, last)
		}
		// No trouble is a container that ends because its pod was told to, nor an init container that is done.
		if pod.DeletionTimestamp == nil && !c.Gone && (e.Restarted || e.ExitCode != 0) {
			troubles = append(troubles, fmt.Sprintf("container %s of pod %s ended: %s, exit code %d",
				e.Container, pod.Name, e.Reason, e.ExitCode))
		}
	}
	if pod.Status.Phase == corev1.PodFailed && (c.Before == nil || c.Before.Status.Phase != corev1.PodFailed) {
		why := pod.Status.Reason + " " + pod.Status.Message
		troubles = append(troubles, fmt.Sprintf("pod %s failed: %s", pod.Name, why))
	}
	n.Trouble = strings.Join(troubles, "; ")
	return n
}

func (o observers) ControlPlane(ctx context.Context, ns string, sink func(trace.Event)) error {
	watched := make(chan error, 1)
	go func() {
		watched <- o.k.WatchPods(ctx, o.mesh.Namespace, o.mesh.Selector(), func(c kube.PodChange) {
			n := podEvent(c)
			if c.Before != nil && c.Before.DeletionTimestamp == nil && n.Leaving {
				n.Trouble = "pod " + c.Pod.Name + " was taken away"
			}
			if n.Trouble != "" {
				sink(trace.Event{At: c.At, Kind: trace.Trouble, Text: "istiod: " + n.Trouble})
			}
		})
	}()
	err := mesh.FollowControlPlane(ctx, o.k, o.mesh, time.Now(), func(n mesh.Notice) {
		all := o.all(ns)
		inOurs := func(one string) bool { return inNamespace(n.Config, one) }
		switch ours := slices.Contains(all, n.Proxy.Namespace); {
		// A notice names one of the objects that changed. Where there were more, ours may be among those.
		case n.Kind == mesh.Debounced && (n.More || slices.ContainsFunc(all, inOurs)):
			sink(trace.Event{At: n.At, Kind: trace.Noticed, Text: n.Config})
		case n.Kind == mesh.Pushed && ours:
			sink(trace.Event{At: n.At, Kind: trace.Pushed, Proxy: n.Proxy.Pod, Text: n.Type})
		case n.Kind == mesh.Rejected && ours:
			sink(trace.Event{At: n.At, Kind: trace.Rejected, Proxy: n.Proxy.Pod, Text: n.Type + ": " + n.Text})
		}
	})
	if werr := <-watched; err == nil {
		err = werr
	}
	return err
}

// inNamespace tells whether an object's name, in one of the forms of istiod's log, is one of namespace ns.
func inNamespace(name, ns string) bool {
	return strings.Contains(name, "/"+ns+"/") || strings.HasSuffix(name, "."+ns) || strings.Contains(name, "."+ns+".")
}
