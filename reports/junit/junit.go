// Package junit writes runs as JUnit XML, which CI systems read.
//
// A run is one suite. Each expectation is a case, and so is what holds for the whole run: that it came to its
// end, that all requests are accounted for, that nothing disturbed it. A suite without a failure, an error or a
// skipped case is a run that passed, and only such a one.
//
// The format has no owner. What is written here is what its readers have in common: it keeps to Jenkins' schema
// (junit-10.xsd of its xUnit plugin) and to that of Ant's reports, which is the stricter one. So no case has
// output of its own; what those saw that passed is the suite's output.
package junit

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/format"
)

// The elements. Control characters that XML 1.0 forbids, and bytes that are no UTF-8, encoding/xml writes as U+FFFD.
type (
	suites struct {
		XMLName xml.Name `xml:"testsuites"`
		Suites  []suite  `xml:"testsuite"`
	}
	suite struct {
		Name     string `xml:"name,attr"`
		ID       int    `xml:"id,attr"`
		Package  string `xml:"package,attr"`
		Host     string `xml:"hostname,attr"`
		Time     string `xml:"time,attr"`
		Stamp    string `xml:"timestamp,attr"`
		Tests    int    `xml:"tests,attr"`
		Failures int    `xml:"failures,attr"`
		Errors   int    `xml:"errors,attr"`
		Skipped  int    `xml:"skipped,attr"`
		// A list in a pointer: an empty one is written too.
		Properties *[]property `xml:"properties>property"`
		Cases      []testCase  `xml:"testcase"`
		Out        string      `xml:"system-out"`
		Err        string      `xml:"system-err"`
	}
	property struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	testCase struct {
		Name    string  `xml:"name,attr"`
		Class   string  `xml:"classname,attr"`
		Time    string  `xml:"time,attr"`
		Skipped *result `xml:"skipped"`
		Error   *result `xml:"error"`
		Failure *result `xml:"failure"`
		// saw is for the suite's output.
		saw string
	}
	result struct {
		Type    string `xml:"type,attr,omitempty"`
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// Write writes runs, a suite each, in their order.
func Write(w io.Writer, runs ...*reports.Run) error {
	var all suites
	for i, run := range runs {
		all.Suites = append(all.Suites, newSuite(i, run))
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("write JUnit XML: %w", err)
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return fmt.Errorf("write JUnit XML: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func newSuite(id int, run *reports.Run) suite {
	r := run.Report
	properties := facts(r)
	s := suite{
		Name: cmp.Or(r.Scenario, "unnamed"), ID: id, Package: "canarylab", Host: cmp.Or(r.Setup.Cluster, "localhost"),
		Time: seconds(r.Took),
		// Ant's form has no time zone: it is UTC.
		Stamp:      r.Started.UTC().Format("2006-01-02T15:04:05"),
		Properties: &properties, Err: strings.Join(run.Problems, "\n"),
	}
	var out []string
	names := map[[2]string]int{}
	add := func(c testCase) {
		// Readers take cases of the same name for one.
		key := [2]string{c.Class, c.Name}
		if names[key]++; names[key] > 1 {
			c.Name += fmt.Sprintf(" (%d)", names[key])
		}
		s.Tests++
		switch {
		case c.Error != nil:
			s.Errors++
		case c.Failure != nil:
			s.Failures++
		case c.Skipped != nil:
			s.Skipped++
		case c.saw != "":
			out = append(out, strings.TrimPrefix(c.Class, s.Name+".")+": "+c.Name+": "+c.saw)
		}
		s.Cases = append(s.Cases, c)
	}
	for _, c := range whole(r, s.Name) {
		add(c)
	}
	for _, p := range r.Phases {
		// Some readers add times up: the phase's is shared among its cases.
		took := seconds(p.Observation.End.Sub(p.Observation.Start) / time.Duration(max(len(p.Verdicts), 1)))
		for _, v := range p.Verdicts {
			c := testCase{Name: v.Want, Class: s.Name + "." + class(p.Name), Time: took}
			c.set(v.Outcome, v.Want, v.Saw, v.Why)
			add(c)
		}
	}
	if s.Errors+s.Failures+s.Skipped == 0 && r.Outcome != reports.Pass {
		// A reader of this file alone must not take the run for a pass.
		c := testCase{Name: "the run passes", Class: s.Name, Time: seconds(0)}
		c.set(cmp.Or(r.Outcome, "not concluded"), "the run passes",
			"its outcome is "+cmp.Or(string(r.Outcome), "not known"), "")
		add(c)
	}
	if rate := reports.RateInWords(r); rate != "" {
		out = append(out, rate)
	}
	s.Out = strings.Join(append(out, r.Notes...), "\n")
	return s
}

// class makes a name of a phase that readers do not cut: they do at dots.
func class(phase string) string { return strings.ReplaceAll(phase, ".", "_") }

// whole are the cases that are about all of a run.
func whole(r *reports.Report, class string) []testCase {
	end := testCase{Name: "the run comes to its end", Class: class, Time: seconds(0)}
	if r.Broken != "" {
		end.Error = &result{"broken", r.Broken, "The lab broke, or somebody interrupted it: " + r.Broken}
	}
	accounted := testCase{Name: "every request is accounted for", Class: class, Time: seconds(0)}
	switch {
	case !r.Accounting.Balanced():
		var all []string
		for _, problem := range r.Accounting.Problems {
			all = append(all, reports.ProblemInWords(r, problem))
		}
		accounted.set(reports.Invalid, accounted.Name, all[0], strings.Join(all[1:], "\n"))
	case r.Accounting.Requests == 0:
		accounted.set(reports.Inconclusive, accounted.Name, "no request was sent", "without requests nothing is shown")
	default:
		// What voids verdicts is told by their cases.
		accounted.saw = format.Number(r.Accounting.Requests) + " requests"
		for _, problem := range r.Accounting.Problems {
			accounted.saw += "; " + reports.ProblemInWords(r, problem)
		}
	}
	calm := testCase{Name: "nothing else happens to the lab", Class: class, Time: seconds(0)}
	if n := len(r.Accounting.Troubles); n > 0 {
		var all []string
		for _, e := range r.Accounting.Troubles {
			at := e.At.UTC().Format(time.RFC3339Nano)
			all = append(all, strings.Join([]string{at, e.Phase, e.Proxy, e.Text}, " "))
		}
		calm.set(reports.Inconclusive, calm.Name, all[0], strings.Join(all[1:], "\n"))
	}
	cases := []testCase{end, accounted, calm}
	if slices.ContainsFunc(r.Phases, func(p reports.Phase) bool { return len(p.Verdicts) > 0 }) {
		return cases
	}
	claims := testCase{Name: "something is claimed", Class: class, Time: seconds(0)}
	claims.set(reports.Inconclusive, claims.Name, "no verdict",
		"without an expectation that was judged nothing is shown")
	return append(cases, claims)
}

// set gives a case its result. An outcome that is none of the four is an error.
func (c *testCase) set(o reports.Outcome, want, saw, why string) {
	line := saw
	if why != "" {
		line += ": " + strings.ReplaceAll(why, "\n", "; ")
	}
	text := "want: " + want + "\nsaw:  " + saw
	if why != "" {
		text += "\nwhy:  " + why
	}
	r := &result{string(o), line, text}
	switch o {
	case reports.Pass:
		c.saw = saw
	case reports.Fail:
		c.Failure = r
	case reports.Inconclusive:
		// A skipped case has no type.
		c.Skipped = &result{"", string(o) + ": " + line, ""}
	default:
		c.Error = r
	}
}

// facts are what two runs must share to be compared, and the figures that people look for.
func facts(r *reports.Report) []property {
	all := []property{}
	// add adds names with values, where there are any.
	add := func(pairs ...string) {
		for p := range slices.Chunk(pairs, 2) {
			if p[1] != "" {
				all = append(all, property{p[0], p[1]})
			}
		}
	}
	s := r.Setup
	add("run", r.Run, "outcome", string(r.Outcome), "title", r.Title, "provider", s.Provider, "cluster", s.Cluster,
		"version.kubernetes", s.Kubernetes, "version.istio", s.Istio, "version.envoy", s.Envoy,
		"version.canarylab", s.Canarylab, "machine.kernel", s.Kernel,
		"machine.cpus", format.When(s.CPUs > 0, strconv.Itoa(s.CPUs)),
		"machine.memory.bytes", format.When(s.Memory > 0, strconv.FormatUint(s.Memory, 10)), "load.url", s.Load.URL)
	for _, c := range s.Load.Cohorts {
		add("load.rate."+c.Name, number(s.Load.RateOf(c.Name)))
	}
	if rate := r.Rate; rate != nil {
		add("load.rate", strconv.Itoa(rate.Played), "load.rate.own", strconv.Itoa(rate.Own),
			"load.rate.lowest", format.When(rate.Lowest > 0, strconv.Itoa(rate.Lowest)))
	}
	add("load.seed", strconv.FormatUint(s.Load.Seed, 10), "load.agents", strconv.Itoa(max(s.Load.Agents, 1)),
		"requests", strconv.Itoa(r.Accounting.Requests), "requests.failed", strconv.Itoa(reports.Summarize(r).Burned),
		"requests.unexplained", strconv.Itoa(r.Accounting.UnexplainedTotal))
	add("requests.failed.outside", strconv.Itoa(r.Accounting.OutsideFailed))
	for _, p := range r.Phases {
		failed := p.Failed()
		add("failed."+p.Name+".transition", strconv.Itoa(failed.Transition),
			"failed."+p.Name+".settled", strconv.Itoa(failed.Settled))
		if b := p.Observation.Rollback; b != nil && b.Known() {
			name := "rollback." + p.Name
			add(name+".seconds", number(b.Route.Seconds()), name+".low.seconds", number(b.Low.Seconds()),
				name+".high.seconds", format.When(b.High > 0, number(b.High.Seconds())),
				name+".effective", strconv.FormatBool(b.Recovered()), name+".failed", strconv.Itoa(b.Failed))
		}
		if d := p.Observation.Detection; d != nil {
			if took, ok := d.Took(); ok {
				add("detection."+p.Name+".seconds", number(took.Seconds()))
			}
		}
	}
	return all
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// seconds is a time as readers take it: three decimals at most.
func seconds(d time.Duration) string { return strconv.FormatFloat(max(d, 0).Seconds(), 'f', 3, 64) }
