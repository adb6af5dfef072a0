package reports

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// LoadInWords is a plan in one sentence.
func LoadInWords(plan loadgen.Plan) string {
	if len(plan.Cohorts) == 0 {
		return ""
	}
	total := 0.0
	var cohorts []string
	for _, c := range plan.Cohorts {
		rate := plan.RateOf(c.Name)
		total += rate
		s := fmt.Sprintf("%s %s/s", c.Name, strconv.FormatFloat(rate, 'f', -1, 64))
		switch c.Via() {
		case loadgen.Plain:
			s += " without a sidecar"
		case loadgen.Gateway:
			s += " through the gateway"
		}
		if c.URL != "" {
			s += " to " + c.URL
		}
		if c.Users > 0 {
			s += " by " + format.Number(c.Users) + " users"
		}
		if c.Socket {
			s += " by WebSocket"
		}
		if c.GRPC != nil {
			s += " by " + CallsInWords(plan, c)
		}
		if c.TCP != nil {
			s += " by " + ConnectionsInWords(c)
		}
		for _, name := range slices.Sorted(maps.Keys(c.Header)) {
			s += fmt.Sprintf(" with %s: %s", name, c.Header[name])
		}
		cohorts = append(cohorts, s)
	}
	rate := format.Number(int(math.Round(total)))
	return format.Join(", ",
		fmt.Sprintf("%s requests a second to %s, open loop (%s)", rate, plan.URL, strings.Join(cohorts, ", ")),
		plan.Method, format.When(plan.Shape != nil, plan.Shape.String()),
		format.When(plan.FreshConnections, "a new connection for each"))
}

// CallsInWords says how a cohort calls by gRPC: "gRPC on 1 connection".
func CallsInWords(plan loadgen.Plan, c loadgen.Cohort) string {
	on := " on " + format.Plural(max(c.GRPC.Connections, 1), "connection", "connections")
	return "gRPC" + format.When(c.GRPC.Stream, " streams") +
		format.When(c.GRPC.Method != "", " ("+c.GRPC.Method+")") + format.When(!plan.FreshConnections, on) +
		format.When(c.GRPC.Deadline > 0, " within "+c.GRPC.Deadline.String())
}

// ConnectionsInWords says how a cohort connects by TCP: "TCP, each connection held for 5m0s".
func ConnectionsInWords(c loadgen.Cohort) string {
	if c.TCP.Hold == 0 {
		return "TCP, a connection each"
	}
	return "TCP, each connection held for " + c.TCP.Hold.String() +
		format.When(c.TCP.Every > 0, " and asked on every "+c.TCP.Every.String())
}

// slowWrite is many times what a write takes, which is 5 to 20 ms.
const slowWrite = 500 * time.Millisecond

// TimingInWords says how a phase's change spread and how long it was watched.
func TimingInWords(o analysis.Observation) string {
	if o.Start.IsZero() {
		return "never began"
	}
	var s []string
	if c := o.Change; c != nil {
		switch {
		case c.Written.IsZero():
			s = append(s, "the write was never answered")
		case c.Proxies > 0:
			synced := fmt.Sprintf("the first of %d proxies synced %s, the last %s", c.Proxies, after(c.FirstSynced),
				after(c.LastSynced))
			if c.Proxies == 1 {
				synced = "the proxy synced " + after(c.LastSynced)
			}
			if c.Late {
				synced += " at the latest"
			}
			s = append(s, format.Join(", ", "accepted within "+format.Short(c.Took()),
				format.When(c.Noticed != 0, "taken up by istiod "+after(c.Noticed)),
				format.When(c.LastPushed != 0, "pushed until "+after(c.LastPushed)), synced))
		default:
			s = append(s, "accepted within "+format.Short(c.Took()))
		}
		if c.Took() > slowWrite {
			s = append(s,
				"the API server was slow: the moment of the change is uncertain by as much as it took to accept it")
		}
	}
	settled := "not every proxy was seen to be synced within " + format.Short(o.End.Sub(o.Start))
	if !o.SettledAt.IsZero() {
		settled = fmt.Sprintf("settled after %s, then watched for %s", format.Short(o.SettledAt.Sub(o.Start)),
			format.Short(o.Settled.Took()))
	}
	return strings.Join(append(s, settled), "; ")
}

// after tells a moment relative to the write.
func after(d time.Duration) string {
	if d < 0 {
		return format.Short(-d) + " before the answer"
	}
	return format.Short(d) + " later"
}
