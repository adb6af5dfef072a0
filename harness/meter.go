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

// A meter is what a watcher reads while a run lasts: the same figures that the report will have, of what came so far. It is
// not safe for concurrent use.
type meter struct {
	// requests and the maps count what was sent from `from` on: by version, and failures by status and flag.
	from               time.Time
	requests           int
	versions, failures map[string]int
	// all counts the run's samples; ticks has it for the last readings, oldest first.
	all   int
	ticks []tick
	// change says how the last change fared.
	change string
}

type tick struct {
	at  time.Time
	all int
}

// rateOver is the time that the displayed rate is taken over, a reading comes every readEvery.
const (
	rateOver  = 2 * time.Second
	readEvery = 250 * time.Millisecond
)

// begin starts the count anew.
func (m *meter) begin(from time.Time) {
	m.from, m.requests, m.versions, m.failures = from, 0, map[string]int{}, map[string]int{}
}

// add counts one request. Its flag is known once the proxy's log entry has come.
func (m *meter) add(q trace.Request) {
	s := q.Sample
	if s == nil || m.from.IsZero() || s.Sent.Before(m.from) {
		return
	}
	m.requests++
	if s.Version != "" {
		m.versions[s.Version]++
	}
	if s.Failed() {
		flag := analysis.NotLogged
		if r := q.Router(); r != nil {
			flag = analysis.FlagSet(r.Flags)
		}
		m.failures[fmt.Sprintf("%d %s", s.Code, flag)]++
	}
}

// read is the line for people at now.
func (m *meter) read(now time.Time) string {
	m.ticks = append(m.ticks, tick{now, m.all})
	if i := slices.IndexFunc(m.ticks, func(t tick) bool { return now.Sub(t.at) <= rateOver }); i > 0 {
		m.ticks = slices.Delete(m.ticks, 0, i)
	}
	var parts []string
	if took := now.Sub(m.ticks[0].at); took > 0 {
		parts = append(parts, fmt.Sprintf("%.0f/s", float64(m.all-m.ticks[0].all)/took.Seconds()))
	}
	for _, v := range slices.Sorted(maps.Keys(m.versions)) {
		s := analysis.NewShare(m.versions[v], m.requests)
		parts = append(parts, fmt.Sprintf("%s %s %% [%s–%s]", v, format.Percent(s.Percent), format.Percent(s.Low), format.Percent(s.High)))
	}
	kinds := slices.Collect(maps.Keys(m.failures))
	slices.SortFunc(kinds, func(a, b string) int {
		return cmp.Or(m.failures[b]-m.failures[a], strings.Compare(a, b))
	})
	for _, k := range kinds {
		parts = append(parts, fmt.Sprintf("%s × %s", k, format.Number(m.failures[k])))
	}
	if m.change != "" {
		parts = append(parts, m.change)
	}
	return strings.Join(parts, "  ")
}
