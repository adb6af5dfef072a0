package loadgen

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"math"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Bounds of a Plan.
const (
	// MaxCohorts bounds the cohorts. Ten routes with the requests that just miss them take about a hundred.
	MaxCohorts = 256
	// MaxCopies bounds a cohort's copies: a route of Istio's has one mirror or a short list of them.
	MaxCopies = 16
	// MaxUsers bounds a cohort's virtual users. Half an hour at 500 requests a second has two requests of each.
	MaxUsers = 500_000
	// MaxRate is for all cohorts together, in requests a second. One agent on two cores, with sidecars beside
	// it, can send about a tenth of it. The bound catches a slip of the finger.
	MaxRate = 20000
	// MaxDuration is how long it was tried that lab and agent need no more memory than in the first minutes.
	MaxDuration = 6 * time.Hour
	// MaxTimeout is longer than any timeout that Envoy has by default, so that the mesh gives up first.
	MaxTimeout     = time.Minute
	DefaultTimeout = 10 * time.Second
	// MaxBody bounds a request's body, in bytes.
	MaxBody = 1 << 20
	// MaxAgents bounds how many agents share a plan.
	MaxAgents = 64
	// MaxLead is how long before its Start an agent may get a plan.
	MaxLead = 5 * time.Minute
)

// A Plan is one unbroken open-loop run: every cohort sends at its own rate from the first request to the last,
// whatever the mesh answers.
type Plan struct {
	// Run names the run, in kebab case. It is the prefix of every request's x-request-id, which joins it with a
	// proxy's access log. RunID makes one.
	Run string `json:"run"`
	// URL is what every request asks for whose cohort has no other, such as http://my-service/. Redirects are not
	// followed.
	URL string `json:"url"`
	// Method is that of every request whose cohort has no other. Empty means GET.
	Method string `json:"method,omitempty"`
	// Body is every request's, nil for none.
	Body *Body `json:"body,omitempty"`
	// FreshConnections opens a connection for each request (no keep-alive). Otherwise connections are used again.
	FreshConnections bool `json:"freshConnections,omitempty"`
	// Rate is that of all cohorts together, in requests a second, if they share it by their weights. It is 0 if
	// each cohort has a rate of its own.
	Rate int `json:"rate,omitempty"`
	// Shape changes the rates over time. Nil keeps them constant.
	Shape *Shape `json:"shape,omitempty"`
	// Seed is the seed of all that is random: a Body with a Size. Equal seeds give equal bodies, and 0 is a
	// seed like any other. The agent never makes up a seed, so a plan that was written down tells which one it
	// was.
	Seed uint64 `json:"seed,omitempty"`
	// Cohorts run concurrently. Their names are unique. At least one is needed.
	Cohorts []Cohort `json:"cohorts"`
	// Duration is the most that the run lasts. It is a safety bound, because a client normally stops a run earlier.
	Duration time.Duration `json:"durationNs"`
	// Timeout is how long one request may take before it counts as unanswered. Zero means 10 s.
	Timeout time.Duration `json:"timeoutNs,omitempty"`
	// Agents is how many agents share the plan. Agent number Agent, counted from 0, sends every Agents-th
	// request of each cohort, beginning with request number Agent, each when the whole plan has it due.
	// Together the agents send what one would. 0 and 1 both mean that one agent sends everything.
	Agents int `json:"agents,omitempty"`
	Agent  int `json:"agent,omitempty"`
	// Start is the moment from which all due times count, by the agent's own clock. It is in the future, by
	// MaxLead at most. Zero is the moment at which the agent begins.
	Start time.Time `json:"start,omitzero"`
}

// A share says which requests of a plan an agent sends: those whose number divided by agents has the remainder
// agent. Zero is one agent that sends all of them.
type share struct{ agent, others uint64 }

func (p Plan) share() share { return share{uint64(p.Agent), uint64(max(p.Agents, 1) - 1)} }

// agents returns how many agents there are.
func (s share) agents() uint64 { return s.others + 1 }

// number returns the number in the whole plan of an agent's n-th request, both counted from 0.
func (s share) number(n uint64) uint64 { return s.agent + n*s.agents() }

// count is the inverse of number. ok is false for another agent's request.
func (s share) count(number uint64) (n uint64, ok bool) {
	return number / s.agents(), number%s.agents() == s.agent
}

// timeout returns Timeout or its default.
func (p Plan) timeout() time.Duration { return cmp.Or(p.Timeout, DefaultTimeout) }

// RateOf returns a cohort's rate in requests a second, without the plan's Shape. It is 0 for a cohort that the
// plan does not have.
func (p Plan) RateOf(cohort string) float64 {
	weights := 0.0
	for _, c := range p.Cohorts {
		weights += c.Weight
	}
	for _, c := range p.Cohorts {
		if c.Name != cohort {
			continue
		}
		if p.Rate > 0 {
			return float64(p.Rate) * c.Weight / weights
		}
		return float64(c.Rate)
	}
	return 0
}

// TotalRate returns the rate of all cohorts together in requests a second, without the plan's Shape.
func (p Plan) TotalRate() float64 {
	total := 0.0
	for _, c := range p.Cohorts {
		total += p.RateOf(c.Name)
	}
	return total
}

// At returns the plan with another rate of all cohorts together, in requests a second. Cohorts keep their
// proportions. Of those with rates of their own, and where agents at different entries share the plan, each keeps it
// to within one request a second: such a rate is a whole number, and they add up to rate.
func (p Plan) At(rate int) Plan {
	total := p.TotalRate()
	if total == float64(rate) || total <= 0 {
		return p
	}
	if p.Rate > 0 && len(p.Entries()) == 1 {
		p.Rate = rate
		return p
	}
	whole := p
	p.Rate, p.Cohorts = 0, slices.Clone(p.Cohorts)
	// The largest remainders get what is left after rounding down.
	exact := make([]float64, len(p.Cohorts))
	byRest := make([]int, len(p.Cohorts))
	left := rate
	for i, c := range p.Cohorts {
		exact[i], byRest[i] = whole.RateOf(c.Name)*float64(rate)/total, i
		p.Cohorts[i].Rate, p.Cohorts[i].Weight = int(exact[i]), 0
		left -= p.Cohorts[i].Rate
	}
	rest := func(i int) float64 { return exact[i] - math.Trunc(exact[i]) }
	slices.SortStableFunc(byRest, func(a, b int) int { return cmp.Compare(rest(b), rest(a)) })
	for _, i := range byRest[:min(max(left, 0), len(byRest))] {
		p.Cohorts[i].Rate++
	}
	return p
}

// Expected returns how many requests a cohort should send from one moment to another, both counted from the
// start of the load: its rate times the integral of the Shape. The number of requests that are due from the
// first moment on and before the second differs from it by less than 1. It differs by 1 if a request is due at
// the second moment, because that one is not counted.
func (p Plan) Expected(cohort string, from, to time.Duration) float64 {
	return p.RateOf(cohort) * (p.Shape.area(to.Seconds()) - p.Shape.area(from.Seconds()))
}

// peak returns the highest rate of all cohorts together that one agent sends.
func (p Plan) peak() float64 {
	return p.TotalRate() * p.Shape.peak() / float64(p.share().agents())
}

// A Body is a request's body: Text, or Size random bytes from the plan's Seed, the same for every request.
type Body struct {
	Text string `json:"text,omitempty"`
	Size int    `json:"size,omitempty"`
}

// bytes returns the body, nil for none.
func (b *Body) bytes(seed uint64) []byte {
	switch {
	case b == nil:
		return nil
	case b.Text != "":
		return []byte(b.Text)
	}
	all := make([]byte, b.Size)
	// The seed is intended: this is filler that can be made again, not a secret.
	source := mathrand.New(mathrand.NewPCG(seed, 0))
	for i := range all {
		all[i] = byte('a' + source.IntN(26))
	}
	return all
}

// RunID makes up a Run of six letters and digits. People type it, and it does not guard a secret.
func RunID() string { return strings.ToLower(rand.Text()[:6]) }

// StopLine ends a run when it is written to the agent after the plan.
const StopLine = "stop\n"

// WritePlan writes p as the one line that Serve reads.
func WritePlan(w io.Writer, p Plan) error {
	if err := json.NewEncoder(w).Encode(p); err != nil {
		return fmt.Errorf("write the load plan: %w", err)
	}
	return nil
}
