package analysis

import (
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/trace"
)

// A caller is one proxy that routes requests, as far as a sample tells: that of an agent, or the gateway. pod is the
// cohort's Caller.
type caller struct {
	via   loadgen.Entry
	agent uint64
	pod   string
}

// ways tell which way into the mesh a request took.
type ways struct {
	agents uint64
	// via has each cohort's entry, and pod its Caller. The ingress gateway has so many pods.
	via      map[string]loadgen.Entry
	pod      map[string]string
	gateways int
}

func newWays(p loadgen.Plan, pods []trace.Pod) ways {
	w := ways{agents: uint64(max(p.Agents, 1)), via: map[string]loadgen.Entry{}, pod: map[string]string{}}
	for _, c := range p.Cohorts {
		w.via[c.Name], w.pod[c.Name] = c.Via(), c.Caller
	}
	for _, p := range pods {
		if p.Role == trace.GatewayRole {
			w.gateways++
		}
	}
	return w
}

// caller returns whose request it is. Agent i sends those whose number leaves the rest i: see loadgen.Plan.
func (w ways) caller(s *loadgen.Sample) caller {
	via := w.via[s.Cohort]
	if via == loadgen.Gateway {
		return caller{via: via}
	}
	return caller{via, s.Seq % w.agents, w.pod[s.Cohort]}
}

// routers returns how many proxies may have routed a caller's requests.
func (w ways) routers(c caller) float64 {
	if c.via == loadgen.Gateway {
		return float64(max(w.gateways, 1))
	}
	return 1
}
