package routetest_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/routetest"
	"github.com/canarylab/canarylab/harness/standin"
	"github.com/canarylab/canarylab/reports"
)

const canaryFolder = "../../docs/your-canary/canary"

var canaryFiles = []string{"shop.yaml", "half.yaml", "none.yaml", "cases.yaml", "router-check.yaml", "canary.yaml"}

// expecting makes the test of a folder with a canary.yaml.
func expecting(t *testing.T, dir string) (*routetest.Test, error) {
	t.Helper()
	e, err := routetest.ReadExpectations(t.Context(), filepath.Join(dir, "canary.yaml"))
	if err != nil {
		return nil, err
	}
	set, err := standin.Load(t.Context(), []string{dir}, nil, e.Files()...)
	if err != nil {
		t.Fatal(err)
	}
	return routetest.New("own-canary", "A canary", set, nil, standin.Options{Image: "canarylab/sampleapp:dev"}, e)
}

// The example of the documentation can be played: its phases, cohorts and cases are claims of one scenario.
func TestExpectations(t *testing.T) {
	made, err := expecting(t, canaryFolder)
	if err != nil {
		t.Fatal(err)
	}
	s := made.Scenario
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range s.Phases {
		names = append(names, p.Name)
	}
	want := []string{routetest.PhaseOwn, "half of everyone", "rollback"}
	if !slices.Equal(names, want) {
		t.Fatalf("got phases %q, want %q", names, want)
	}
	if s.Canary != "reviews-v2" || !s.Phases[2].Rollback {
		t.Errorf("got canary %q, rollback %v, want that the last phase takes reviews-v2 back", s.Canary,
			s.Phases[2].Rollback)
	}
	cases, own := 0, 0
	for _, e := range s.Phases[0].Expect {
		switch expect.RecordOf(e).Kind {
		case "case":
			cases++
		case reports.KindLands:
		default:
			own++
		}
	}
	if cases != 6 || own != 5 {
		t.Errorf("got %d cases and %d claims of the canary.yaml, want 4, 1 and 1 cases, and 5 claims", cases, own)
	}
	text := fileOf(t, s, "half.yaml")
	if !strings.Contains(text, "weight: 50") || strings.Contains(text, "kind: Deployment") {
		t.Errorf("got\n%s\nwant the VirtualService of half.yaml alone", text)
	}
	halved := false
	for _, c := range s.Phases[1].Routing.Classes {
		halved = halved || c.Cohort == "everyone" && len(c.Asked) == 2 && c.Asked[0].Percent == 50 &&
			c.Was[0].Percent == 90
	}
	if !halved {
		t.Errorf("got %+v, want that everyone is asked for in halves, after 90 and 10", s.Phases[1].Routing.Classes)
	}
	for _, c := range s.Load.Cohorts {
		if c.Name == "beta" && c.Header["x-user-group"] != "beta" {
			t.Errorf("got %+v, want the header of beta", c)
		}
	}
	unsaid := slices.ContainsFunc(s.Phases[0].Routing.Remarks, func(m reports.RoutingRemark) bool {
		return m.Kind == "unsaid" && strings.Contains(m.Text, "virtual_host_name")
	})
	if !unsaid {
		t.Errorf("got remarks %+v, want that virtual_host_name is not looked at", s.Phases[0].Routing.Remarks)
	}
}

// What can't be played is said with the place in the file.
func TestExpectationsThatAreWrong(t *testing.T) {
	for _, test := range []struct{ old, by, want string }{
		{"canary: reviews-v2", "canary: v2", `canary.yaml:3:1: no workload of the manifests is called "v2"`},
		{"version: reviews-v2, percent: 10, of", "version: reviews-v3, percent: 10, of",
			`canary.yaml:14:3: no workload of the manifests is called "reviews-v3": did you mean reviews-v1?`},
		{"http://reviews/orders", "http://nowhere/orders", "canary.yaml:7:3: cohort beta can't be sent"},
		{"http://reviews/orders", "reviews/orders", "canary.yaml:7:3: the url \"reviews/orders\" is none"},
		{"percent: 10, of: everyone}\n- share: {version: reviews-v2, atMost: 20",
			"percent: 30, of: everyone}\n- share: {version: reviews-v2, atMost: 20", "can't both hold"},
		{"nothing like this", "", ""},
	} {
		dir := t.TempDir()
		for _, name := range canaryFiles {
			text, err := os.ReadFile(filepath.Join(canaryFolder, name))
			if err != nil {
				t.Fatal(err)
			}
			if name == "canary.yaml" {
				text = []byte(strings.Replace(string(text), test.old, test.by, 1))
			}
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := expecting(t, dir)
		if test.want == "" {
			if err != nil {
				t.Errorf("got %v of what is right", err)
			}
			continue
		}
		if !errors.Is(err, routetest.ErrExpectations) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.by, err, test.want)
		}
	}
}

// changeTo is the test of a change of the example's manifests.
func changeTo(t *testing.T, dir, from string) *routetest.Test {
	t.Helper()
	load := func(dir string) *standin.Set {
		set, err := standin.Load(t.Context(), []string{"../../docs/your-canary/change/" + dir}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	made, err := routetest.New("own-change", "A change", load(dir), load(from),
		standin.Options{Image: "canarylab/sampleapp:dev"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// A change is made in the order of the files, taken back, and made in an order that loses nothing.
func TestChange(t *testing.T) {
	made := changeTo(t, "new", "old")
	s := made.Scenario
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range s.Phases {
		names = append(names, p.Name)
	}
	if want := []string{routetest.PhaseBefore, routetest.PhaseOwn, routetest.PhaseBack, routetest.PhaseHosts,
		routetest.PhaseRoutes}; !slices.Equal(names, want) {
		t.Fatalf("got phases %q, want %q", names, want)
	}
	own := fileOf(t, s, "own.yaml")
	routes, subsets := strings.Index(own, "kind: VirtualService"), strings.Index(own, "kind: DestinationRule")
	if routes < 0 || routes > subsets {
		t.Errorf("got the DestinationRule first in\n%s\nwant the order of the files' names", own)
	}
	hosts := fileOf(t, s, "safe-1-hosts.yaml")
	if !strings.Contains(hosts, "kind: DestinationRule") || strings.Contains(hosts, "kind: VirtualService") ||
		!strings.Contains(hosts, "name: reviews-v2") {
		t.Errorf("got\n%s\nwant the new subset and its pods, and no route", hosts)
	}
	order := s.Phases[1].Routing.Order
	if len(order) != 2 || !strings.Contains(order[0], "DestinationRule shop/reviews") ||
		!strings.Contains(order[1], "VirtualService shop/reviews") {
		t.Errorf("got order %q", order)
	}
	stays := 0
	for _, e := range s.Phases[4].Expect {
		if expect.RecordOf(e).Kind == reports.KindStays {
			stays++
		}
	}
	if stays == 0 || stays != len(s.Phases[4].Expect) {
		t.Errorf("got %d claims that nothing is lost, of %d", stays, len(s.Phases[4].Expect))
	}
}

// What is gone is deleted last, and until then a DestinationRule keeps the subsets of before.
func TestSafeOrderOfARemoval(t *testing.T) {
	made := changeTo(t, "old", "new")
	order := strings.Join(made.Scenario.Phases[1].Routing.Order, "\n")
	for _, want := range []string{
		"DestinationRule shop/reviews with the subsets of both", "delete Deployment shop/reviews-v2",
	} {
		if !strings.Contains(order, want) {
			t.Errorf("got\n%s\nwant %q", order, want)
		}
	}
	if hosts := fileOf(t, made.Scenario, "safe-1-hosts.yaml"); !strings.Contains(hosts, "name: v2") {
		t.Errorf("got\n%s\nwant that subset v2 is still there", hosts)
	}
}

func fileOf(t *testing.T, s harness.Scenario, name string) string {
	t.Helper()
	text, err := s.Files.(interface{ ReadFile(string) ([]byte, error) }).ReadFile(s.Name + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
