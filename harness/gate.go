package harness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/reports/trace"
)

// Gate asks Prometheus some questions about the canary at intervals, as rollout controllers do. It aborts the
// canary after some bad results in a row, and promotes it after some good ones. The Prometheus is real and the
// namespace's own. Once a second it scrapes the callers' sidecars (package metrics says what they count and
// what they don't).
//
// What Prometheus does not know is not good: an answer that has no number, such as a share of no requests,
// breaks the row. How often it is wrong is printed with the phase (Scenario.Odds), where its checks are those of this
// package.
type Gate struct {
	// Checks are asked each time. One that is beyond its limit makes the result bad. The result is good where
	// all of them are known and within their limits.
	Checks []Check
	// Every is the interval. Zero means a second.
	Every time.Duration `json:",omitzero"`
	// Bad and Good are how many in a row decide. Zero means 1 and 5.
	Bad, Good int `json:",omitzero"`
}

// A Check is one question to Prometheus.
type Check struct {
	// Name says what is asked for, with the unit.
	Name string
	// Query is PromQL that gives one number.
	Query string
	// Series selects what Query is made of, so that the age of the data can be told.
	Series string
	// Limit is the highest number that is well.
	Limit float64
	// spot is what it counts, zero where nobody knows.
	spot spot
}

// subsetSeries selects the series of one of the Service's subsets.
func subsetSeries(subset string) string { return clusterSeries(environment.Service, subset) }

// clusterSeries selects the series of a subset of a Service, or, without one, of the whole Service.
func clusterSeries(service, subset string) string {
	const selector = `cluster_name=~"outbound\\|%d\\|%s\\|%s\\..*"`
	return fmt.Sprintf(selector, environment.Port, subset, service)
}

// gateWindow is how far a check looks back. It is so short that what was before a fault does not water it down
// for long, and long enough for the requests of some scrapes.
const gateWindow = "5s"

// gateSeconds is gateWindow in seconds.
const gateSeconds = 5

// FailedShare asks for the share, in percent, of the requests for a subset that ended with a server error in
// the last 5 s.
func FailedShare(subset string, limit float64) Check {
	all := "envoy_cluster_upstream_rq_completed{" + subsetSeries(subset) + "}"
	failed := `envoy_cluster_upstream_rq{response_code_class="5xx",` + subsetSeries(subset) + "}"
	return Check{
		Name: "% failed requests of " + subset, Series: all, Limit: limit,
		spot: spot{subset: subset, what: "failed", limit: limit / 100}, Query: shareOf(failed, all),
	}
}

// shareOf is the query for what part of some counters others grew by in the window, in percent.
func shareOf(part, all string) string {
	return fmt.Sprintf("100 * ((sum(%[2]s) or sum(%[1]s) * 0) - (sum(%[2]s offset %[3]s) or sum(%[1]s) * 0)) / "+
		"(sum(%[1]s) - (sum(%[1]s offset %[3]s) or sum(%[1]s) * 0))", all, part, gateWindow)
}

// LatencyP99 asks for the 99th percentile, in milliseconds, of the answers of a subset in the last 5 s, by
// Envoy's buckets.
func LatencyP99(subset string, limit float64) Check {
	buckets := "envoy_cluster_upstream_rq_time_bucket{" + subsetSeries(subset) + "}"
	return Check{
		Name: "ms p99 latency of " + subset, Series: buckets, Limit: limit,
		// The 99th percentile is above an edge of the buckets, such as 250, where more than 1 % are.
		spot: spot{subset: subset, what: fmt.Sprintf("slower than %g ms", limit), limit: 0.01},
		Query: fmt.Sprintf("histogram_quantile(0.99, sum by (le) (%[1]s) - "+
			"(sum by (le) (%[1]s offset %[2]s) or sum by (le) (%[1]s) * 0))", buckets, gateWindow),
	}
}

func (g Gate) every() time.Duration { return cmp.Or(g.Every, time.Second) }

// row is Bad and Good with their defaults.
func (g Gate) row() (bad, good int) { return cmp.Or(g.Bad, 1), cmp.Or(g.Good, 5) }

// String implements Detector.
func (g Gate) String() string {
	var limits []string
	for _, c := range g.Checks {
		limits = append(limits, fmt.Sprintf("more than %g %s", c.Limit, c.Name))
	}
	bad, good := g.row()
	return fmt.Sprintf("a gate that asks Prometheus every %s (bad: %s with %s; good: %s in a row within the limits)",
		g.every(), count(bad, "result"), strings.Join(limits, ", or "), count(good, "result"))
}

func (Gate) asksMetrics() bool { return true }

func (Gate) readsSamples() bool { return false }

func (g Gate) check(Scenario) error {
	if len(g.Checks) == 0 || g.Every < 0 || g.Bad < 0 || g.Good < 0 {
		return errors.New("want checks, and nothing negative")
	}
	for _, c := range g.Checks {
		if c.Name == "" || c.Query == "" || c.Series == "" {
			return fmt.Errorf("check %q needs a name, a query, and its series", c.Name)
		}
	}
	return nil
}

func (g Gate) decide(ctx context.Context, w watched) (trace.Decision, error) {
	tick := time.NewTicker(g.every())
	defer tick.Stop()
	bad, good := g.row()
	badRow, goodRow := 0, 0
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return trace.Decision{}, context.Cause(ctx)
		}
		asked := time.Now()
		text, verdict, seen, err := g.ask(ctx, w.scenario.home(), w.env)
		if err != nil {
			return trace.Decision{}, err
		}
		switch verdict {
		case over:
			badRow, goodRow = badRow+1, 0
		case within:
			badRow, goodRow = 0, goodRow+1
		default:
			badRow, goodRow = 0, 0
		}
		if badRow >= bad || goodRow >= good {
			return trace.Decision{By: g.String(), Bad: badRow >= bad, Text: text, Seen: seen, Asked: asked}, nil
		}
	}
}

// What one look at all checks says.
const (
	unknown = iota
	within
	over
)

// ask asks all checks once. seen is when the newest sample of what decided was taken.
func (g Gate) ask(
	ctx context.Context, ns string, env environment.Environment,
) (text string, verdict int, seen time.Time, err error) {
	verdict = within
	var said []string
	for _, c := range g.Checks {
		value, found, err := env.Metrics.Query(ctx, ns, c.Query)
		if err != nil {
			return "", unknown, time.Time{}, err
		}
		if !found {
			if verdict != over {
				verdict = unknown
			}
			continue
		}
		said = append(said, fmt.Sprintf("%.3g %s (limit %g)", value, c.Name, c.Limit))
		if value > c.Limit {
			verdict = over
		}
		if seen, err = env.Metrics.LastScrape(ctx, ns, c.Series); err != nil {
			return "", unknown, time.Time{}, err
		}
	}
	return strings.Join(said, ", "), verdict, seen, nil
}

var _ = detectorKind("gate", Gate{})

var _, _ = checkKind("failed-share", FailedShare), checkKind("latency-p99", LatencyP99)
