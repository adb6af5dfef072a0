package mesh

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/yaml"

	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/reports"
)

// logFields are the keys of an access log line and the Envoy command operators behind them
// (https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage).
var logFields = []struct{ key, format string }{
	// A constant: container logs also hold what pilot-agent and Envoy itself print, and some of that may be JSON.
	{"log", logMark},
	{"id", "%REQ(X-REQUEST-ID)%"},
	// Seconds since 1970, with nanoseconds.
	{"start", "%START_TIME(%s.%9f)%"},
	// From the first byte of the request to the last of the answer, in microseconds; null where no answer was finished.
	{"us", "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%"},
	// The same in milliseconds, to the end of the request however it ended.
	{"ms", "%DURATION%"},
	{"code", "%RESPONSE_CODE%"},
	{"flags", "%RESPONSE_FLAGS%"},
	{"details", "%RESPONSE_CODE_DETAILS%"},
	// RAW is the cluster's own name; without it an alternative name for statistics would take its place.
	{"cluster", "%UPSTREAM_CLUSTER_RAW%"},
	{"upstream", "%UPSTREAM_HOST%"},
	{"route", "%ROUTE_NAME%"},
}

const (
	logMark = "canarylab.access"
	// overlap is how much is read again after a log stream broke: the kubelet counts in whole seconds, and Envoy
	// writes its log once a second.
	overlap = 3 * time.Second
	// remembered is how many entries are remembered to tell repeated ones: overlap at 10,000 requests a second.
	remembered = 30_000
	// retryLog is how soon a broken log stream is taken up again.
	retryLog = 50 * time.Millisecond
)

// AccessLogTelemetry is a manifest that turns the access log on for those proxies of ns whose pods have the labels of
// selector; with an empty selector, for all.
func AccessLogTelemetry(ns string, selector map[string]string) []byte {
	spec := map[string]any{
		"accessLogging": []any{map[string]any{
			"providers": []any{map[string]any{"name": AccessLogProvider}},
		}},
	}
	if len(selector) > 0 {
		spec["selector"] = map[string]any{"matchLabels": selector}
	}
	b, err := yaml.Marshal(map[string]any{
		"apiVersion": "telemetry.istio.io/v1",
		"kind":       "Telemetry",
		"metadata": map[string]any{
			"name": AccessLogProvider, "namespace": ns, "labels": map[string]any{ManagedBy: Manager},
		},
		"spec": spec,
	})
	if err != nil {
		// Strings and maps of strings always marshal.
		panic(err)
	}
	return b
}

// FollowAccessLog hands every entry of a proxy's access log to sink, one after the other in the log's order, until ctx
// ends, which is no error, or the pod is gone, which is one. Entries from up to a second before since may come too.
// Envoy writes its log once a second: an entry comes that much after its request has ended.
//
// A log stream that breaks is taken up again from a few seconds before the last entry. Entries that come twice by that
// are known by their request id and start time, and dropped.
func FollowAccessLog(ctx context.Context, k *kube.Client, p Proxy, since time.Time, sink func(reports.LogEntry)) error {
	f := follower{since: since, sink: sink, pod: p.Pod}
	var last error
	err := wait.PollUntilContextCancel(ctx, retryLog, true, func(ctx context.Context) (bool, error) {
		r, err := k.FollowLog(ctx, p.Namespace, p.Pod, proxyName, f.since)
		if apierrors.IsNotFound(err) {
			return false, err
		}
		if last = err; err != nil {
			return false, nil
		}
		defer func() { _ = r.Close() }()
		f.read(r)
		return false, nil
	})
	switch {
	case ctx.Err() == nil:
		return fmt.Errorf("access log of %s: %w", p, err)
	case f.entries == 0 && last != nil && !errors.Is(last, ctx.Err()):
		return fmt.Errorf("access log of %s: never read: %w", p, last)
	}
	return nil
}

// A follower turns log streams that may break and overlap into entries.
type follower struct {
	pod string
	// since is where the next stream is to begin.
	since   time.Time
	sink    func(reports.LogEntry)
	entries int
	// old and new hold the latest entries, in two generations so that the older can be forgotten.
	old, new map[entryKey]bool
}

type entryKey struct {
	id    string
	start int64
}

// read takes in one stream, to its end.
func (f *follower) read(r io.Reader) {
	for lines := bufio.NewReader(r); ; {
		line, err := lines.ReadBytes('\n')
		// A last line without its end was cut off, and comes whole in the next stream.
		if err != nil {
			return
		}
		e, ok := parseEntry(line, f.pod)
		if !ok || f.repeated(e) {
			continue
		}
		if next := e.Start.Add(e.Took - overlap); next.After(f.since) {
			f.since = next
		}
		f.entries++
		f.sink(e)
	}
}

func (f *follower) repeated(e reports.LogEntry) bool {
	key := entryKey{e.ID, e.Start.UnixNano()}
	if f.old[key] || f.new[key] {
		return true
	}
	if f.new == nil || len(f.new) >= remembered {
		f.old, f.new = f.new, make(map[entryKey]bool, remembered)
	}
	f.new[key] = true
	return false
}

// parseEntry reads one line of a proxy's container log. It is not ok where the line is something else.
func parseEntry(line []byte, pod string) (_ reports.LogEntry, ok bool) {
	var l struct {
		Log      string       `json:"log"`
		ID       string       `json:"id"`
		Start    string       `json:"start"`
		US       *json.Number `json:"us"`
		MS       *json.Number `json:"ms"`
		Code     int          `json:"code"`
		Flags    string       `json:"flags"`
		Details  string       `json:"details"`
		Cluster  string       `json:"cluster"`
		Upstream string       `json:"upstream"`
	}
	// Envoy writes null for what it does not have, and that leaves a field empty.
	if err := json.Unmarshal(line, &l); err != nil || l.Log != logMark {
		return reports.LogEntry{}, false
	}
	start, ok := parseSeconds(l.Start)
	if !ok {
		return reports.LogEntry{}, false
	}
	e := reports.LogEntry{
		ID: l.ID, Proxy: pod, Start: start, Code: l.Code,
		Details: l.Details, Cluster: l.Cluster, Upstream: l.Upstream,
	}
	if l.Flags != "" && l.Flags != "-" {
		e.Flags = strings.Split(l.Flags, ",")
	}
	if us, ok := number(l.US); ok {
		e.Took = time.Duration(us) * time.Microsecond
	} else if ms, ok := number(l.MS); ok {
		e.Took = time.Duration(ms) * time.Millisecond
	}
	return e, true
}

func number(n *json.Number) (int64, bool) {
	if n == nil {
		return 0, false
	}
	i, err := n.Int64()
	return i, err == nil
}

// parseSeconds parses seconds since 1970 with a fraction, exactly: a float64 would round it to about 0.2 µs.
func parseSeconds(s string) (time.Time, bool) {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return time.Time{}, false
	}
	ns := r.Mul(r, big.NewRat(int64(time.Second), 1))
	return time.Unix(0, new(big.Int).Quo(ns.Num(), ns.Denom()).Int64()), true
}
