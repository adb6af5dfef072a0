package harness

import (
	"testing"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/trace"
)

func TestLiveStats(t *testing.T) {
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	var m liveStats
	if got := m.line(now); got != "" {
		t.Errorf("before anything: got %q", got)
	}
	m.begin(now)
	request := func(version string, code int, flags ...string) trace.Request {
		q := trace.Request{Sample: &loadgen.Sample{Sent: now, Version: version, Code: code}}
		if flags != nil {
			q.Routers = []trace.LogEntry{{Flags: flags}}
		}
		return q
	}
	for range 90 {
		m.add(request("v1", 200, "-"))
	}
	for range 9 {
		m.add(request("", 503, "UH"))
	}
	m.add(request("", 404, "NR"))
	early := request("v2", 200)
	early.Sample.Sent = now.Add(-1)
	m.add(early)
	m.all, m.change = 100, "synced after 0.13 s"
	const want = "100/s  v1 90.0 % [82.4–95.1]  503 UH × 9  404 NR × 1  synced after 0.13 s"
	if got := m.line(now.Add(time.Second)); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	// The rate is that of the last two seconds.
	m.all = 600
	for i := range 4 {
		m.line(now.Add(time.Second + time.Duration(i+1)*time.Second))
	}
	m.all += 50
	if got := m.line(now.Add(6 * time.Second)); got[:4] != "25/s" {
		t.Errorf("got %q, want 25 a second", got)
	}
}

// BenchmarkLiveStats is what a watcher costs: a request counted, and a line read. A run at 1,000 requests a second has
// 1,000 of the former and 4 of the latter in a second.
func BenchmarkLiveStats(b *testing.B) {
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	var m liveStats
	m.begin(now)
	q := trace.Request{
		Sample:  &loadgen.Sample{Sent: now, Version: "v1", Code: 503},
		Routers: []trace.LogEntry{{Flags: []string{"UH"}}},
	}
	b.Run("request", func(b *testing.B) {
		for b.Loop() {
			m.add(q)
		}
	})
	b.Run("line", func(b *testing.B) {
		for b.Loop() {
			m.line(now)
		}
	})
}
