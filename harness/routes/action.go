package routes

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
)

// actionOf returns what an http entry does, and the sum of its weights as they are written, 0 where there is only
// one destination. The order is that of TranslateRoute in Istio's pilot/pkg/networking/core/route/route.go.
func actionOf(entry *networking.HTTPRoute) (Action, int) {
	switch {
	case entry.Redirect != nil:
		return redirectOf(entry.Redirect), 0
	case entry.DirectResponse != nil:
		return Action{Kind: ActionDirect, Status: int(entry.DirectResponse.Status)}, 0
	case len(entry.Route) == 0:
		return Action{Kind: ActionNone}, 0
	}
	a := Action{Kind: ActionRoute}
	sum := 0
	for _, d := range entry.Route {
		sum += int(d.Weight)
	}
	for _, d := range entry.Route {
		to := destinationOf(d.Destination)
		switch {
		case len(entry.Route) == 1: // its weight is not looked at
			to.Percent = 100
		case d.Weight == 0:
			continue // Istio leaves it out
		default:
			to.Percent = 100 * float64(d.Weight) / float64(sum)
		}
		a.Destinations = append(a.Destinations, to)
	}
	if len(a.Destinations) == 0 {
		return Action{Kind: ActionNone}, 0
	}
	if len(entry.Route) == 1 {
		sum = 0
	}
	return a, sum
}

func destinationOf(d *networking.Destination) Destination {
	return Destination{
		Host: strings.ToLower(d.GetHost()), Port: int(d.GetPort().GetNumber()), Subset: d.GetSubset(),
	}
}

func redirectOf(r *networking.HTTPRedirect) Action {
	a := Action{Kind: ActionRedirect, Status: cmp.Or(int(r.RedirectCode), 301), redirect: r}
	var b strings.Builder
	if r.Scheme != "" {
		b.WriteString(r.Scheme + "://")
	}
	b.WriteString(r.Authority)
	if p := r.GetPort(); p != 0 {
		fmt.Fprintf(&b, ":%d", p)
	}
	b.WriteString(cmp.Or(r.Uri, r.PrefixRewrite))
	a.Location = b.String()
	return a
}

// effectsOf returns what an http entry does beside sending requests somewhere.
func effectsOf(entry *networking.HTTPRoute) Effects {
	var e Effects
	if entry.Timeout != nil {
		d := entry.Timeout.AsDuration()
		e.Timeout = &d
	}
	if r := entry.Retries; r != nil {
		e.Retries = &Retries{int(r.Attempts), r.PerTryTimeout.AsDuration(), r.RetryOn}
	}
	e.Fault = faultOf(entry.Fault)
	if m := entry.Mirror; m != nil {
		old := entry.MirrorPercent //nolint:staticcheck // Istio still reads it
		e.addMirror(m, percentOf(entry.MirrorPercentage, old.GetValue(), old == nil))
	}
	for _, m := range entry.Mirrors {
		e.addMirror(m.Destination, percentOf(m.Percentage, 0, true))
	}
	if r := entry.Rewrite; r != nil {
		e.Rewrite = &Rewrite{URI: r.Uri, Authority: r.Authority}
		if re := r.UriRegexRewrite; re != nil {
			e.Rewrite.URI, e.Rewrite.Regex = re.Rewrite, re.Match
		}
	}
	e.addHeaders(entry.Headers, "")
	e.addOps(entry.Headers, false)
	for _, d := range entry.Route {
		e.addHeaders(d.Headers, " for "+d.GetDestination().GetHost())
		e.addOps(d.Headers, len(entry.Route) > 1)
	}
	return e
}

// percentOf is all of it where nothing is said.
func percentOf(p *networking.Percent, old uint32, unsaid bool) float64 {
	switch {
	case p != nil:
		return p.Value
	case unsaid:
		return 100
	default:
		return float64(old)
	}
}

func (e *Effects) addMirror(to *networking.Destination, percent float64) {
	if percent > 0 && to != nil {
		d := destinationOf(to)
		d.Percent = percent
		e.Mirrors = append(e.Mirrors, Mirror{d})
	}
}

func (e *Effects) addHeaders(h *networking.Headers, where string) {
	for _, side := range []struct {
		name string
		op   *networking.Headers_HeaderOperations
	}{{"request", h.GetRequest()}, {"response", h.GetResponse()}} {
		say := func(verb string, names []string) {
			for _, n := range names {
				e.Headers = append(e.Headers, verb+" "+side.name+" "+n+where)
			}
		}
		say("set", slices.Sorted(maps.Keys(side.op.GetSet())))
		say("add", slices.Sorted(maps.Keys(side.op.GetAdd())))
		say("remove", side.op.GetRemove())
	}
}

func faultOf(f *networking.HTTPFaultInjection) *Fault {
	if f == nil {
		return nil
	}
	var fault Fault
	if a := f.Abort; a != nil {
		// Without a percentage nothing is aborted: TranslateFault sets none, and Envoy's default is 0.
		fault.AbortPercent = a.Percentage.GetValue()
		fault.AbortStatus, fault.AbortGRPC = int(a.GetHttpStatus()), a.GetGrpcStatus()
	}
	if d := f.Delay; d != nil {
		old := uint32(d.Percent) //nolint:staticcheck // Istio still reads it
		fault.DelayPercent = percentOf(d.Percentage, old, false)
		fault.Delay = d.GetFixedDelay().AsDuration()
	}
	return &fault
}
