package analysis

import (
	"math"
	"testing"

	"github.com/canarylab/canarylab/reports/trace"
)

// Attempts are counted by the version of the pod whose proxy has the entry, and requests once.
func TestAttempts(t *testing.T) {
	pods := versions([]trace.Pod{
		{Name: "a", Role: trace.AppRole, Version: "v1"}, {Name: "b", Role: trace.AppRole, Version: "v2"},
		{Name: "load-client", Role: trace.CallerRole},
	})
	c := &count{}
	for _, servers := range [][]trace.LogEntry{
		{{Proxy: "a", Code: 200}},
		{{Proxy: "b", Code: 503}, {Proxy: "b", Code: 200}},
		{{Proxy: "b", Code: 503}, {Proxy: "b", Code: 503}, {Proxy: "b", Code: 0}},
		{{Proxy: "b", Code: 200}},
		{{Proxy: "nobody knows", Code: 200}},
		nil,
	} {
		c.attempt(&trace.Request{Servers: servers}, pods, newBudget())
	}
	all := attempted(c.attempts)
	v1, v2 := all["v1"], all["v2"]
	if len(all) != 2 || v1.Requests != 1 || v1.Attempts != 1 || v1.Mean() != 1 || v1.Variance() != 0 {
		t.Errorf("got %+v, want one attempt of v1", all)
	}
	if v2.Requests != 3 || v2.Attempts != 6 || v2.Codes[200] != 2 || v2.Codes[503] != 3 || v2.Codes[0] != 1 {
		t.Errorf("got %+v, want 6 attempts of 3 requests", v2)
	}
	if v2.Mean() != 2 || math.Abs(v2.Variance()-1) > 1e-9 {
		t.Errorf("got a mean of %g and a variance of %g, want 2 and 1", v2.Mean(), v2.Variance())
	}
	if none := (Attempts{}); none.Mean() != 0 || none.Variance() != 0 {
		t.Errorf("no attempts: got %g and %g, want 0", none.Mean(), none.Variance())
	}
}
