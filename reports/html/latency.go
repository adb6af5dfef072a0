package html

import (
	"fmt"
	"html/template"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// latencyHeight is that of the chart, in pixels.
const latencyHeight = 260

// latencyView is the latency per version.
type latencyView struct {
	Height         int
	Lines          []latencyLine
	XTicks, YTicks []tick
	// Rows are the percentiles of each version in each phase.
	Rows []latencyRow
}

// A latencyRow has the percentiles that people ask for of one version: in a phase, or in the whole run.
type latencyRow struct {
	Phase, Version, Class    string
	N                        int
	P50, P90, P99, P999, Max string
}

// A latencyLine is one version's curve. Points are of a drawing of 1000 by latencyHeight that is stretched to
// the page's width.
type latencyLine struct {
	latencyRow
	Points template.HTML
}

// nines is where a percentile lies on an axis that gives each further nine the same room.
func nines(percent float64) float64 { return -math.Log10(1 - percent/100) }

func (p *page) latency() latencyView {
	v := latencyView{Height: latencyHeight}
	for _, phase := range p.Report.Phases {
		c := phase.Observation.Settled.Total
		name := phase.Name
		for _, version := range slices.SortedFunc(maps.Keys(c.Latency), analysis.CompareVersions) {
			l := c.Latency[version]
			v.Rows = append(v.Rows, latencyRow{
				name, analysis.Answerer(version), p.colors.version(version), l.N, format.Short(l.P50),
				format.Short(l.P90), format.Short(l.P99), format.Short(l.P999), format.Short(l.Max),
			})
			name = ""
		}
	}
	p.curves(&v)
	return v
}

// curves draws the percentile curves.
func (p *page) curves(v *latencyView) {
	low, high, most := math.Inf(1), 0.0, 1.0
	for _, c := range p.Report.Curves {
		n := min(len(c.Percents), len(c.LatencyMS))
		for i := range n {
			low, high = min(low, max(c.LatencyMS[i], 0.01)), max(high, c.LatencyMS[i])
		}
		if c.N > 0 && n > 0 {
			most = max(most, math.Log10(float64(c.N)))
		}
	}
	if math.IsInf(low, 1) || !(high > 0) || math.IsInf(high, 1) {
		return
	}
	bottom, top := math.Floor(math.Log10(low)*2)/2, math.Ceil(math.Log10(high)*2)/2
	if top <= bottom {
		top = bottom + 0.5
	}
	y := func(ms float64) float64 {
		return latencyHeight * (1 - (math.Log10(max(ms, 0.01))-bottom)/(top-bottom))
	}
	for _, c := range p.Report.Curves {
		n := min(len(c.Percents), len(c.LatencyMS))
		if n == 0 {
			continue
		}
		var b strings.Builder
		for i := range n {
			x := most // 100 % has no place on the axis: the maximum is drawn where one request of all is beyond
			if c.Percents[i] < 100 {
				x = nines(clamp(c.Percents[i], 100))
			} else if c.N > 0 {
				x = math.Log10(float64(c.N))
			}
			up := clamp(y(c.LatencyMS[i]), latencyHeight)
			fmt.Fprintf(&b, "%s,%s ", number(1000*clamp(x/most, 1), 1), number(up, 1))
		}
		at := func(percent float64) string {
			for i := range n {
				if c.Percents[i] >= percent-1e-6 {
					return milli(c.LatencyMS[i])
				}
			}
			return ""
		}
		v.Lines = append(v.Lines, latencyLine{latencyRow{
			"", analysis.Answerer(c.Version), p.colors.version(c.Version), c.N,
			at(50), at(90), at(99), at(99.9), milli(c.LatencyMS[n-1]),
		}, template.HTML(b.String())}) // #nosec G203 -- numbers alone
	}
	v.XTicks = ninesTicks(most)
	for e := math.Floor(bottom); e <= top+1e-9; e++ {
		for _, m := range []float64{1, 2, 5} {
			ms := m * math.Pow(10, e)
			l := math.Log10(ms)
			if l < bottom-1e-9 || l > top+1e-9 || m != 1 && top-bottom > 2 {
				continue
			}
			v.YTicks = append(v.YTicks, tick{At: number(y(ms), 1), Text: milli(ms)})
		}
	}
}

// ninesTicks label an axis of nines: 50 %, 90 %, 99 % and so on, as far as there is room for them.
func ninesTicks(most float64) (all []tick) {
	const letter = 2.4 // the width of one, in percent of a phone's axis
	end := 0.0
	for _, percent := range []float64{50, 90, 99, 99.9, 99.99, 99.999, 99.9999} {
		x := 100 * nines(percent) / most
		if x > 100 {
			break
		}
		t := tick{At: number(x, 2), Text: strconv.FormatFloat(percent, 'f', -1, 64) + " %"}
		width := letter * float64(len(t.Text))
		from := x - width/2
		if x > 92 {
			t.Class, from = "last", x-width
		}
		if len(all) == 0 || from > end {
			all, end = append(all, t), from+width+letter
		}
	}
	return all
}

// milli prints milliseconds at an axis.
func milli(ms float64) string {
	switch {
	case ms >= 1000:
		return strconv.FormatFloat(ms/1000, 'g', 3, 64) + " s"
	case ms >= 100:
		return strconv.FormatFloat(ms, 'f', 0, 64) + " ms"
	}
	return strconv.FormatFloat(ms, 'g', 3, 64) + " ms"
}
