package routes

import (
	"cmp"
	"fmt"
	"net/http"
	"regexp/syntax"
	"slices"
	"strings"
)

// findAll adds what is wrong with rules, with what binds them and with what they refer to, and orders all findings
// as the objects are.
func (t *Table) findAll(virtual map[string]*virtualService) {
	for i := range t.Rules {
		t.findInRule(i)
		t.findInConditions(i)
		t.findStars(i)
		t.findFaultFirst(i)
		t.findPreflight(i)
		t.findHashAfterWeights(i)
		t.findNoTimeToRetry(i)
		t.findRootRewrite(i)
		t.findHTTPToTLS(i)
	}
	for _, b := range t.world.bindings {
		t.findInBinding(b)
	}
	t.findDuplicates()
	t.findDelegates(virtual)
	t.findDestinationRules()
	for _, p := range t.world.policies {
		t.findPolicyPorts(p)
	}
	t.findInPolicies()
	t.findInPeerAuthentications()
	t.findTLSMismatches()
	t.findInTrafficPolicies()
	t.findInServiceEntries()
	t.findInServers()
	t.findHiddenWildcards()
	t.findHeaderValues()
	place := map[string]int{}
	for i, o := range t.world.order {
		place[o] = i
	}
	slices.SortStableFunc(t.Findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(place[a.Object], place[b.Object]), cmp.Compare(a.Source.Line, b.Source.Line),
			cmp.Compare(a.Text, b.Text),
		)
	})
	seen := map[string]bool{}
	t.Findings = slices.DeleteFunc(t.Findings, func(f Finding) bool {
		key := string(f.Kind) + f.Object + f.Text
		again := seen[key]
		seen[key] = true
		return again
	})
}

func (t *Table) findInRule(i int) {
	r := t.Rules[i]
	if s := r.ShadowedBy; s >= 0 {
		by := t.Rules[s]
		t.findRule(Shadowed, i,
			fmt.Sprintf("%s never takes a request: %s (%s) takes everything that would meet it, and is asked before.",
				r.Path, by.name(r), by.Source),
			"Put the narrower rule before the wider one, or make the wider one narrower.")
	}
	if r.sum != 0 && r.sum != 100 {
		var shares []string
		for _, d := range r.Action.Destinations {
			shares = append(shares, fmt.Sprintf("%.3g %%", d.Percent))
		}
		t.findRule(WeightSum, i,
			fmt.Sprintf("The weights of %s sum to %d and not to 100: the shares are %s.", r.Path, r.sum,
				strings.Join(shares, ", ")),
			"Let them sum to 100, so that they are the shares that they look like.")
	}
	if r.Action.Kind == ActionNone {
		t.findRule(NoDestination, i, fmt.Sprintf("%s has nothing to do with a request.", r.Path),
			"Give it a route with a destination, a redirect or a direct response.")
	}
	if f := r.Fault; f != nil {
		if (f.AbortStatus != 0 || f.AbortGRPC != "") && f.AbortPercent == 0 {
			t.findRule(FaultForNobody, i, fmt.Sprintf("%s aborts no request: its abort has no percentage.", r.Path),
				"Set fault.abort.percentage.value.")
		}
		if f.Delay != 0 && f.DelayPercent == 0 {
			t.findRule(FaultForNobody, i, fmt.Sprintf("%s delays no request: its delay has no percentage.", r.Path),
				"Set fault.delay.percentage.value.")
		}
	}
	t.findRewrite(i)
	for _, d := range r.Action.Destinations {
		t.findDestination(i, d, "destination")
	}
	for _, m := range r.Mirrors {
		t.findDestination(i, m.Destination, "mirror")
	}
}

// name is a rule's path, with its object where that is another one than a reader's.
func (rule Rule) name(reader Rule) string {
	if rule.Object == reader.Object {
		return rule.Path
	}
	return rule.Path + " of " + rule.Object
}

// findRewrite looks for rewrites of a prefix after which the rest of the path has two slashes before it, or none.
func (t *Table) findRewrite(i int) {
	r := t.Rules[i]
	if r.Rewrite == nil || r.Rewrite.URI == "" || r.Rewrite.Regex != "" {
		return
	}
	for _, c := range r.Conditions {
		if c.Of != OfPath || c.Value == "" {
			continue
		}
		to := r.Rewrite.URI
		switch {
		case c.Op == Prefix && !strings.HasSuffix(c.Value, "/") && strings.HasSuffix(to, "/"):
			t.findRule(RewriteSlash, i,
				fmt.Sprintf("%s makes %s/x to %s/x, with two slashes: the rewrite replaces the prefix %s alone.",
					r.Path, c.Value, to, c.Value),
				fmt.Sprintf("Match the prefix %s/ and, for the path without the slash, exact %s, both with the "+
					"rewrite %s.",
					c.Value, c.Value, to))
		case c.Op == Prefix && strings.HasSuffix(c.Value, "/") && !strings.HasSuffix(to, "/"),
			c.Op == PathPrefix && c.Value == "/" && !strings.HasSuffix(to, "/"):
			t.findRule(RewriteSlash, i,
				fmt.Sprintf("%s makes %sx to %sx: the rewrite replaces the slash at the prefix's end too.",
					r.Path, c.Value, to),
				"Let prefix and rewrite both end with a slash, or neither of them.")
		}
	}
}

func (t *Table) findInConditions(i int) {
	r := t.Rules[i]
	for _, c := range r.Conditions {
		lower := strings.ToLower(c.Name)
		switch {
		case c.Of == OfHeader && c.Name != lower && r.rank == (precedence{}):
			t.findRule(HeaderCase, i,
				fmt.Sprintf("%s asks for the header %s, and Istio's reference wants headers in lower case.", r.Path,
					c.Name),
				fmt.Sprintf("Write %s: callers may send it in any case.", lower))
		case c.Of == OfMethod && c.Op != Regex && c.Value != strings.ToUpper(c.Value):
			t.findRule(HeaderCase, i,
				fmt.Sprintf("%s asks for the method %s, and methods are compared with regard to case: %s does not "+
					"meet it.",
					r.Path, c.Value, strings.ToUpper(c.Value)),
				"Write "+strings.ToUpper(c.Value)+".")
		case c.Of == OfPath && c.Op != Regex && c.Value != "" && !strings.HasPrefix(c.Value, "/"):
			t.findRule(PathSlash, i,
				fmt.Sprintf("%s asks for a path that is or begins with %q, and each path begins with a slash.",
					r.Path, c.Value),
				fmt.Sprintf("Write %q.", "/"+c.Value))
		case c.Of == OfPath && strings.ContainsAny(c.Value, "?") && c.Op != Regex:
			t.findRule(PathSlash, i,
				fmt.Sprintf("%s asks for a path with a question mark, and what is behind it is no part of the path.",
					r.Path),
				"Ask for query parameters under queryParams.")
		case c.Op == Regex:
			t.findRegex(i, c)
		}
	}
}

// findRegex looks for regexes that match a text in full only if nothing is around it, and look as if that was not
// meant: of cookies and user agents, whose values have more in them.
func (t *Table) findRegex(i int, c Condition) {
	r := t.Rules[i]
	re, err := syntax.Parse(c.Value, syntax.Perl)
	if err != nil {
		t.findRule(RegexPart, i, fmt.Sprintf("%s has the regex %q, which is none: %s.", r.Path, c.Value, err),
			"Correct it: Istio takes RE2, which has no lookaheads and no back references.")
		return
	}
	name := strings.ToLower(c.Name)
	long := name == "cookie" || name == "user-agent" || name == "authorization" || name == "accept"
	if c.Of == OfHeader && long && !wide(re.Simplify()) {
		t.findRule(RegexPart, i,
			fmt.Sprintf("%s matches %s only if that is all of the header %s: the regex has to match the whole value.",
				r.Path, c.Value, c.Name),
			fmt.Sprintf("Write .*%s.* if the value may have more in it.", c.Value))
	}
	if c.Of == OfPath && !strings.HasPrefix(strings.TrimLeft(c.Value, "^("), "/") && len(c.samples()) == 0 {
		t.findRule(PathSlash, i,
			fmt.Sprintf("%s matches paths against %q, and no text was found that it matches and that begins with a "+
				"slash.",
				r.Path, c.Value),
			"Let the regex match the whole path, from its first slash.")
	}
}

// wide tells whether a regex lets anything stand before or behind: it has a repeated dot or class somewhere.
func wide(re *syntax.Regexp) bool {
	if re.Op == syntax.OpStar || re.Op == syntax.OpPlus {
		switch re.Sub[0].Op {
		case syntax.OpAnyChar, syntax.OpAnyCharNotNL, syntax.OpCharClass:
			return true
		}
	}
	return slices.ContainsFunc(re.Sub, wide)
}

// findDestination looks for what a destination names and what is not there.
func (t *Table) findDestination(i int, d Destination, what string) {
	r := t.Rules[i]
	svc := t.world.serviceOf(d.Host)
	if svc == nil {
		t.findRule(UnknownHost, i,
			fmt.Sprintf("%s has the %s %s, and no Service or ServiceEntry among the objects has that name.",
				r.Path, what, d.Host), t.world.meant(d.Host))
		return
	}
	if _, ok := svc.port(d.Port); d.Port != 0 && !ok {
		t.findRule(UnknownPort, i, fmt.Sprintf("%s sends to port %d of %s, which has %s.", r.Path, d.Port, d.Host,
			svc.portList()), "Name a port of the Service (port, not targetPort).")
	}
	if d.Subset == "" {
		return
	}
	var hidden *destinationRule
	for j, dr := range t.world.subsets {
		if !covers(dr.host, d.Host) || !slices.Contains(dr.names(), d.Subset) {
			continue
		}
		if dr.seenBy(svc, r) {
			t.findNearer(i, d, svc)
			return
		}
		hidden = &t.world.subsets[j]
	}
	if hidden != nil {
		t.findRule(HiddenSubset, i,
			fmt.Sprintf("The subset %s of %s is defined by %s alone, which callers of other namespaces do not get: "+
				"they "+
				"get %d.", d.Subset, d.Host, hidden.ref(), http.StatusServiceUnavailable),
			fmt.Sprintf("Move it to the Service's namespace %s, or export it.", svc.namespace))
		return
	}
	t.findRule(UndefinedSubset, i,
		fmt.Sprintf("%s sends to the subset %s of %s, and no DestinationRule for that host defines it: those requests "+
			"get %d.", r.Path, d.Subset, d.Host, http.StatusServiceUnavailable),
		fmt.Sprintf("Add the subset to a DestinationRule for %s, or correct its name.", d.Host))
}

func (dr destinationRule) names() []string {
	var all []string
	for _, s := range dr.subsets {
		all = append(all, s.Name)
	}
	return all
}

// seenBy tells whether the callers of a rule get a DestinationRule for a Service: Istio looks in the caller's
// namespace, then in the Service's, then in the root namespace (PushContext.destinationRule).
func (dr destinationRule) seenBy(svc *service, r Rule) bool {
	ns := dr.GetNamespace()
	own := r.object.GetNamespace() == ns && slices.Contains(r.Gateways, Mesh)
	exported := len(dr.exportTo) == 0 || slices.Contains(dr.exportTo, "*") ||
		slices.Contains(dr.exportTo, r.object.GetNamespace())
	return own || exported && (ns == svc.namespace || ns == RootNamespace)
}

// serviceOf returns the Service or the ServiceEntry's host that a destination names.
func (w *world) serviceOf(h string) *service {
	if s, ok := w.services[h]; ok {
		return s
	}
	best := ""
	for name := range w.services {
		if wild(name) && covers(name, h) && (best == "" || specific(name, best) < 0) {
			best = name
		}
	}
	return w.services[best]
}

// meant says what to do about a host that nothing has.
func (w *world) meant(h string) string {
	name, rest, _ := strings.Cut(h, ".")
	if ns, _, more := strings.Cut(rest, "."); !more && w.services[qualify(name, ns)] != nil {
		return fmt.Sprintf("Write %s: Istio completes only names without a dot.", qualify(name, ns))
	}
	var others []string
	for full := range w.services {
		if first, _, _ := strings.Cut(full, "."); first == name {
			others = append(others, full)
		}
	}
	slices.Sort(others)
	if len(others) > 0 {
		return fmt.Sprintf("Write %s: a short name is looked up in the namespace of the object that has it.", others[0])
	}
	return "Correct it, or add the Service."
}

func (s *service) portList() string {
	var all []string
	for _, p := range s.ports {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%d %s", p.number, p.name)))
	}
	return "ports " + strings.Join(all, ", ")
}
