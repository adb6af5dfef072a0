package routes

import (
	"fmt"
	"slices"
	"sync"

	networking "istio.io/api/networking/v1alpha3"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pkg/config"
	istiolog "istio.io/istio/pkg/log"
)

// A virtualService is a VirtualService with the names in it resolved by Istio's own code.
type virtualService struct {
	Object
	spec *networking.VirtualService
	used bool // as a delegate
}

func newVirtualService(o Object) (*virtualService, error) {
	spec := &networking.VirtualService{}
	if err := decode(o, spec); err != nil {
		return nil, err
	}
	resolved := model.ResolveVirtualServiceShortnames(config.Config{
		Meta: config.Meta{Name: o.GetName(), Namespace: o.GetNamespace(), Domain: Domain}, Spec: spec,
	})
	spec = resolved.Spec.(*networking.VirtualService)
	for i, to := range spec.ExportTo {
		if to == "." {
			spec.ExportTo[i] = o.GetNamespace()
		}
	}
	return &virtualService{Object: o, spec: spec}, nil
}

// addVirtualService adds the rules of a VirtualService that has hosts. Delegates come with who names them.
func (t *Table) addVirtualService(vs *virtualService, all map[string]*virtualService) {
	spec := vs.spec
	b := &binding{
		Object: vs.Object, created: vs.GetCreationTimestamp().Time, gateways: spec.Gateways, exportTo: spec.ExportTo,
	}
	for _, h := range spec.Hosts {
		b.hosts = append(b.hosts, qualify(h, vs.GetNamespace()))
	}
	if len(b.gateways) == 0 {
		b.gateways = []string{Mesh}
	}
	t.world.bindings = append(t.world.bindings, b)
	for i, entry := range spec.Http {
		path := fmt.Sprintf("http[%d]", i)
		if entry.Delegate != nil {
			t.addDelegate(b, vs, entry, path, all)
			continue
		}
		for m := range max(1, len(entry.Match)) {
			r := vs.rule(entry, m, path)
			t.addRule(b, r)
		}
	}
	t.notLookedAt(vs)
}

// notLookedAt names the routes of a VirtualService that are not for HTTP.
func (t *Table) notLookedAt(vs *virtualService) {
	for _, other := range []struct {
		name string
		n    int
	}{{"tls", len(vs.spec.Tls)}, {"tcp", len(vs.spec.Tcp)}} {
		for i := range other.n {
			path := fmt.Sprintf("spec.%s[%d]", other.name, i)
			t.find(NotLookedAt, vs.Object, vs.at(path), -1,
				fmt.Sprintf("%s is a route for %s, and only routes for HTTP are looked at.", path, other.name),
				"Look at it in another way: no request is sent for it.")
		}
	}
}

// addRule adds a rule to the table and to its binding.
func (t *Table) addRule(b *binding, r Rule) {
	r.Hosts, r.ShadowedBy = b.hosts, -1
	if r.ownGateways {
		wanted := r.Gateways
		r.Gateways = slices.DeleteFunc(slices.Clone(wanted), func(g string) bool { return !b.at(g) })
		for _, g := range wanted {
			if !b.at(g) {
				t.find(GatewayNotBound, r.object, r.Source, len(t.Rules),
					fmt.Sprintf("%s asks for the gateway %s, and the VirtualService is not bound to it: the rule "+
						"never "+
						"takes a request there.", r.Path, g),
					fmt.Sprintf("Add %s to spec.gateways, or take it out of the match.", g))
			}
		}
	} else {
		r.Gateways = b.gateways
	}
	b.rules = append(b.rules, len(t.Rules))
	t.Rules = append(t.Rules, r)
}

// rule returns the rule of one match of an http entry, or of the entry itself if it has none.
func (vs *virtualService) rule(entry *networking.HTTPRoute, match int, path string) Rule {
	r := Rule{Object: vs.ref(), Path: path, Name: entry.Name, object: vs.Object}
	if match < len(entry.Match) {
		m := entry.Match[match]
		r.Path = fmt.Sprintf("%s.match[%d]", path, match)
		if m.Name != "" {
			r.Name += "." + m.Name
		}
		r.Conditions = conditionsOf(m)
		r.Port = int(m.Port)
		r.SourceLabels, r.SourceNamespace = m.SourceLabels, m.SourceNamespace
		if len(m.Gateways) > 0 {
			// Istio looks at the caller's labels and namespace only where the match names no gateways
			// (sourceMatchHTTP in pilot/pkg/networking/core/route/route.go).
			r.Gateways, r.ownGateways = m.Gateways, true
			r.SourceLabels, r.SourceNamespace = nil, ""
		}
	}
	r.Source = vs.at("spec." + r.Path)
	r.Action, r.sum = actionOf(entry)
	r.Effects = effectsOf(entry)
	r.cors = entry.CorsPolicy != nil
	return r
}

// addDelegate adds the rules of the delegate that an entry names, merged with the entry as Istio merges them.
func (t *Table) addDelegate(
	b *binding, root *virtualService, entry *networking.HTTPRoute, path string, all map[string]*virtualService,
) {
	ns := entry.Delegate.Namespace
	if ns == "" {
		ns = root.GetNamespace()
	}
	name := ns + "/" + entry.Delegate.Name
	miss := func(why, do string) {
		t.find(Delegate, root.Object, root.at("spec."+path+".delegate"), -1,
			fmt.Sprintf("%s delegates to VirtualService %s, %s: Istio leaves the entry out.", path, name, why), do)
	}
	d, ok := all[name]
	if !ok {
		miss("which is not among the objects", "Add the delegate, or correct its name and namespace.")
		return
	}
	d.used = true
	if len(d.spec.Hosts) > 0 {
		miss("which has hosts of its own", "Take hosts out of the delegate: only one without hosts is a delegate.")
		return
	}
	to := d.spec.ExportTo
	if len(to) > 0 && !slices.Contains(to, "*") && !slices.Contains(to, root.GetNamespace()) {
		miss("which is not exported to namespace "+root.GetNamespace(), "Export it there with exportTo.")
		return
	}
	for i, leaf := range d.spec.Http {
		at := fmt.Sprintf("http[%d]", i)
		rules, conflict := d.merged(entry, leaf, at)
		if conflict >= 0 {
			t.find(Delegate, d.Object, d.at(fmt.Sprintf("spec.%s.match[%d]", at, conflict)), -1,
				fmt.Sprintf("%s.match[%d] does not lie within any match of %s of %s: Istio leaves all of %s out.",
					at, conflict, path, root.ref(), at),
				"Let each match of the delegate be a part of one of the root's: under the root's prefix /a it may "+
					"have /a/b and not /b, and no regex where the root has a uri.")
			continue
		}
		for _, r := range rules {
			r.Root = root.ref()
			t.addRule(b, r)
		}
	}
	t.notLookedAt(d)
}

// silence keeps Istio's merging from printing warnings to stdout. What it warns of comes back as a finding.
var silence = sync.OnceFunc(func() {
	if scope := istiolog.FindScope("model"); scope != nil {
		scope.SetOutputLevel(istiolog.NoneLevel)
	}
})

// merged returns the rules of a delegate's entry under a root's one. conflict is the match of the delegate that
// lies within none of the root's, -1 if there is none: then Istio leaves out the whole entry. The merging is
// Istio's own, one pair of matches at a time, so that each rule keeps its place.
func (vs *virtualService) merged(root, leaf *networking.HTTPRoute, path string) (rules []Rule, conflict int) {
	one := func(matches []*networking.HTTPMatchRequest, i int) []*networking.HTTPMatchRequest {
		if len(matches) == 0 {
			return nil
		}
		return matches[i : i+1]
	}
	silence()
	for l := range max(1, len(leaf.Match)) {
		fits := false
		for r := range max(1, len(root.Match)) {
			top, below := root.DeepCopy(), leaf.DeepCopy()
			top.Match, below.Match = one(top.Match, r), one(below.Match, l)
			for _, entry := range model.MergeHTTPRoutes(top, []*networking.HTTPRoute{below}) {
				fits = true
				rule := vs.rule(entry, 0, path)
				if rule.Path = path; len(leaf.Match) > 0 {
					rule.Path = fmt.Sprintf("%s.match[%d]", path, l)
				}
				rule.Source = vs.at("spec." + rule.Path)
				rules = append(rules, rule)
			}
		}
		if !fits {
			return nil, l
		}
	}
	return rules, -1
}
