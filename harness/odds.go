package harness

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

const (
	// scrapeEvery is how often the namespace's Prometheus scrapes, and how often the callers' sidecars bring their
	// histograms up to date, in seconds.
	scrapeEvery = 1.0
	// simulatedRollouts is how many rollouts the odds of a check are of, for each canary.
	simulatedRollouts = 4000
)

// A spot is what a check counts: answers of a subset that are not as they should be.
type spot struct {
	// subset is whose answers they are, what is what they are: "failed requests".
	subset, what string
	// limit is the share of them, as a fraction of 1, above which the check is beyond its Limit.
	limit float64
}

// Odds says how often the gate of a phase, counted from 0, is wrong. It is empty where that is not known: the phase has
// no gate, its checks are queries of somebody's own or about several subsets, or the canary's rate depends on more than
// one weight.
//
// Rollouts are simulated as they run. Requests come at random at the canary's rate, and each is bad with a fixed
// probability. Counters are scraped once a second, and a check is of the last 5 s that were scraped. Where the canary
// is new, the first looks are at a few requests only, and decide most. Each check is taken for itself.
func (s Scenario) Odds(phase int) string {
	g, ok := s.Phases[phase].Until.(Gate)
	if !ok || len(g.Checks) == 0 {
		return ""
	}
	subset := g.Checks[0].spot.subset
	rate, known := s.rateOf(phase, subset)
	if !known {
		return ""
	}
	r, since := gatedRollout{gate: g, rate: rate}, ""
	if before, _ := s.rateOf(max(phase-1, 0), subset); before == rate && phase > 0 {
		r.before, since = gateSeconds+1, " as before"
	}
	var parts []string
	for _, c := range g.Checks {
		if c.spot.subset != subset {
			return ""
		}
		parts = append(parts, r.odds(c))
	}
	return fmt.Sprintf("of %s simulated rollouts, at %s requests a second for %s%s, one check at a time: %s",
		format.Number(simulatedRollouts), number(math.Round(rate)), subset, since, strings.Join(parts, "; "))
}

// odds says how often a check stops a canary with a fifth of what the check allows, and lets one on with four times as
// much.
func (r gatedRollout) odds(c Check) string {
	few, many := c.spot.limit/5, min(4*c.spot.limit, 1)
	r.limit, r.good, r.bad = c.spot.limit, few, few
	stopped, _ := r.play(simulatedRollouts)
	r.bad = many
	_, promoted := r.play(simulatedRollouts)
	return fmt.Sprintf("%s %% %s: stopped in %s, %s %%: let on in %s", number(few*100), c.spot.what,
		ofRollouts(stopped), number(many*100), ofRollouts(promoted))
}

// ofRollouts is how many of the simulated rollouts it were, with the interval that their number leaves.
func ofRollouts(n int) string {
	share := analysis.NewShare(n, simulatedRollouts)
	return fmt.Sprintf("%s %% [%s–%s]", format.Percent(share.Percent), format.Percent(share.Low),
		format.Percent(share.High))
}

// A gatedRollout is a canary that gets rate requests a second, of which the fraction bad is bad, and a gate with one
// check.
type gatedRollout struct {
	gate             Gate
	limit, rate, bad float64
	// before is for how many seconds the canary had its requests before the gate began to ask. The fraction good was
	// bad then.
	before, good float64
}

// play simulates n rollouts. Those that are neither stopped nor promoted have no decision within DefaultDeadline.
func (r gatedRollout) play(n int) (stopped, promoted int) {
	random := rand.NewPCG(1, 2)
	bad, good := r.gate.row()
	for range n {
		badRow, goodRow := 0, 0
		looks := newScrapes(r, random)
		for badRow < bad && goodRow < good {
			share, ok := looks.next()
			if !ok {
				break
			}
			switch {
			case math.IsNaN(share):
				badRow, goodRow = 0, 0
			case share > r.limit:
				badRow, goodRow = badRow+1, 0
			default:
				badRow, goodRow = 0, goodRow+1
			}
		}
		switch {
		case badRow >= bad:
			stopped++
		case goodRow >= good:
			promoted++
		}
	}
	return stopped, promoted
}

// scrapes are what Prometheus knows in one rollout: counters from the first request on, at seconds since then.
type scrapes struct {
	gatedRollout
	random rand.Source
	// first is when the first scrape is, at when the gate asks next.
	first, at float64
	// all and bad are the counters at each scrape; number 0 is before the first request.
	all, bad []float64
}

func newScrapes(r gatedRollout, random rand.Source) *scrapes {
	uniform := rand.New(random)
	return &scrapes{
		gatedRollout: r, random: random, first: uniform.Float64() * scrapeEvery,
		at: r.before + uniform.Float64()*r.gate.every().Seconds(), all: []float64{0}, bad: []float64{0},
	}
}

// next is the share that the gate's next question is answered with, NaN where there is none. It is not ok once the
// phase has ended.
func (s *scrapes) next() (share float64, ok bool) {
	at := s.at
	s.at += s.gate.every().Seconds()
	now, then := s.newest(at), s.newest(at-gateSeconds)
	return (s.bad[now] - s.bad[then]) / (s.all[now] - s.all[then]), at <= s.before+DefaultDeadline.Seconds()
}

// newest is the number of the last scrape at a moment.
func (s *scrapes) newest(at float64) int {
	n := max(int(math.Floor((at-s.first)/scrapeEvery))+1, 0)
	for len(s.all) <= n {
		last := len(s.all) - 1
		from, to := max(s.first+float64(last-1)*scrapeEvery, 0), s.first+float64(last)*scrapeEvery
		// late is the part of the time after the gate began to ask.
		late := min(max((to-s.before)/(to-from), 0), 1)
		all := distuv.Poisson{Lambda: s.rate * (to - from), Src: s.random}.Rand()
		bad := distuv.Binomial{N: all, P: s.good*(1-late) + s.gatedRollout.bad*late, Src: s.random}.Rand()
		s.all, s.bad = append(s.all, s.all[last]+all), append(s.bad, s.bad[last]+bad)
	}
	return n
}

// rateOf is how many requests a second a phase routes to a subset. It is known where one route has them all, and the
// load keeps its rate.
func (s Scenario) rateOf(phase int, subset string) (perSecond float64, known bool) {
	if subset == "" || s.Load.Shape != nil {
		return 0, false
	}
	objects, err := s.state(phase)
	if err != nil {
		return 0, false
	}
	weight, routes := 0.0, 0
	for _, o := range objects {
		if o.GetKind() != "VirtualService" {
			continue
		}
		var vs virtualService
		if b, err := json.Marshal(o.Object); err != nil || json.Unmarshal(b, &vs) != nil {
			return 0, false
		}
		for _, route := range vs.Spec.HTTP {
			weight += route.weightOf(subset)
			routes++
		}
	}
	for _, c := range s.Load.Cohorts {
		perSecond += s.Load.RateOf(c.Name)
	}
	return perSecond * weight, routes == 1 && weight > 0
}

// A virtualService is what odds depend on of one.
type virtualService struct {
	Spec struct {
		HTTP []httpRoute `json:"http"`
	} `json:"spec"`
}

type httpRoute struct {
	Route []struct {
		Weight      float64 `json:"weight"`
		Destination struct {
			Subset string `json:"subset"`
		} `json:"destination"`
	} `json:"route"`
}

// weightOf is a subset's part of a route, as a fraction of 1.
func (r httpRoute) weightOf(subset string) (part float64) {
	total := 0.0
	for _, d := range r.Route {
		weight := d.Weight
		if len(r.Route) == 1 {
			weight = 1 // it needs none
		}
		total += weight
		if d.Destination.Subset == subset {
			part += weight
		}
	}
	if total == 0 {
		return 0
	}
	return part / total
}
