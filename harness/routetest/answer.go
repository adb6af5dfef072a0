package routetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/canarylab/canarylab/harness/routes"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/format"
)

const (
	// shortestDelay is the least delay of a fault that is judged: an answer of the mesh takes a few milliseconds, and a
	// busy machine makes some of them ten times as long.
	shortestDelay = 100 * time.Millisecond
	// longestDelay is the longest: the load agent gives up after loadgen.DefaultTimeout.
	longestDelay = loadgen.DefaultTimeout - 2*time.Second
)

// maxNoted bounds the claims about answers: a report has place for a thousand verdicts (judge.Draft), and each class
// needs one about where it goes.
const maxNoted = 300

// A noting is something about the answers of a class that follows from the YAML.
type noting struct {
	loadgen.Note
	want    string
	percent float64
}

// notings are what is to be noted of a class's answers, by a side's manifests.
func (s *sender) notings(side *Side, c sent) []noting {
	i, ok := side.Table.Match(c.here)
	if !ok {
		return nil
	}
	rule := side.Table.Rules[i]
	var all []noting
	note := func(of loadgen.NoteOf, name, want string) {
		all = append(all, noting{loadgen.Note{Of: of, Name: name}, want, 100})
	}
	if to, ok := rule.Redirected(c.here); ok {
		note(loadgen.GotHeader, "location", to)
	}
	asked, _, _ := s.places(side, c)
	answered := false
	for _, p := range asked {
		answered = answered || p.Host != "" && p.Policy == "" && !p.Copy && len(p.Versions) > 0
	}
	if !answered {
		return all
	}
	if rule.Rewrite != nil {
		seen, ok := side.Table.Sent(c.here)
		if ok && (rule.Rewrite.URI != "" || rule.Rewrite.Regex != "") {
			note(loadgen.SeenPath, "", seen.Path)
		}
		if rule.Rewrite.Authority != "" {
			note(loadgen.SeenHost, "", rule.Rewrite.Authority)
		}
	}
	for _, op := range rule.Ops {
		if unjudgedOp(op) != "" {
			continue
		}
		switch {
		case op.Response:
			note(loadgen.GotHeader, op.Name, op.Value)
		case op.Name == "host" || op.Name == ":authority":
			note(loadgen.SeenHost, "", op.Value)
		default:
			note(loadgen.SeenHeader, op.Name, op.Value)
		}
	}
	if f := rule.Fault; f != nil && f.DelayPercent > 0 && unjudgedDelay(f.Delay) == "" {
		// Envoy's timers go off by a clock that it reads once for each turn of its loop: of 100 delays of 300 ms on a
		// busy machine a third were up to 3 ms shorter. What is not delayed takes a few milliseconds.
		over := f.Delay - f.Delay/10
		all = append(all, noting{loadgen.Note{Of: loadgen.SlowerThan, Over: over}, "yes", f.DelayPercent})
	}
	return all[:min(len(all), loadgen.MaxNotes)]
}

// unjudgedOp says why a change of a header is not judged.
func unjudgedOp(op routes.HeaderOp) string {
	switch {
	case op.Some:
		return "it is made for one of several destinations"
	case op.Verb == routes.HeaderRemove && op.Response:
		return "the stand-in's answers don't have it"
	case loadgen.IsSecret(op.Name, op.Value):
		return "its value is nobody's to read"
	case strings.Contains(op.Value, "%"):
		return "Envoy makes its value of what it knows of the request"
	}
	return ""
}

// unjudgedDelay says why a delay is not judged.
func unjudgedDelay(d time.Duration) string {
	switch {
	case d < shortestDelay:
		return fmt.Sprintf("less than %s is not told from what a busy machine takes", format.Short(shortestDelay))
	case d > longestDelay:
		return fmt.Sprintf("the lab's callers give up after %s", format.Short(loadgen.DefaultTimeout))
	}
	return ""
}

// note has a class's cohort note its answers, for all sides, and send the headers that a rule removes.
func (s *sender) note(c *sent) {
	for _, side := range s.sides {
		for _, n := range s.notings(side, *c) {
			if s.noted++; s.noted > maxNoted {
				return
			}
			if !slices.Contains(c.cohort.Notes, n.Note) && len(c.cohort.Notes) < loadgen.MaxNotes {
				c.cohort.Notes = append(c.cohort.Notes, n.Note)
			}
		}
		s.carry(side, c)
	}
}

// carry adds the headers that a rule removes from requests, where they change nothing about where the requests go.
func (s *sender) carry(side *Side, c *sent) {
	i, ok := side.Table.Match(c.here)
	if !ok {
		return
	}
	for _, op := range side.Table.Rules[i].Ops {
		if op.Response || op.Verb != routes.HeaderRemove || op.Some || op.Name == "host" ||
			strings.HasPrefix(op.Name, ":") {
			continue
		}
		if _, has := c.here.Header[op.Name]; has {
			continue
		}
		with := c.here
		with.Header = withHeader(with.Header, op.Name)
		if j, ok := side.Table.Match(with); !ok || j != i {
			continue
		}
		probe := c.cohort
		probe.Header = withHeader(probe.Header, op.Name)
		if valid(probe) == nil {
			c.here, c.cohort = with, probe
		}
	}
}

// withHeader returns headers with one more, of whatever value.
func withHeader(header map[string]string, name string) map[string]string {
	all := map[string]string{}
	maps.Copy(all, header)
	all[name] = "canarylab"
	return all
}

// answersOf are the claims about a class's answers for the report.
func (s *sender) answersOf(side *Side, c sent) []reports.RoutingAnswer {
	var all []reports.RoutingAnswer
	for _, n := range s.notings(side, c) {
		if !slices.Contains(c.cohort.Notes, n.Note) {
			continue
		}
		all = append(all, reports.RoutingAnswer{Note: n.Key(), Want: n.want, Percent: n.percent})
	}
	return all
}

// unjudged are the parts of a rule about which nothing is claimed, each with the reason.
func unjudged(r routes.Rule) []string {
	var all []string
	add := func(what, why string) { all = append(all, what+" is not judged, because "+why+".") }
	if r.Timeout != nil && *r.Timeout > 0 {
		add("Its timeout of "+format.Short(*r.Timeout), "the stand-in answers at once")
	}
	if r.Retries != nil && r.Retries.Attempts > 0 {
		add("That it tries again", "the stand-in does not fail by itself")
	}
	if f := r.Fault; f != nil && f.DelayPercent > 0 {
		if why := unjudgedDelay(f.Delay); why != "" {
			add("Its delay of "+format.Short(f.Delay), why)
		}
	}
	for _, op := range r.Ops {
		if why := unjudgedOp(op); why != "" {
			what := "request"
			if op.Response {
				what = "response"
			}
			add(fmt.Sprintf("That it does %s the %s header %s", op.Verb, what, op.Name), why)
		}
	}
	return all
}
