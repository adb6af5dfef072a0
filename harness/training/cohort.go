package training

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/harness/addons"
	"github.com/canarylab/canarylab/loadgen"
)

// whoIs says what makes a request one of a cohort of a load, in what it differs from the others: its entry, its URL,
// and its headers. It is empty where the cohort is the only one.
func whoIs(c loadgen.Cohort, load loadgen.Plan) string {
	if len(load.Cohorts) < 2 {
		return ""
	}
	text := "requests"
	if len(load.Entries()) > 1 || c.Via() != loadgen.Sidecar {
		text += " " + entries[c.Via()]
	}
	if slices.ContainsFunc(load.Cohorts, func(o loadgen.Cohort) bool { return o.URL != c.URL }) {
		text += " for " + cmp.Or(c.URL, load.URL)
	}
	var with, without []string
	for _, name := range headers(load) {
		switch value := c.Header[name]; {
		case !differs(name, load):
		case value == "":
			without = append(without, name)
		default:
			with = append(with, fmt.Sprintf("%s: %s", name, value))
		}
	}
	if len(with) > 0 {
		text += " with the header " + strings.Join(with, " and ")
	} else if len(without) > 0 {
		text += " without the header " + strings.Join(without, " or ")
	}
	return strings.TrimSuffix(text, ",")
}

// entries say by which way requests enter the mesh.
var entries = map[loadgen.Entry]string{
	loadgen.Sidecar: "of a pod with a sidecar (" + addons.SidecarCaller + ")",
	loadgen.Plain:   "of a pod without a sidecar (" + addons.PlainCaller + ")",
	loadgen.Gateway: "from outside of the mesh, through the ingress gateway,",
}

// headers are the names of all headers of a load.
func headers(load loadgen.Plan) []string {
	all := map[string]bool{}
	for _, c := range load.Cohorts {
		for name := range c.Header {
			all[name] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// differs tells whether a header tells cohorts apart.
func differs(name string, load loadgen.Plan) bool {
	for _, c := range load.Cohorts {
		if c.Header[name] != load.Cohorts[0].Header[name] {
			return true
		}
	}
	return false
}
