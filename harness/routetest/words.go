package routetest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/canarylab/canarylab/harness/routes"
	"github.com/canarylab/canarylab/harness/standin"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/format"
)

// rulesOf are the rules for the report.
func rulesOf(t routes.Table) []reports.RoutingRule {
	var all []reports.RoutingRule
	for _, r := range t.Rules {
		all = append(all, reports.RoutingRule{
			Source: r.Source.String(), Object: r.Object, Path: r.Path, Name: r.Name, Hosts: r.Hosts, If: conditions(r),
			Says: says(r), ShadowedBy: r.ShadowedBy + 1, Unmet: r.Unmet,
		})
	}
	return all
}

// conditions are those of a rule in words, "any request" where there are none.
func conditions(r routes.Rule) string {
	var all []string
	for _, c := range r.Conditions {
		all = append(all, c.String())
	}
	if r.Port != 0 {
		all = append(all, fmt.Sprintf("the port is %d", r.Port))
	}
	for _, k := range slices.Sorted(maps.Keys(r.SourceLabels)) {
		all = append(all, fmt.Sprintf("the caller has %s: %s", k, r.SourceLabels[k]))
	}
	if r.SourceNamespace != "" {
		all = append(all, "the caller is in "+r.SourceNamespace)
	}
	return cmp.Or(strings.Join(all, " and "), "any request")
}

// says is what becomes of the requests that meet a rule, in words.
func says(r routes.Rule) string {
	var all []string
	switch r.Action.Kind {
	case routes.ActionRedirect:
		all = append(all, fmt.Sprintf("redirect %d to %s", r.Action.Status, r.Action.Location))
	case routes.ActionDirect:
		all = append(all, fmt.Sprintf("status %d", r.Action.Status))
	case routes.ActionNone:
		all = append(all, "nothing")
	}
	for _, d := range r.Action.Destinations {
		all = append(all, format.When(d.Percent < 100, amount(d.Percent)+" % ")+destination(d))
	}
	if f := r.Fault; f != nil {
		if f.AbortPercent > 0 {
			all = append(all, fmt.Sprintf("%s %% aborted with %s", amount(f.AbortPercent),
				cmp.Or(f.AbortGRPC, strconv.Itoa(f.AbortStatus))))
		}
		if f.DelayPercent > 0 {
			all = append(all, fmt.Sprintf("%s %% delayed by %s", amount(f.DelayPercent), format.Short(f.Delay)))
		}
	}
	for _, m := range r.Mirrors {
		all = append(all, format.When(m.Percent < 100, amount(m.Percent)+" % ")+"copies to "+destination(m.Destination))
	}
	return strings.Join(all, ", ")
}

func destination(d routes.Destination) string {
	return reports.Destination(d.Host, d.Subset) + format.When(d.Port != 0, fmt.Sprintf(" port %d", d.Port))
}

func amount(percent float64) string { return reports.Place{Percent: percent}.Amount() }

// requestInWords is such as "GET reviews:9080/api with end-user: jason".
func requestInWords(q routes.Request) string {
	host := q.Host
	if q.Port != 0 && q.Port != usualPorts[cmp.Or(q.Scheme, "http")] {
		host += ":" + strconv.Itoa(q.Port)
	}
	text := cmp.Or(q.Method, "GET") + " " + format.When(q.Scheme == "https", "https://") + reports.ShortHost(host) +
		loadgen.WithoutToken(cmp.Or(q.Path, "/"))
	var headers []string
	for _, k := range slices.Sorted(maps.Keys(q.Header)) {
		headers = append(headers, k+": "+loadgen.Shown(k, q.Header[k]))
	}
	if len(headers) > 0 {
		text += " with " + strings.Join(headers, ", ")
	}
	if q.Entry == loadgen.Gateway {
		text += " through the gateway"
	}
	return text
}

// remarksOf is what is known without sending anything.
func remarksOf(s *Side) []reports.RoutingRemark {
	var all []reports.RoutingRemark
	for _, f := range s.Table.Findings {
		all = append(all, reports.RoutingRemark{
			Kind: string(f.Kind), Source: f.Source.String(), Object: f.Object, Text: f.Text, Do: f.Do,
			Mistake: f.Kind != routes.NotLookedAt,
		})
	}
	for _, n := range s.Plan.Notes {
		all = append(all, reports.RoutingRemark{
			Kind: strings.ReplaceAll(string(n.Kind), " ", "-"), Source: n.Source.String(), Object: n.Object,
			Text: n.Text,
		})
	}
	return all
}

// objectsOf are the objects of a plan as routes reads them.
func objectsOf(plan *standin.Plan) []routes.Object {
	var all []routes.Object
	for _, o := range plan.Routing() {
		one := routes.Object{
			Unstructured: o.Unstructured, Source: routes.Source{File: o.Source.File, Line: o.Source.Line}, Line: o.Line,
		}
		if o.Source.Line == 0 || o.Source.File == standin.Stdin {
			one.Source, one.Line = routes.Source{File: o.Source.String()}, nil
		}
		all = append(all, one)
	}
	for _, o := range plan.Unused() {
		all = append(all, routes.Object{Unstructured: o.Unstructured})
	}
	for _, o := range plan.Objects() {
		known := slices.ContainsFunc(all, func(r routes.Object) bool { return r.Unstructured == o })
		if !known {
			all = append(all, routes.Object{Unstructured: o})
		}
	}
	return all
}
