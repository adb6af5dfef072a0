package harness

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/trace"
)

// liveStats are what a person reads while a run lasts: the same figures that the report will have, of what came
// so far. They are not safe for concurrent use.
type liveStats struct {
	// requests counts what was sent from `from` on, versions does so by version, failures by status and flag.
	from               time.Time
	requests           int
	versions, failures map[string]int
	// all counts the run's samples; ticks has what it was at the last readings, oldest first.
	all   int
	ticks []tick
	// change says how the last change fares.
	change string
}

type tick struct {
	at  time.Time
	all int
}

const (
	// rateOver is the time that the displayed rate is taken over.
	rateOver = 2 * time.Second
	// readEvery is how often the line is read.
	readEvery = 250 * time.Millisecond
)

// begin starts the count anew.
func (s *liveStats) begin(from time.Time) {
	s.from, s.requests, s.versions, s.failures = from, 0, map[string]int{}, map[string]int{}
}

// add counts one request. Its flag is known only when the proxy's log entry has come.
func (s *liveStats) add(q trace.Request) {
	sample := q.Sample
	if sample == nil || s.from.IsZero() || sample.Sent.Before(s.from) {
		return
	}
	s.requests++
	if sample.Version != "" {
		s.versions[sample.Version]++
	}
	if sample.Failed() {
		flag := analysis.NotLogged
		if r := q.Router(); r != nil {
			flag = analysis.FlagSet(r.Flags)
		}
		s.failures[sample.Outcome()+" "+flag]++
	}
}

// line returns the line for people at now.
func (s *liveStats) line(now time.Time) string {
	s.ticks = append(s.ticks, tick{now, s.all})
	if i := slices.IndexFunc(s.ticks, func(t tick) bool { return now.Sub(t.at) <= rateOver }); i > 0 {
		s.ticks = slices.Delete(s.ticks, 0, i)
	}
	var parts []string
	if took := now.Sub(s.ticks[0].at); took > 0 {
		parts = append(parts, fmt.Sprintf("%.0f/s", float64(s.all-s.ticks[0].all)/took.Seconds()))
	}
	for _, v := range slices.Sorted(maps.Keys(s.versions)) {
		share := analysis.NewShare(s.versions[v], s.requests)
		parts = append(parts, fmt.Sprintf("%s %s %% [%s–%s]",
			v, format.Percent(share.Percent), format.Percent(share.Low), format.Percent(share.High)))
	}
	kinds := slices.Collect(maps.Keys(s.failures))
	slices.SortFunc(kinds, func(a, b string) int {
		return cmp.Or(s.failures[b]-s.failures[a], strings.Compare(a, b))
	})
	for _, k := range kinds {
		parts = append(parts, fmt.Sprintf("%s × %s", k, format.Number(s.failures[k])))
	}
	if s.change != "" {
		parts = append(parts, s.change)
	}
	return strings.Join(parts, "  ")
}
