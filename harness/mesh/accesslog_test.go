package mesh

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/canarylab/canarylab/reports"
)

// Lines as the client's proxy wrote them on a real cluster, and one of the kind that stands between them.
const (
	lineAgent = `2026-11-23T06:38:28.756643Z	info	Envoy proxy is ready`
	lineOK    = `{"ms":10,"us":10657,"start":"1795415976.018545000","upstream":"10.244.0.7:8080","id":"abc123-everyone-1","log":"canarylab.access","code":200,"flags":"-","details":"via_upstream","cluster":"outbound|80|v1|my-service.km.svc.cluster.local","route":null}`
	lineUH    = `{"ms":0,"us":155,"start":"1795415976.051464000","upstream":null,"id":"abc123-everyone-15","log":"canarylab.access","code":503,"flags":"UH","details":"no_healthy_upstream","cluster":"outbound|80|v2|my-service.km.svc.cluster.local","route":null}`
)

func TestParseEntry(t *testing.T) {
	for _, c := range []struct {
		name, line string
		want       reports.LogEntry
		ok         bool
	}{
		{name: "the agent's own words", line: lineAgent},
		{name: "JSON of someone else", line: `{"level":"info","id":"1","start":"1"}`},
		{name: "a JSON string", line: `"canarylab.access"`},
		{name: "cut off", line: lineOK[:100]},
		{name: "no start", line: `{"log":"canarylab.access","start":null}`},
		{name: "answered", line: lineOK, ok: true, want: reports.LogEntry{
			ID: "abc123-everyone-1", Proxy: "client-1", Start: time.Unix(1795415976, 18545000), Took: 10657 * time.Microsecond,
			Code: 200, Details: "via_upstream", Cluster: "outbound|80|v1|my-service.km.svc.cluster.local", Upstream: "10.244.0.7:8080",
		}},
		{name: "no healthy upstream", line: lineUH, ok: true, want: reports.LogEntry{
			ID: "abc123-everyone-15", Proxy: "client-1", Start: time.Unix(1795415976, 51464000), Took: 155 * time.Microsecond,
			Code: 503, Flags: []string{"UH"}, Details: "no_healthy_upstream", Cluster: "outbound|80|v2|my-service.km.svc.cluster.local",
		}},
		{
			name: "two flags, and no end of an answer", ok: true,
			line: `{"log":"canarylab.access","id":"x","start":"1.5","us":null,"ms":25,"code":0,"flags":"URX,UF"}`,
			want: reports.LogEntry{
				ID: "x", Proxy: "client-1", Start: time.Unix(1, 5e8), Took: 25 * time.Millisecond, Flags: []string{"URX", "UF"},
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := parseEntry([]byte(c.line), "client-1")
			if ok != c.ok || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, %v, want %+v, %v", got, ok, c.want, c.ok)
			}
		})
	}
}

func TestFollowerAcrossBrokenStreams(t *testing.T) {
	var got []string
	f := follower{pod: "client-1", sink: func(e reports.LogEntry) { got = append(got, e.ID) }}
	f.read(strings.NewReader(lineAgent + "\n" + lineOK + "\n" + lineUH[:80]))
	f.read(strings.NewReader(lineOK + "\n" + lineUH + "\n"))
	f.read(strings.NewReader(lineUH + "\n"))
	if g, want := strings.Join(got, " "), "abc123-everyone-1 abc123-everyone-15"; g != want {
		t.Errorf("got entries %s, want %s", g, want)
	}
	if want := time.Unix(1795415976, 51464000).Add(155*time.Microsecond - overlap); !f.since.Equal(want) {
		t.Errorf("got the next stream from %v, want %v", f.since, want)
	}
}

func TestFollowerForgets(t *testing.T) {
	n := 0
	f := follower{sink: func(reports.LogEntry) { n++ }}
	for i := range 3 * remembered {
		f.repeated(reports.LogEntry{Start: time.Unix(0, int64(i))})
	}
	if got, most := len(f.old)+len(f.new), 2*remembered; got > most {
		t.Errorf("got %d entries remembered, want %d at most", got, most)
	}
	if !f.repeated(reports.LogEntry{Start: time.Unix(0, 3*remembered-remembered/2)}) {
		t.Error("got a recent entry taken for new, want it known")
	}
}

func TestAccessLogTelemetry(t *testing.T) {
	var got map[string]any
	if err := yaml.Unmarshal(AccessLogTelemetry("demo", map[string]string{"app": "load"}), &got); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path string
		want any
	}{
		{"apiVersion", "telemetry.istio.io/v1"},
		{"kind", "Telemetry"},
		{"metadata namespace", "demo"},
		{"spec selector matchLabels app", "load"},
		{"spec accessLogging providers name", AccessLogProvider},
	} {
		if v := dig(got, strings.Fields(c.path)...); v != c.want {
			t.Errorf("%s: got %v, want %v", c.path, v, c.want)
		}
	}
	if strings.Contains(string(AccessLogTelemetry("demo", nil)), "selector") {
		t.Error("got a selector, want none where all proxies are meant")
	}
}
