package compare

import (
	"fmt"
	"maps"
	"slices"

	"github.com/canarylab/canarylab/reports/format"

	"github.com/canarylab/canarylab/reports/analysis"
)

// percents are the percentiles that are compared.
var percents = []float64{50, 99}

// latencies are the figures of a pair's latencies by version: of the settled parts of all phases together where
// the reports have percentile curves, else of each phase, without an interval: percentiles of phases do not add
// up.
func latencies(base, other Side) (all []*Figure) {
	for _, version := range shared(base.versions(), other.versions()) {
		for _, percent := range percents {
			if f := latency(base, other, version, percent); f != nil {
				all = append(all, f)
			}
		}
	}
	if len(all) > 0 {
		return all
	}
	return phaseLatencies(base, other)
}

// versions are those with a curve in every run of the side.
func (s Side) versions() (all []string) {
	n := map[string]int{}
	for _, r := range s {
		for _, c := range r.Report.Curves {
			if !usable(c) {
				continue
			}
			if n[c.Version]++; n[c.Version] == len(s) {
				all = append(all, c.Version)
			}
		}
	}
	return all
}

// usable tells that a curve is neither empty nor damaged.
func usable(c analysis.Curve) bool {
	return c.N > 0 && len(c.Percents) > 0 && len(c.Percents) == len(c.LatencyMS) && slices.IsSorted(c.Percents)
}

func (s Side) curves(version string) (all []analysis.Curve) {
	for _, r := range s {
		for _, c := range r.Report.Curves {
			if c.Version == version && usable(c) {
				all = append(all, c)
			}
		}
	}
	return all
}

func latency(base, other Side, version string, percent float64) *Figure {
	f := &Figure{Kind: LatencyKind, Name: fmt.Sprintf("p%g of %s", percent, subject{of: version})}
	values := func(s Side) (all []float64, v Value, b bracket) {
		n := 0
		for _, c := range s.curves(version) {
			x, low, high := percentile(c, percent)
			all = append(all, x)
			n, b = n+c.N, bracket{low, high}
		}
		if v = spread(all); len(all) == 1 {
			v.Low, v.High = known(b.low), known(b.high)
		}
		v.N = n
		return all, v, b
	}
	baseAll, baseValue, baseBracket := values(base)
	otherAll, otherValue, otherBracket := values(other)
	f.Base, f.Other = baseValue, otherValue
	if slices.Min(baseAll) <= 0 || slices.Min(otherAll) <= 0 {
		return nil
	}
	if len(baseAll)+len(otherAll) == 2 {
		f.Unit, f.Difference = Milliseconds, known(otherAll[0]-baseAll[0])
		f.bracketed(baseBracket, otherBracket)
		return f
	}
	f.Unit = Factor
	if !f.compareRuns(baseAll, otherAll) {
		f.notJudged("the runs do not differ at all")
	}
	return f
}

// phaseLatencies are those of each phase.
func phaseLatencies(base, other Side) (all []*Figure) {
	for _, phase := range common(base, other) {
		of := func(s Side, version string, p99 bool) (v Value) {
			var values []float64
			for _, c := range s.counts(phase, "") {
				l, ok := c.Latency[version]
				if !ok || l.N == 0 {
					continue
				}
				d := l.P50
				if p99 {
					d = l.P99
				}
				values = append(values, format.Milliseconds(d))
				v.N, v.Runs = v.N+l.N, v.Runs+1
			}
			if len(values) > 0 {
				v.Number, v.Low, v.High = known(median(values)), known(slices.Min(values)), known(slices.Max(values))
			}
			return v
		}
		versions := map[string]bool{}
		for _, s := range []Side{base, other} {
			for _, c := range s.counts(phase, "") {
				for v := range c.Latency {
					versions[v] = true
				}
			}
		}
		for _, version := range slices.Sorted(maps.Keys(versions)) {
			for i, percent := range percents {
				f := &Figure{
					Kind: LatencyKind, Phase: phase, Name: fmt.Sprintf("p%g of %s", percent, subject{of: version}),
					Unit: Milliseconds,
					Base: of(base, version, i == 1), Other: of(other, version, i == 1),
				}
				if f.Base.Number == nil || f.Other.Number == nil {
					continue
				}
				f.Difference = known(*f.Other.Number - *f.Base.Number)
				f.notJudged("there is no percentile curve on both sides, and five percentiles of a phase bound none")
				all = append(all, f)
			}
		}
	}
	return all
}
