package analysis

import (
	"reflect"
	"testing"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/internal/labtrace"
)

func TestRollback(t *testing.T) {
	const x = time.Millisecond
	phases := []PhaseSpec{{Name: "canary"}, {Name: "back", Rollback: true, Canary: "v2"}}
	half := NewShare(100, 200)
	for _, test := range []struct {
		name      string
		meet      func(ms float64, s *loadgen.Sample)
		want      Rollback
		recovered bool
	}{{
		"route and drain",
		func(ms float64, s *loadgen.Sample) {
			switch {
			case ms == 2050: // before the write, still under way long after it
				s.Version, s.Done = "v2", labtrace.At(2900)
			case ms == 2100 || ms == 2150:
				s.Version = "v2"
			case ms == 2140:
				s.Version, s.Code = "v2", 503
			case ms == 2130:
				s.Version, s.Code = "", 0
			}
		},
		Rollback{Route: 50 * x, Drain: 800 * x, Low: 50 * x, High: 165 * x, Switch: 65 * x, Unaffected: 184,
			Failed: 2, Canaries: 2, UnderWay: 1, Kinds: map[string]int{"503": 1, "no answer": 1, "v2": 2}, Parts: Parts{
				Write: 10 * x, Proxy: 200 * x, InFlight: 600 * x,
			}}, true,
	}, {
		"none sent after the write",
		func(ms float64, s *loadgen.Sample) {
			if ms == 2090 {
				s.Version, s.Done = "v2", labtrace.At(2107)
			}
		},
		Rollback{Drain: 7 * x, High: 105 * x, Switch: 5 * x, Unaffected: 190, NoneAfter: true, UnderWay: 1,
			Parts: Parts{Write: 10 * x, Proxy: 200 * x, InFlight: -193 * x}}, true,
	}, {
		"none near the write",
		func(float64, *loadgen.Sample) {},
		Rollback{High: 105 * x, Switch: 5 * x, Unaffected: 190, NoneAfter: true,
			Parts: Parts{Write: 10 * x, Proxy: 200 * x}}, true,
	}, {
		"stray after every proxy holds it",
		func(ms float64, s *loadgen.Sample) {
			if ms == 2200 || ms == 3100 {
				s.Version = "v2"
			}
		},
		Rollback{Route: 1000 * x, Drain: 1005 * x, Low: 1000 * x, Unaffected: 89, Canaries: 2, Strays: 1,
			Kinds: map[string]int{"v2": 2}, Parts: Parts{Write: 10 * x, Proxy: 200 * x, InFlight: 805 * x}}, false,
	}, {
		"goes on to the end",
		func(ms float64, s *loadgen.Sample) {
			if ms >= 2000 && ms < 3960 {
				s.Version = "v2"
			}
		},
		Rollback{Route: 1850 * x, Drain: 1855 * x, Low: 1850 * x, Unaffected: 4, Canaries: 186, Strays: 146,
			Kinds: map[string]int{"v2": 186}, Parts: Parts{Write: 10 * x, Proxy: 200 * x, InFlight: 1655 * x}}, false,
	}} {
		t.Run(test.name, func(t *testing.T) {
			o := analyze(labtrace.Rollback(test.meet), phases, loadgen.Plan{}).Observations[1]
			test.want.Canary, test.want.Before, test.want.Rate, test.want.Resolution = "v2", half, 100, 20*x
			if o.Rollback == nil {
				t.Fatal("got no rollback")
			}
			if test.want.Kinds == nil {
				test.want.Kinds = map[string]int{}
			}
			// The chance follows from Unaffected; see below.
			test.want.Chance = o.Rollback.Chance
			if !reflect.DeepEqual(*o.Rollback, test.want) {
				t.Fatalf("got  %#v\nwant %#v", *o.Rollback, test.want)
			}
			if got := o.Rollback.Recovered(); got != test.recovered {
				t.Errorf("got recovered %t, want %t", got, test.recovered)
			}
			if c := *o.Change; c.Took() != 10*x || c.FirstSynced != -5*x || c.LastSynced != 200*x || c.Proxies != 2 {
				t.Errorf("got change %+v, want it to take 10 ms, 2 synced from -5 ms to 200 ms", c)
			}
		})
	}
}

// A rollback that ends somewhere else, with a lower share of the canary, is none.
func TestRollbackToALowerShareIsNone(t *testing.T) {
	tr := labtrace.Rollback(func(ms float64, s *loadgen.Sample) {
		s.Version = "v1"
		if ms < 2200 || int(ms)%100 < 30 && ms < 3990 {
			s.Version = "v2"
		}
	})
	r := analyze(tr, []PhaseSpec{{Name: "canary"}, {Name: "back", Rollback: true, Canary: "v2"}},
		loadgen.Plan{}).Observations[1].Rollback
	if r.Before.Count != r.Before.Of || r.Unaffected < 2 || r.Recovered() || r.High != 0 {
		t.Errorf("got %+v, want all affected before, some unaffected at the end, and no bracket", r)
	}
}

func TestRollbackWithNothingToTime(t *testing.T) {
	tr := labtrace.Rollback(func(ms float64, s *loadgen.Sample) { s.Version = "v1" })
	r := analyze(tr, []PhaseSpec{{Name: "canary"}, {Name: "back", Rollback: true, Canary: "v2"}},
		loadgen.Plan{}).Observations[1].Rollback
	if r == nil || r.Known() || r.Recovered() || r.High != 0 {
		t.Errorf("no canary before: got %+v, want a rollback that is not known", r)
	}
	if r := analyze(
		tr, []PhaseSpec{{Name: "back", Rollback: true, Canary: "v2"}}, loadgen.Plan{},
	).Observations[0].Rollback; r == nil || r.Known() {
		t.Errorf("no phase before: got %+v, want a rollback that is not known", r)
	}
	phases := []PhaseSpec{{Name: "canary"}, {Name: "back"}}
	if r := analyze(tr, phases, loadgen.Plan{}).Observations[1].Rollback; r != nil {
		t.Errorf("no rollback phase: got %+v, want none", r)
	}
}

// A clock that watches one cohort does not see what others meet.
func TestRollbackOfCohort(t *testing.T) {
	tr := labtrace.Rollback(func(ms float64, s *loadgen.Sample) {
		if s.Version == "v1" {
			s.Cohort, s.Version = "beta", "v2" // always, also after the rollback
		}
	})
	phases := []PhaseSpec{{Name: "canary"}, {Name: "back", Rollback: true, Canary: "v2", Cohort: "plain"}}
	r := analyze(tr, phases, loadgen.Plan{}).Observations[1].Rollback
	if r.Before != NewShare(100, 100) || r.Rate != 50 || r.Canaries != 0 || !r.NoneAfter {
		t.Errorf("got %+v, want 100 of 100 at 50 a second before, and nothing after", r)
	}
}
