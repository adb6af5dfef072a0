package expect

import (
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports/analysis"
)

func TestShare(t *testing.T) {
	unsettled := split(0, 0)
	unsettled.SettledAt = time.Time{}
	holds(t, "share", []judged{
		{"share", Share("v2", 5), split(4744, 256), pass, ""},
		{"share too high", Share("v2", 5), split(4625, 375), fail, "a true share of 5 % gives 190 to 315 of 5,000"},
		{"share too low", Share("v2", 5), split(4850, 150), fail, "a true share of 5 %"},
		{
			"share, few requests that fit", Share("v2", 5), split(95, 5), inconclusive,
			"100 requests are too few: this takes 3,767",
		},
		{"share, few requests that contradict", Share("v2", 5), split(50, 50), fail, "of 100 requests"},
		{"share, no data", Share("v2", 5), split(0, 0), inconclusive, "0 requests are too few"},
		{"share, never settled", Share("v2", 5), unsettled, inconclusive, "not seen to arrive"},
		{"share, never began", Share("v2", 5), analysis.Observation{}, inconclusive, "never began"},
		{"share, errors of Envoy count among all", Share("v1", 95), v1(4750, uh(250)), pass, ""},
		{"share, errors of Envoy are not v2's", Share("v2", 5), v1(4750, uh(250)), fail, ""},
		{"share, errors of the app are v2's", Share("v2", 5), v1(4750, app(250)), pass, ""},
		{"none", Share("v2", 0), split(2000, 0), pass, ""},
		{"none, one stray", Share("v2", 0), split(2000, 1), fail, "not one was allowed"},
		{"none, one stray of few", Share("v2", 0), split(10, 1), fail, "not one was allowed"},
		{"none, too few", Share("v2", 0), split(916, 0), inconclusive, "too few"},
		{"none, just enough", Share("v2", 0), split(917, 0), pass, ""},
		{"none, no data", Share("v2", 0), split(0, 0), inconclusive, ""},
		{"all", Share("v1", 100), split(2000, 0), pass, ""},
		{"all, one stray", Share("v1", 100), v1(2000, uh(1)), fail, "every one was wanted"},
		{"all, no data", Share("v1", 100), split(0, 0), inconclusive, ""},
		{"cohort", Share("v2", 100).Of("beta"), split(0, 2000), pass, ""},
		{"cohort that sent nothing", Share("v2", 100).Of("gamma"), split(0, 2000), inconclusive, "0 requests"},
	})
}
