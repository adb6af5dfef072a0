package realmesh

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/images"
	"github.com/canarylab/canarylab/harness/lab/labtest"
	"github.com/canarylab/canarylab/harness/routetest"
	"github.com/canarylab/canarylab/harness/standin"
	"github.com/canarylab/canarylab/reports"
)

var corpus = flag.String("corpus", "", "TestMistakesFromTheField and TestGoodConfigurations play what of "+
	"harness/routes/testdata has one of these in its path, with commas between them, whoever's turn it is: field/ and "+
	"good/ for all")

// chosen returns the files of a pattern below harness/routes/testdata that -corpus has chosen. Without it a test plays
// usual.
func chosen(t *testing.T, pattern, usual string) []string {
	t.Helper()
	parts := strings.Split(*corpus, ",")
	if *corpus == "" {
		if usual == "" {
			t.Skip("this is played with -corpus")
		}
		labtest.ByTurns(t, turnOfCorpus)
		parts = []string{usual}
	}
	all, err := filepath.Glob(filepath.FromSlash("../routes/testdata/" + pattern))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(file string) bool {
		return !slices.ContainsFunc(parts, func(part string) bool {
			return strings.Contains(filepath.ToSlash(file), part)
		})
	})
}

// testOf is what canarylab test plays of files.
func testOf(t *testing.T, name string, files ...string) (*routetest.Test, error) {
	t.Helper()
	set, err := standin.Load(t.Context(), files, nil)
	if err != nil {
		return nil, err
	}
	return routetest.New(name, "The routing rules of "+name, set, nil, standin.Options{Image: images.SampleApp}, nil)
}

// surprises are what a report says of classes whose requests went elsewhere, a line each.
func surprises(rep *reports.Report) (all []string) {
	for _, p := range rep.Phases {
		if p.Routing == nil {
			continue
		}
		for _, f := range p.Routing.Found {
			all = append(all, f.Text)
		}
	}
	return all
}

// What only traffic shows of the mistakes from the field, it shows. Of all others what it shows is logged.
func TestMistakesFromTheField(t *testing.T) {
	for _, file := range chosen(t, "field/*/routes.yaml", "field/sidecar-hides-a-namespace/") {
		name := filepath.Base(filepath.Dir(file))
		t.Run(name, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(filepath.Dir(file), "expect.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			var m struct{ Found, Command string }
			if err := yaml.Unmarshal(b, &m); err != nil {
				t.Fatal(err)
			}
			test, err := testOf(t, routetest.Name(name), file)
			if err != nil {
				t.Logf("it is not played: %v", err)
				return
			}
			got := surprises(played(t, test))
			t.Logf("%d surprises:\n%s", len(got), strings.Join(got, "\n"))
			says := func(s string) bool { return strings.Contains(s, m.Command) }
			if m.Command != "" && !slices.ContainsFunc(got, says) {
				t.Errorf("got %q, want one that says %q", got, m.Command)
			}
		})
	}
}

// played plays a test once. Where a request ends does not depend on when it is sent, so that a run of which the machine
// did not carry the load is as good as another one.
func played(t *testing.T, test *routetest.Test) *reports.Report {
	t.Helper()
	rep, err := theLab.Play(t.Context(), t, test.Scenario, harness.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Void() {
		t.Logf("void: %q", rep.Accounting.Problems)
	}
	return rep
}

// Good configurations are no surprise. Where it does not matter from which namespace somebody calls, several are played
// at once.
func TestGoodConfigurations(t *testing.T) {
	for i, files := range groups(t, chosen(t, "good/*.yaml", "")) {
		name := fmt.Sprintf("good-%d", i+1)
		if len(files) == 1 {
			name = strings.TrimSuffix(filepath.Base(files[0]), ".yaml")
		}
		t.Run(name, func(t *testing.T) {
			test, err := testOf(t, routetest.Name(name), files...)
			if err != nil {
				t.Skipf("it is not played: %v", err)
			}
			rep := played(t, test)
			for _, s := range surprises(rep) {
				t.Errorf("%s: %s", strings.Join(files, ", "), s)
			}
			sent := 0
			for _, p := range rep.Phases {
				for _, c := range p.Routing.Classes {
					sent += c.Requests
					if c.Outcome == reports.Inconclusive {
						t.Errorf("%s: %s", c.Request, c.Reason)
					}
				}
			}
			t.Logf("%d requests of %s", sent, strings.Join(files, ", "))
		})
	}
}

// groupSize is how many configurations are played at once: each has one to three pods, and two cores start those of
// six in some 12 s.
const groupSize = 6

// groups puts files together that have nothing to do with who calls. Of Gateways of the Gateway API a group has one at
// most: the lab's ingress gateway is in one namespace, and such a Gateway takes one of its own.
func groups(t *testing.T, files []string) (all [][]string) {
	t.Helper()
	var together [][]string
	edges := map[int]bool{} // the groups with such a Gateway
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		has := func(word string) bool { return bytes.Contains(b, []byte(word)) }
		if slices.ContainsFunc([]string{
			"kind: Sidecar", "kind: AuthorizationPolicy", "exportTo", "sourceNamespace", "of the caller's namespace",
		}, has) {
			all = append(all, []string{file})
			continue
		}
		edge := has("gatewayClassName")
		i := slices.IndexFunc(together, func(group []string) bool { return len(group) < groupSize })
		for edge && i >= 0 && i < len(together) && (edges[i] || len(together[i]) == groupSize) {
			i++
		}
		if i < 0 || i == len(together) {
			i, together = len(together), append(together, nil)
		}
		edges[i] = edges[i] || edge
		together[i] = append(together[i], file)
	}
	return append(all, together...)
}

// samples are Istio's own, in docs/your-canary.
var samples = []string{"bookinfo", "helloworld", "httpbin"}

// Istio's samples behave as Istio's pages say.
func TestSamples(t *testing.T) {
	if *corpus == "" {
		t.Skip("this is played with -corpus=samples")
	}
	for _, name := range samples {
		if !strings.Contains(*corpus, "samples") && !strings.Contains(*corpus, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			test, err := testOf(t, routetest.Name(name), filepath.FromSlash("../../docs/your-canary/"+name+".yaml"))
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range surprises(played(t, test)) {
				t.Error(s)
			}
		})
	}
}
