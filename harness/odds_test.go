package harness

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/loadgen"
)

// gated is a story whose canary gets a tenth of 500 requests a second, and then half of them.
func gated() Scenario {
	s := story()
	gate := Gate{Checks: []Check{FailedShare("v2", 5), LatencyP99("v2", 250)}}
	const route = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: my-service, namespace: " +
		"story}\nspec: {hosts: [my-service], http: [{route: [{destination: {subset: v1}, weight: %d}, " +
		"{destination: {subset: v2}, weight: %d}]}]}\n"
	files := s.Files.(fstest.MapFS)
	files["story/2-half.yaml"] = &fstest.MapFile{Data: fmt.Appendf(nil, route, 90, 10)}
	files["story/3-broken.yaml"] = &fstest.MapFile{Data: fmt.Appendf(nil, route, 50, 50)}
	s.Phases[1].Until = gate
	s.Phases[2] = Phase{Name: "more", Do: Apply("3-broken.yaml"), Until: gate}
	s.Phases = append(s.Phases, Phase{Name: "worse", Do: Inject{Version: "v2"}, Until: gate})
	return s
}

// A countedPrometheus scrapes a canary that gets one request after the other, counts those of the last 5 s that are
// bad, and knows nothing else.
type countedPrometheus struct {
	random      *rand.Rand
	begin, next time.Time
	load        float64 // of all versions together
	weight, bad float64
	// good is the part of its answers that was bad before the moment turns.
	good       float64
	turns      time.Time
	scrapes    []scrape
	all, wrong int
	times      int
}

type scrape struct {
	at         time.Time
	all, wrong int
}

func (p *countedPrometheus) Query(_ context.Context, _, query string) (float64, bool, error) {
	for ; !p.next.After(time.Now()); p.next = p.next.Add(time.Second) {
		for ; ; p.times++ {
			at, bad := p.begin.Add(time.Duration(float64(p.times)/p.load*1e9)), p.bad
			if at.After(p.next) {
				break
			}
			if at.Before(p.turns) {
				bad = p.good
			}
			if p.random.Float64() < p.weight {
				p.all++
				if p.random.Float64() < bad {
					p.wrong++
				}
			}
		}
		p.scrapes = append(p.scrapes, scrape{p.next, p.all, p.wrong})
	}
	at := func(t time.Time) (last scrape) {
		for _, s := range p.scrapes {
			if !s.at.After(t) {
				last = s
			}
		}
		return last
	}
	now, then := at(time.Now()), at(time.Now().Add(-5*time.Second))
	n, k := now.all-then.all, now.wrong-then.wrong
	if n == 0 {
		return 0, false, nil
	}
	if strings.Contains(query, "histogram_quantile") {
		if float64(n-k) < 0.99*float64(n) {
			return 500, true, nil
		}
		return 100, true, nil
	}
	return 100 * float64(k) / float64(n), true, nil
}

func (p *countedPrometheus) LastScrape(context.Context, string, string) (time.Time, error) {
	return time.Now(), nil
}

// The odds that are printed are those of the gate itself, when it asks a Prometheus that counts one request after the
// other.
func TestOddsAreTheGates(t *testing.T) {
	s := gated()
	s.Load = loadgen.Plan{URL: "http://my-service/", Cohorts: []loadgen.Cohort{{Name: "everyone", Rate: 500}}}
	printed := regexp.MustCompile(
		`([0-9.]+) % [^:;]*: stopped in ([0-9.]+) % [^,]*, ([0-9.]+) %: let on in ([0-9.]+) %`,
	)
	seed := uint64(10)
	for k, weight := range []float64{0.1, 0.5, 0.5} {
		i := k + 1
		text := s.Odds(i)
		t.Log(text)
		if rate := fmt.Sprintf("at %g requests a second for v2", 500*weight); !strings.Contains(text, rate) {
			t.Errorf("got %q, want %q in it", text, rate)
		}
		all := printed.FindAllStringSubmatch(text, -1)
		checks := s.Phases[i].Until.(Gate).Checks
		if len(all) != len(checks) {
			t.Fatalf("got %q, want the odds of %d checks", text, len(checks))
		}
		for n, check := range checks {
			var percent [4]float64
			for j, one := range all[n][1:] {
				percent[j], _ = strconv.ParseFloat(one, 64)
			}
			seed++
			const rollouts = 800
			of := countedPrometheus{load: 500, weight: weight, good: percent[0] / 100, bad: percent[0] / 100}
			stopped, _ := gateDecides(t, check, seed, rollouts, of, i == 3)
			of.bad = percent[2] / 100
			_, promoted := gateDecides(t, check, seed, rollouts, of, i == 3)
			for j, got := range []float64{stopped, promoted} {
				want := percent[2*j+1]
				// 4 standard deviations of both simulations, and one rollout.
				p := max(want/100, 1.0/rollouts)
				deviation := math.Sqrt(p * (1 - p) * (1.0/rollouts + 1.0/simulatedRollouts))
				if math.Abs(got-want) > 100*(4*deviation+1.0/rollouts) {
					t.Errorf("%s, weight %g, %g %% bad: the gate itself was wrong in %.2f %%, and %.2f %% are printed",
						check.Name, weight, percent[2*j], got, want)
				}
			}
		}
	}
}

// gateDecides has a gate decide about so many canaries, and returns the percentages that it stopped and promoted. Some
// canaries were there before.
func gateDecides(
	t *testing.T, c Check, seed uint64, rollouts int, of countedPrometheus, before bool,
) (stopped, promoted float64) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 7))
	for range rollouts {
		synctest.Test(t, func(t *testing.T) {
			p := of
			p.random, p.turns = random, time.Now()
			p.begin = time.Now().Add(time.Duration(random.Float64() * 1e9))
			if before {
				p.begin = p.begin.Add(-7 * time.Second)
			}
			p.next = p.begin.Add(time.Duration(random.Float64() * 1e9))
			d, err := Gate{Checks: []Check{c}}.decide(
				t.Context(), watched{scenario: story(), env: environment.Environment{Metrics: &p}})
			switch {
			case err != nil:
				t.Error(err)
			case d.Bad:
				stopped += 100 / float64(rollouts)
			default:
				promoted += 100 / float64(rollouts)
			}
		})
	}
	return stopped, promoted
}

// Odds that nobody can know are not told.
func TestOddsThatAreNotKnown(t *testing.T) {
	for name, change := range map[string]func(*Scenario){
		"a query of one's own": func(s *Scenario) {
			s.Phases[1].Until = Gate{Checks: []Check{{Name: "x", Query: "x", Series: "x"}}}
		},
		"another subset": func(s *Scenario) { s.Phases[1].Until = Gate{Checks: []Check{FailedShare("v3", 5)}} },
		"a load that swings": func(s *Scenario) {
			s.Load.Shape = &loadgen.Shape{Sine: &loadgen.Sine{Amplitude: 0.5, Period: time.Minute}}
		},
		"no gate": func(s *Scenario) { s.Phases[1].Until = SequentialTest{Good: 1, Bad: 10} },
	} {
		s := gated()
		change(&s)
		if got := s.Odds(1); got != "" {
			t.Errorf("%s: got %q, want nothing", name, got)
		}
	}
}

func BenchmarkOdds(b *testing.B) {
	s := gated()
	for b.Loop() {
		s.Odds(1)
	}
}
