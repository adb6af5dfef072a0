package labtrace

import (
	"fmt"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/trace"
)

// Rollback has one request each 10 ms for 4 s, with an answer 5 ms later; every second one met v2 in the phase
// before, which is settled from 0 to 2 s. The rollback is written at 2,100 ms and settled at 2,500 ms.
func Rollback(meet func(ms float64, s *loadgen.Sample)) *trace.Trace {
	t := &trace.Trace{Pods: []trace.Pod{{Name: "b", Role: trace.CallerRole, Sidecar: true}}, Events: []trace.Event{
		{At: At(0), Kind: trace.PhaseStart, Phase: "canary"}, {At: At(0), Kind: trace.Settled, Phase: "canary"},
		{At: At(2000), Kind: trace.PhaseEnd, Phase: "canary"}, {At: At(2000), Kind: trace.PhaseStart, Phase: "back"},
		{At: At(2090), Kind: trace.Writing, Phase: "back"}, {At: At(2100), Kind: trace.Written, Phase: "back"},
		{At: At(2095), Kind: trace.Synced, Phase: "back", Proxy: "a"},
		{At: At(2300), Kind: trace.Synced, Phase: "back", Proxy: "b"},
		{At: At(2500), Kind: trace.Settled, Phase: "back"}, {At: At(4000), Kind: trace.PhaseEnd, Phase: "back"},
	}}
	for i := range 400 {
		sent := float64(10 * i)
		s := loadgen.Sample{
			ID: fmt.Sprint("r-", i), Cohort: "plain", Code: 200, Version: "v1", Due: At(sent), Sent: At(sent),
			Done: At(sent + 5),
		}
		if i%2 == 0 && sent < 2000 {
			s.Version = "v2"
		}
		meet(sent, &s)
		t.Samples = append(t.Samples, s)
	}
	return t
}
