package expect

import (
	"testing"

	"github.com/canarylab/canarylab/reports/analysis"
)

func TestReachAtMost(t *testing.T) {
	of := func(f analysis.Failure, hop analysis.Hop) analysis.Failure {
		f.Subset, f.Hop = "v2", hop
		return f
	}
	unanswered := analysis.Failure{Flag: "UC", Count: 4}
	seven := counts(map[string]int{"v1": 93, "v2": 7})
	received := func(o analysis.Observation, v2 uint64, underWay int) analysis.Observation {
		o.Received, o.UnderWay = map[string]uint64{"v2": v2}, map[string]int{"v2": underWay}
		return o
	}
	claim := ReachAtMost("v2", 7)
	holds(t, "reach-at-most", []judged{
		{"as many", claim, changing(split(2000, 0), seven), pass, ""},
		{"one more once settled", claim, changing(split(2000, 1), seven), fail, "v2 was reached by more"},
		{"another version", ReachAtMost("v3", 0), changing(split(2000, 1), seven), pass, ""},
		{"one more in transition", ReachAtMost("v2", 6), changing(split(2000, 0), seven), fail, "more"},
		{"its own errors count", claim, changing(v1(2000, app(1)), seven), fail, "more"},
		{"failed in its proxy", claim, changing(v1(2000, of(uh(1), analysis.ServerHop)), seven), fail, "more"},
		{"never got there", claim, changing(v1(2000, of(uh(9), analysis.ClientHop)), seven), pass, ""},
		{"perhaps got there", claim, changing(v1(2000, of(unanswered, analysis.ClientHop)), seven), inconclusive,
			"4 more"},
		{"answers lost", claim, received(changing(split(2000, 0), seven), 1, 0), fail, "more"},
		{"under way when read", claim, received(changing(split(2000, 0), seven), 3, 3), pass, ""},
		{"too many, and never settled", ReachAtMost("v2", 6), unsettled(seven), fail, "more"},
		{"never settled", claim, unsettled(seven), inconclusive, "not seen to arrive"},
		{"too few", claim, changing(split(20, 0), seven), inconclusive, "too few"},
		{"of a cohort", ReachAtMost("v2", 6).Of("beta"), changing(split(2000, 0), seven), fail, "more"},
		{"of another", claim.Of("gamma"), changing(split(2000, 0), seven), inconclusive, ""},
	})
}
