package analysis

import (
	"slices"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/internal/labtrace"
	"github.com/canarylab/canarylab/reports/trace"
)

// calls is the hand-built run as calls by gRPC: what was a 503 by HTTP is a 200 with another grpc-status.
func calls() *trace.Trace {
	t := labtrace.Trace()
	status := map[string]string{}
	for i := range t.Samples {
		s := &t.Samples[i]
		s.GRPC = loadgen.GRPCOK
		if s.Code == 503 {
			s.Code, s.GRPC = 200, "UNAVAILABLE"
		}
		status[s.ID] = s.GRPC
	}
	for i := range t.Log {
		if e := &t.Log[i]; status[e.ID] != "" {
			e.Code, e.GRPC = 200, status[e.ID]
		}
	}
	return t
}

func TestACallFailsByItsStatus(t *testing.T) {
	a := analyze(calls(), labPhases, labtrace.Plan)
	if !a.Accounting.Balanced() {
		t.Errorf("got problems %q", a.Accounting.Problems)
	}
	c := a.Observations[1].Settled.Total
	bad := c.GRPC["UNAVAILABLE"]
	if bad == 0 || c.GRPC[loadgen.GRPCOK] != c.Requests-bad || c.Codes[200] != c.Requests {
		t.Errorf("got statuses %v and %v of %d calls", c.GRPC, c.Codes, c.Requests)
	}
	if c.Failed.Count != bad || c.Flags["200/UNAVAILABLE UH"] != bad || c.Of("grpc/UNAVAILABLE") != bad {
		t.Errorf("got %v failed and flags %v, want %d", c.Failed, c.Flags, bad)
	}
	f := c.Failures[0]
	if f.GRPC != "UNAVAILABLE" || !f.Failed() || f.Hop != ClientHop ||
		!strings.HasSuffix(f.Cause, "with grpc-status UNAVAILABLE in a 200") {
		t.Errorf("got %+v", f)
	}
	if _, known := c.Dispersion[GRPCSubject("UNAVAILABLE")]; !known {
		t.Errorf("got the dispersion of %v, want that of the grpc-status", c.Dispersion)
	}
	for key, words := range map[string]string{
		"200/UNAVAILABLE -": "200 UNAVAILABLE", "0/DEADLINE_EXCEEDED DC": "no answer DEADLINE_EXCEEDED DC",
		"grpc/UNAVAILABLE": "grpc-status UNAVAILABLE", "503 UH": "503 UH",
	} {
		if got := KindInWords(key); got != words || !IsStatus(key) || !IsFailure(key) {
			t.Errorf("%s: got %q, want the status %q, of a failure", key, got, words)
		}
	}
}

// A proxy that logged another grpc-status than the caller got leaves a call unexplained.
func TestAProxyThatSawAnotherStatus(t *testing.T) {
	of := calls()
	at := slices.IndexFunc(of.Log, func(e trace.LogEntry) bool { return e.Side != trace.ServerSide && e.GRPC != "" })
	of.Log[at].GRPC = "INTERNAL"
	b := analyze(of, labPhases, labtrace.Plan).Accounting
	if b.UnexplainedTotal != 1 || !strings.Contains(b.Unexplained[0].Why, "its proxy logged INTERNAL") {
		t.Errorf("got %d unexplained: %+v", b.UnexplainedTotal, b.Unexplained)
	}
}
