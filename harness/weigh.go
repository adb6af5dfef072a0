package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/reports"
)

// A weigh gives the canary's subset a share of the requests, and another subset the rest. It takes the route as it is
// by then, so that it is no step of a scenario: those say what they write.
type weigh struct {
	canary, other string
	percent       int
}

// Weigh returns a step that gives the canary a share of the requests, in percent. ok is false where there is no such
// thing: the scenario's routes tell callers apart, or know other subsets than the canary's and one more.
func (s Scenario) Weigh(percent int) (step Step, ok bool) {
	subsets := map[string]bool{s.Canary: true}
	for i := range s.Phases {
		st, err := s.state(i)
		if err != nil {
			return nil, false
		}
		route, one := st.route()
		if !one {
			return nil, false
		}
		for _, d := range destinations(route) {
			subset, _ := dig(d, "destination", "subset").(string)
			subsets[subset] = true
		}
	}
	delete(subsets, s.Canary)
	if s.Canary == "" || len(subsets) != 1 || subsets[""] {
		return nil, false
	}
	for other := range subsets {
		step = weigh{canary: s.Canary, other: other, percent: percent}
	}
	return step, true
}

// Weight returns the share of the requests that the canary's subset has after a phase, counted from 0, in percent. ok
// is false where there is no such thing, as for Weigh.
func (s Scenario) Weight(phase int) (percent int, ok bool) {
	st, err := s.state(phase)
	if err != nil {
		return 0, false
	}
	vs, ok := st.route()
	if !ok {
		return 0, false
	}
	all := destinations(vs)
	for _, d := range all {
		if dig(d, "destination", "subset") != s.Canary {
			continue
		}
		weight, says := integer(dig(d, "weight"))
		if !says && len(all) == 1 {
			weight = 100
		}
		percent += int(weight)
	}
	return percent, true
}

// route returns the one VirtualService, if it has one route for all requests to the Service.
func (st *state) route() (vs object, ok bool) {
	for _, o := range st.objects {
		if o.GetKind() != routeKind {
			continue
		}
		if vs != nil {
			return nil, false
		}
		vs = o
	}
	if vs == nil {
		return nil, false
	}
	http, _ := dig(vs.Object, "spec", "http").([]any)
	if len(http) != 1 || dig(http[0], "match") != nil {
		return nil, false
	}
	for _, d := range destinations(vs) {
		if dig(d, "destination", "host") != environment.Service {
			return nil, false
		}
	}
	return vs, len(destinations(vs)) > 0
}

// destinations returns those of a VirtualService's first route.
func destinations(vs object) []any {
	http, _ := dig(vs.Object, "spec", "http").([]any)
	if len(http) == 0 {
		return nil
	}
	all, _ := dig(http[0], "route").([]any)
	return all
}

// destinations returns what the step writes.
func (w weigh) destinations() []any {
	to := func(subset string, percent int) any {
		return map[string]any{
			"destination": map[string]any{"host": environment.Service, "subset": subset}, "weight": int64(percent),
		}
	}
	return []any{to(w.other, 100-w.percent), to(w.canary, w.percent)}
}

// String implements Step.
func (w weigh) String() string {
	b, err := json.Marshal([]any{
		map[string]any{"op": "replace", "path": "/spec/http/0/route", "value": w.destinations()},
	})
	if err != nil { // texts and numbers have a form
		return err.Error()
	}
	return fmt.Sprintf("kubectl patch virtualservice %s --type=json -p '%s'", environment.Service, b)
}

// Action implements Step.
func (w weigh) Action() reports.Action {
	return reports.Action{Kind: "weigh", Brief: fmt.Sprintf("give %s %d %%", w.canary, w.percent)}
}

func (w weigh) check(Scenario, map[string]bool) error {
	if w.percent < 0 || w.percent > 100 {
		return fmt.Errorf("%d %% is no share", w.percent)
	}
	return nil
}

func (weigh) effects(Scenario) effects { return effects{Proxies: true} }

// leave implements leaver.
func (w weigh) leave(st *state) {
	vs, ok := st.route()
	if !ok {
		return
	}
	changed := vs.DeepCopy()
	http, _ := dig(changed.Object, "spec", "http").([]any)
	if route, is := http[0].(map[string]any); is {
		route["route"] = w.destinations()
	}
	st.objects[slices.Index(st.objects, vs)] = changed
}

func (w weigh) do(ctx context.Context, at moment) error {
	st, err := at.scenario.state(at.phase) // after this step
	if err != nil {
		return err
	}
	vs, ok := st.route()
	if !ok {
		return errors.New("there is no route for all requests to give a share of")
	}
	return at.env.Objects.Apply(ctx, []object{vs})
}
