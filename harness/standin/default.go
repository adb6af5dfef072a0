package standin

import (
	"slices"
	"strings"
)

// fromDefault writes the namespace target in the places of one of Istio's objects that name the namespace default, and
// tells whether there was one: hosts, names with a namespace before a slash, identities, and fields that are a
// namespace's name.
func fromDefault(o map[string]any, target string) bool {
	names := strings.NewReplacer(
		".default.svc", "."+target+".svc",
		`\.default\.svc`, `\.`+target+`\.svc`, // in a regular expression
		"/ns/default/", "/ns/"+target+"/", // in a principal
	)
	changed := false
	var walk func(in any, field string) any
	walk = func(in any, field string) any {
		switch in := in.(type) {
		case map[string]any:
			for name, v := range in {
				in[name] = walk(v, name)
			}
		case []any:
			for i, v := range in {
				in[i] = walk(v, field)
			}
		case string:
			out := names.Replace(in)
			switch {
			case in == "default" && slices.Contains([]string{"exportTo", "namespace", "namespaces", "notNamespaces",
				"sourceNamespace", "kubernetes.io/metadata.name"}, field):
				out = target
			case slices.Contains([]string{"gateways", "hosts"}, field) && strings.HasPrefix(in, "default/"):
				out = target + names.Replace(in[len("default"):])
			}
			changed = changed || out != in
			return out
		}
		return in
	}
	if spec, ok := o["spec"]; ok {
		o["spec"] = walk(spec, "")
	}
	return changed
}
