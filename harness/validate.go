package harness

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/harness/addons"
	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/mesh"
	"github.com/canarylab/canarylab/internal/kebab"
	"github.com/canarylab/canarylab/loadgen"
)

// Validate returns nil, or all that is wrong with the scenario and its manifests. It needs no cluster.
func (s Scenario) Validate() error {
	errs := s.checkWords()
	if s.Files == nil {
		return errors.Join(append(errs, s.wrong("no files"))...)
	}
	errs = append(errs, s.checkLoad()...)
	if len(s.Phases) == 0 {
		return errors.Join(append(errs, s.wrong("no phases"))...)
	}
	if err := s.checkBaseline(); err != nil {
		errs = append(errs, s.wrong("%w", err))
	}
	names, applied := map[string]bool{}, map[string]bool{}
	for i, p := range s.Phases {
		wrong := s.checkPhase(p, names[p.Name], applied)
		names[p.Name] = true
		for _, err := range wrong {
			errs = append(errs, &PhaseError{Scenario: s.Name, Number: i + 1, Name: p.Name, Err: err})
		}
	}
	return errors.Join(errs...)
}

// wrong returns an error about the scenario as a whole.
func (s Scenario) wrong(format string, args ...any) error {
	return fmt.Errorf("scenario %s: "+format, append([]any{s.Name}, args...)...)
}

// checkWords finds what is wrong with the scenario's name, labels and texts.
func (s Scenario) checkWords() (errs []error) {
	wrong := func(format string, args ...any) { errs = append(errs, s.wrong(format, args...)) }
	if !kebab.IsLabel(s.Name) || len(s.Name) > 40 {
		wrong("%q is not a kebab-case name of up to 40 letters", s.Name)
	}
	if s.Title == "" {
		wrong("no title")
	}
	if (s.Cause == "") != (s.Fix == "") {
		wrong("a cause needs a fix, and a fix a cause")
	}
	if s.breaks() && (s.Cause == "" || s.Source == "" || len(s.See) == 0 || s.Back == "") {
		wrong("a story in which something breaks tells the cause, its source, how to see it, the fix, " +
			"and how a rollback behaves")
	}
	for _, l := range s.Labels {
		if l != Core && l != Slow {
			wrong("the label %q is not %s or %s", l, Core, Slow)
		}
	}
	return errs
}

// checkLoad finds what is wrong with the scenario's load.
func (s Scenario) checkLoad() (errs []error) {
	wrong := func(format string, args ...any) { errs = append(errs, s.wrong(format, args...)) }
	if s.Load.Run != "" || s.Load.Duration != 0 {
		wrong("the engine sets the load's run and duration")
	}
	if own := s.Rate(); s.LowestRate < 0 || s.LowestRate > own {
		wrong("its lowest rate, %d, is not 0 to its own, which is %d requests a second", s.LowestRate, own)
	}
	plan := s.plan("validate")
	if err := plan.Validate(); err != nil {
		wrong("%w", err)
	} else {
		for _, e := range plan.Entries() {
			if _, err := plan.Only(e); err != nil {
				wrong("%w", err)
			}
		}
	}
	for _, c := range s.Load.Cohorts {
		known := func(a addons.Caller) bool { return a.Name == c.Caller }
		if c.Caller != "" && !slices.ContainsFunc(s.Site.Callers, known) {
			wrong("cohort %q is sent by caller %q, which is none of its: leave the caller out", c.Name, c.Caller)
		}
		u, err := url.Parse(cmp.Or(c.URL, s.Load.URL))
		// Through a gateway, which is inside, any host may be asked for: it is no address then (Plan.Through).
		if err == nil && c.Via() != loadgen.Gateway && !inCluster(u.Hostname()) {
			wrong("the load goes to %s (cohort %q), and may go to the cluster alone: want http://%s/", u.Hostname(),
				c.Name, environment.Service)
		}
	}
	if s.CanaryCohort != "" && !s.hasCohort(s.CanaryCohort) {
		wrong("the canary's cohort %q is not in the load", s.CanaryCohort)
	}
	return errs
}

// inCluster tells whether a host can only be one inside of the cluster: a Service by its name, with or without the
// cluster's domain. Whoever got a story from somebody else should not find out that it loads a third one.
func inCluster(host string) bool {
	return !strings.Contains(host, ".") && !strings.Contains(host, ":") || strings.HasSuffix(host, ".svc") ||
		strings.HasSuffix(host, ".svc.cluster.local")
}

// checkBaseline tells whether the first phase makes the scenario's own namespace, marked as the lab's and with
// injection.
func (s Scenario) checkBaseline() error {
	a := s.Phases[0].Action()
	if a == nil || a.File == "" || a.Only != nil || a.Deletes || a.Skipped {
		return errors.New("the first phase has to apply the manifests that all begins with")
	}
	all, err := s.namespaces()
	if err != nil {
		return err
	}
	for _, o := range all {
		labels := o.GetLabels()
		// Somebody's own namespace may be without injection.
		injected := labels["istio-injection"] == "enabled" || len(s.Site.Namespaces) > 0
		if labels[mesh.ManagedBy] != mesh.Manager || !injected {
			return fmt.Errorf("%s: namespace %s needs the labels %s: %s and istio-injection: enabled",
				a.File, o.GetName(), mesh.ManagedBy, mesh.Manager)
		}
		if ns := o.GetName(); ns == "default" || ns == mesh.Namespace || strings.HasPrefix(ns, "kube-") {
			const own = "%s: namespace %s is the cluster's own: a run makes its namespaces and deletes them"
			return fmt.Errorf(own, a.File, ns)
		}
	}
	return nil
}

// checkPhase finds what is wrong with a phase. named tells that an earlier phase has its name. applied has the
// files that earlier phases applied; the phase's own is added to it.
func (s Scenario) checkPhase(p Phase, named bool, applied map[string]bool) (errs []error) {
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if p.Name == "" || named {
		wrong("its name is empty or used twice")
	}
	if len(p.Expect)+len(p.Prove) == 0 {
		wrong("it claims nothing, so it can't fail")
	}
	if p.Deadline < 0 {
		wrong("its deadline is %s", p.Deadline)
	}
	switch {
	case p.Do != nil:
		if err := p.Do.check(s, applied); err != nil {
			wrong("%s: %w", p.Do, err)
		}
	case p.Rollback:
		wrong("it rolls back, and has no step")
	case p.Breaks || p.Fixes:
		wrong("it changes nothing, so it neither breaks nor fixes")
	}
	if file := p.file(); file != "" {
		applied[file] = true
		if file == recorderFile || file == callersFile {
			wrong("its file has the name of one that the engine keeps in the run's folder: %s", file)
		}
	}
	for _, fact := range slices.Concat(p.Await, p.Prove) {
		if err := fact.check(s, applied); err != nil {
			wrong("%q: %w", fact, err)
		}
	}
	if p.Until != nil {
		if err := p.Until.check(s); err != nil {
			wrong("%q: %w", p.Until, err)
		}
	}
	return append(errs, s.checkClaims(p)...)
}

// checkClaims finds the expectations of a phase that have nothing to be judged by.
func (s Scenario) checkClaims(p Phase) (errs []error) {
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if p.Cohort != "" && (!p.Rollback || !s.hasCohort(p.Cohort)) {
		wrong("cohort %q: want one of the load's, for the clock of a rollback", p.Cohort)
	}
	for _, e := range p.Expect {
		if c := e.Cohort(); c != "" && !s.hasCohort(c) {
			wrong("%q is about cohort %q, which is not in the load", e, c)
		}
		need := expect.Requires(e)
		if need.Rollback && !p.Rollback {
			wrong("%q: it does not roll back", e)
		}
		if need.Than != "" && !s.rollsBackBefore(need.Than, p.Name) {
			wrong("%q: no earlier phase of that name rolls back", e)
		}
		if c := s.cohort(e.Cohort()); c.Users < need.Users {
			wrong("%q: cohort %s has %d users", e, c.Name, c.Users)
		}
		if c := s.cohort(e.Cohort()); need.Held && (c.TCP == nil || c.TCP.Hold == 0) {
			wrong("%q: cohort %s holds no TCP connections open", e, c.Name)
		}
		if need.Routing && p.Routing == nil {
			wrong("%q: the phase has no Routing", e)
		}
		if need.Decision && p.Until == nil {
			wrong("%q: nothing decides, as there is no Until", e)
		}
		if e.Need() > 0 && slices.ContainsFunc(p.Expect, atOnce) {
			wrong("%q takes %d requests, and the phase ends when %s decides", e, e.Need(), p.Until)
		}
	}
	return errs
}

// breaks tells whether the story is about something that breaks.
func (s Scenario) breaks() bool {
	return slices.ContainsFunc(s.Phases, func(p Phase) bool { return p.Breaks })
}

// atOnce tells whether a claim's phase ends at once when its detector decides.
func atOnce(e expect.Expectation) bool { return expect.Requires(e).AtOnce }

// aboutChange tells whether a claim is about its phase's change too, and not only about what there is once it has
// arrived.
func aboutChange(e expect.Expectation) bool {
	need := expect.Requires(e)
	return need.Change || need.Rollback || need.Decision
}

// rollsBackBefore tells whether a phase of that name rolls back, and comes before another one.
func (s Scenario) rollsBackBefore(name, other string) bool {
	for _, p := range s.Phases {
		switch p.Name {
		case other:
			return false
		case name:
			return p.Rollback
		}
	}
	return false
}

// cohort is the load's one of that name, zero where there is none.
func (s Scenario) cohort(name string) loadgen.Cohort {
	for _, c := range s.Load.Cohorts {
		if c.Name == name {
			return c
		}
	}
	return loadgen.Cohort{}
}

func (s Scenario) hasCohort(name string) bool {
	return slices.ContainsFunc(s.Load.Cohorts, func(c loadgen.Cohort) bool { return c.Name == name })
}
