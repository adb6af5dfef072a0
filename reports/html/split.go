package html

import (
	"cmp"
	"math"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

const (
	// leastReach and mostReach bound the reach. What lies beyond it is drawn at its edge, as an arrow.
	leastReach = 1.0
	mostReach  = 10.0
)

// plotReach is what all dot plots of a page share: how far from what was asked, in percentage points, their edges
// are. It is taken from the intervals and the accepted regions, so that they are what fills the plots.
func plotReach(r *reports.Report) float64 {
	reach := leastReach
	for _, p := range r.Phases {
		for _, row := range reports.SplitRows(p.Observation.Settled, p.Verdicts, r.Setup.Load) {
			seen, c := row.Seen, row.Claim
			if c != nil && c.Bound == "" && seen.Of > 0 {
				reach = max(reach, (seen.High-seen.Low)/2*1.6, (seen.High-c.Percent)*1.1, (c.Percent-seen.Low)*1.1)
			}
		}
	}
	reach = min(reach, mostReach)
	step, _ := ticksUpTo(100*reach, 2) // its steps are whole
	step /= 100
	return math.Ceil(reach/step) * step
}

// A splitView is one row: what was asked, what was observed, and a dot with its interval around what was asked.
type splitView struct {
	Cohort, Subject, Class string
	Seen                   analysis.Share
	Asked                  string
	Outcome                reports.Outcome
	Moved                  bool
	// Bar is the share in percent. AskedAt is the place of a claim of so much or more, or less, on it; it has
	// no Plot, as any distance is right.
	Bar, AskedAt string
	Plot         *dotPlot
}

// A dotPlot has places in percent across; 50 is what was asked.
type dotPlot struct {
	Dot, Low, Width string
	// AcceptLow and AcceptWidth are what the claim accepts.
	AcceptLow, AcceptWidth string
	// Off is -1 or 1 where the observed share is beyond the plot.
	Off int
	// Reach labels the edges.
	Reach string
}

func (p *page) split(row reports.SplitRow, reach float64) splitView {
	v := splitView{
		Cohort: cmp.Or(row.Cohort, "all"), Subject: row.Subject, Class: p.colors.subject(row), Seen: row.Seen,
		Moved: row.Moved, Outcome: row.Outcome, Bar: number(clamp(row.Seen.Percent, 100), 3),
	}
	if !row.Status {
		v.Subject = analysis.Answerer(row.Subject)
	}
	c := row.Claim
	if c == nil || row.Seen.Of == 0 {
		return v
	}
	v.Asked = c.Asked()
	if c.Bound != "" {
		v.AskedAt = number(clamp(c.Percent, 100), 3)
		return v
	}
	at := func(percent float64) float64 { return clamp(50+50*(percent-c.Percent)/reach, 100) }
	low, high := at(row.Seen.Low), at(row.Seen.High)
	acceptLow, acceptHigh := at(100*float64(c.Low)/float64(row.Seen.Of)), at(100*float64(c.High)/float64(row.Seen.Of))
	if c.Low == 0 && c.High == 0 && c.Percent > 0 {
		acceptLow, acceptHigh = 0, 0 // a report without the region
	}
	v.Plot = &dotPlot{
		Dot: number(at(row.Seen.Percent), 2), Low: number(low, 2), Width: number(max(high-low, 0), 2),
		AcceptLow: number(acceptLow, 2), AcceptWidth: number(max(acceptHigh-acceptLow, 0), 2),
		Reach: number(reach, 2),
	}
	switch d := row.Seen.Percent - c.Percent; {
	case d > reach:
		v.Plot.Off = 1
	case d < -reach:
		v.Plot.Off = -1
	}
	return v
}

// clamp is f, but 0 at least and high at most.
func clamp(f, high float64) float64 {
	if !(f > 0) { // NaN too
		return 0
	}
	return min(f, high)
}
