package mesh

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/canarylab/canarylab/harness/kube"
)

// A Notice is something that istiod did, by its log and at its time.
type Notice struct {
	At   time.Time
	Kind NoticeKind
	// Config is the object that a Debounced notice names, such as VirtualService/demo/my-service.
	// More tells that there were others, which the notice does not name.
	Config string
	More   bool
	// Proxy is the one that a Pushed or Rejected notice is about. Its Namespace may be empty.
	Proxy Proxy
	// Type is what was pushed: CDS, EDS, LDS or RDS.
	Type string
	// Text is the message of a Rejected notice.
	Text string
}

// A NoticeKind says what istiod did.
type NoticeKind string

const (
	// Debounced says that no change had come for PILOT_DEBOUNCE_AFTER, and istiod began to work out what
	// follows from the earlier ones.
	Debounced NoticeKind = "debounced"
	// Pushed says that istiod sent configuration to a proxy.
	Pushed NoticeKind = "pushed"
	// Rejected says that a proxy did not accept it (a NACK).
	Rejected NoticeKind = "rejected"
)

// These are the log lines of istio.io/istio/pilot/pkg/xds (discovery.go, delta.go) at the default level.
var (
	debounceLine = regexp.MustCompile(`^Push debounce stable\[\d+\] \d+ for config (\S+?)(?: and \d+ more configs)?: `)
	moreConfigs  = regexp.MustCompile(` and \d+ more configs: `)
	pushLine     = regexp.MustCompile(`^(CDS|EDS|LDS|RDS): PUSH(?: INC)? for node:(\S+)`)
	rejectLine   = regexp.MustCompile(`^ADS:(\w+): ACK ERROR (\S+) (.*)`)
)

// FollowControlPlane calls sink with what the mesh's istiods log from since on, one call at a time,
// until ctx ends, which is not an error. It also follows an istiod that starts later. What istiod
// logs depends on its log level. Istio's default level has every kind of Notice.
func FollowControlPlane(ctx context.Context, k *kube.Client, m Installed, since time.Time, sink func(Notice)) error {
	var (
		mu        sync.Mutex
		wg        sync.WaitGroup
		following = map[string]bool{}
		last      error
	)
	defer wg.Wait()
	err := wait.PollUntilContextCancel(ctx, refreshEvery, true, func(ctx context.Context) (bool, error) {
		pods, err := k.Pods(ctx, m.Namespace, m.Selector())
		if last = err; err != nil {
			return false, nil
		}
		for _, pod := range pods {
			mu.Lock()
			known := following[pod.Name]
			following[pod.Name] = true
			mu.Unlock()
			if known {
				continue
			}
			wg.Go(func() {
				from := since
				for ctx.Err() == nil {
					r, err := k.FollowLog(ctx, m.Namespace, pod.Name, "discovery", from)
					if err != nil {
						break
					}
					from = readNotices(r, from, func(n Notice) {
						mu.Lock()
						defer mu.Unlock()
						sink(n)
					})
					_ = r.Close()
					pods, err := k.Pods(ctx, m.Namespace, m.Selector())
					if err == nil && !slices.ContainsFunc(pods, func(p corev1.Pod) bool { return p.Name == pod.Name }) {
						break
					}
				}
				// If the pod comes back, it is listed again.
				mu.Lock()
				defer mu.Unlock()
				delete(following, pod.Name)
			})
		}
		return false, nil
	})
	if ctx.Err() != nil && (last == nil || errors.Is(last, ctx.Err())) {
		return nil
	}
	return errors.Join(err, last)
}

// readNotices reads a log to its end and returns the time of its last line.
func readNotices(r io.Reader, from time.Time, sink func(Notice)) time.Time {
	last := from
	for lines := bufio.NewReader(r); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return last
		}
		at, text, ok := parseLogLine(line)
		// The API server repeats a log from a whole second on.
		if !ok || !at.After(from) {
			continue
		}
		last = at
		if n, ok := parseNotice(text); ok {
			n.At = at
			sink(n)
		}
	}
}

// parseLogLine takes the time and the message from a line of istiod's log. The line has the columns
// time, level, scope and message, separated by tabs, or is JSON.
func parseLogLine(line string) (at time.Time, text string, ok bool) {
	line = strings.TrimSpace(line)
	if strings.HasPrefix(line, "{") {
		var l struct {
			Time time.Time `json:"time"`
			Msg  string    `json:"msg"`
		}
		err := json.Unmarshal([]byte(line), &l)
		return l.Time, l.Msg, err == nil
	}
	columns := strings.SplitN(line, "\t", 4)
	at, err := time.Parse(time.RFC3339Nano, columns[0])
	if err != nil || len(columns) < 3 {
		return time.Time{}, "", false
	}
	return at, columns[len(columns)-1], true
}

// parseNotice reads a message. Most messages are not a notice.
func parseNotice(text string) (Notice, bool) {
	if m := debounceLine.FindStringSubmatch(text); m != nil {
		return Notice{Kind: Debounced, Config: m[1], More: moreConfigs.MatchString(text)}, true
	}
	if m := pushLine.FindStringSubmatch(text); m != nil {
		return Notice{Kind: Pushed, Type: m[1], Proxy: parseProxyID(m[2])}, true
	}
	if m := rejectLine.FindStringSubmatch(text); m != nil {
		// A connection's id is its proxy's id with a number: pod.namespace-7.
		id := m[2]
		if i := strings.LastIndexByte(id, '-'); i > 0 {
			id = id[:i]
		}
		return Notice{Kind: Rejected, Type: m[1], Proxy: parseProxyID(id), Text: m[3]}, true
	}
	return Notice{}, false
}

// parseProxyID reads the id that istiod gives a proxy: pod.namespace.
func parseProxyID(id string) Proxy {
	pod, ns, _ := strings.Cut(id, ".")
	return Proxy{Namespace: ns, Pod: pod}
}
