package analysis

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports/internal/labtrace"
	"github.com/canarylab/canarylab/reports/trace"
)

// connections is the hand-built run as TCP connections, as the recorder leaves them: entries have ids and addresses,
// and nothing of the answer.
func connections() *trace.Trace {
	t := labtrace.Trace()
	for i := range t.Samples {
		s := &t.Samples[i]
		s.Local, s.Messages = "10.0.0.1:"+s.ID, 1
		if s.Code == 503 { // nobody answers for a proxy
			s.Code, s.Err = 0, "the connection was closed without an answer"
		}
	}
	for i := range t.Log {
		e := &t.Log[i]
		if e.ID == "" {
			continue
		}
		e.Code, e.Details, e.Version, e.Serial, e.Reached = 0, "", "", "", 0
		e.Downstream, e.UpstreamLocal = "10.0.0.1:"+e.ID, "10.0.0.1:1"+e.ID
	}
	return t
}

func TestConnectionsBalance(t *testing.T) {
	a := analyze(connections(), labPhases, labtrace.Plan)
	if !a.Accounting.Balanced() {
		t.Errorf("got problems %q", a.Accounting.Problems)
	}
	if row := a.Accounting.Sum(); row.Routed != row.Sent || row.Served != row.Answered || row.App != row.Answered {
		t.Errorf("got %+v, want an entry of each proxy and a number of the app's for each", row)
	}
	f := a.Observations[1].Settled.Total.Failures
	if len(f) != 1 || f[0].Code != 0 || f[0].Origin != "UH" || f[0].Hop != ClientHop || !f[0].Failed() {
		t.Errorf("got failures %+v", f)
	}
}

// One entry that is missing, on either side, and one that is nobody's, are found.
func TestConnectionsThatLackAnEntry(t *testing.T) {
	for want, change := range map[string]func(all []trace.LogEntry, client, server int) []trace.LogEntry{
		"the caller's proxy has no log entry": func(all []trace.LogEntry, client, _ int) []trace.LogEntry {
			return slices.Delete(all, client, client+1)
		},
		"that pod's proxy has no log entry": func(all []trace.LogEntry, _, server int) []trace.LogEntry {
			return slices.Delete(all, server, server+1)
		},
		"logged a request that is not the load's": func(all []trace.LogEntry, _, server int) []trace.LogEntry {
			stranger := all[server]
			stranger.ID = ""
			return append(all, stranger)
		},
	} {
		of := connections()
		server := slices.IndexFunc(of.Log, func(e trace.LogEntry) bool {
			return e.ID != "" && e.Side == trace.ServerSide
		})
		client := slices.IndexFunc(of.Log, func(e trace.LogEntry) bool {
			return e.ID == of.Log[server].ID && e.Side != trace.ServerSide
		})
		of.Log = change(of.Log, client, server)
		b := analyze(of, labPhases, labtrace.Plan).Accounting
		if b.UnexplainedTotal != 1 || !strings.Contains(b.Unexplained[0].Why, want) {
			t.Errorf("%s: got %d unexplained: %+v", want, b.UnexplainedTotal, b.Unexplained)
		}
	}
}

// Connections that are open when a phase settles are counted by version, and of them those that were cut.
func TestOpenConnections(t *testing.T) {
	of := connections()
	var at time.Time
	for _, e := range of.Events {
		if e.Kind == trace.Settled && e.Phase == labPhases[1].Name {
			at = e.At
		}
	}
	want := map[string]Open{}
	for i := range of.Samples {
		s := &of.Samples[i]
		if s.Version == "" || s.Sent.After(at) || i%3 > 0 {
			continue
		}
		s.Done, s.Cut = at.Add(time.Second), i%2 == 0
		one := want[s.Version]
		one.Connections++
		if s.Cut {
			one.Cut++
		}
		want[s.Version] = one
	}
	got := analyze(of, labPhases, labtrace.Plan).Observations[1].Open
	sum := map[string]Open{}
	for _, versions := range got {
		for version, one := range versions {
			sum[version] = Open{sum[version].Connections + one.Connections, sum[version].Cut + one.Cut}
		}
	}
	for version, one := range want {
		// What is done within the same millisecond may be open too.
		if d := sum[version].Connections - one.Connections; d < 0 || d > 3 || sum[version].Cut != one.Cut {
			t.Errorf("got %+v of %s open, want %+v", sum[version], version, one)
		}
	}
}
