package conformance

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"golang.org/x/mod/semver"
	"sigs.k8s.io/yaml"
)

// A Report is what the lab reads of the suite's official report file.
type Report struct {
	GatewayAPIVersion string `json:"gatewayAPIVersion"`
	Implementation    struct {
		Version string `json:"version"`
	} `json:"implementation"`
	Profiles []Profile `json:"profiles"`
}

// A Profile is one profile's part of a report.
type Profile struct {
	Name     string `json:"name"`
	Core     Result `json:"core"`
	Extended Result `json:"extended"`
}

// A Result is how the tests of a profile went that everybody has to pass (core), or those of optional features.
type Result struct {
	Result     string `json:"result"`
	Statistics struct {
		Passed, Failed, Skipped int
	} `json:"statistics"`
	FailedTests       []string `json:"failedTests"`
	SkippedTests      []string `json:"skippedTests"`
	SupportedFeatures []string `json:"supportedFeatures"`
}

// ReadReport reads a report file.
func ReadReport(file string) (Report, error) {
	var rep Report
	content, err := os.ReadFile(file)
	if err != nil {
		return rep, err
	}
	if err := yaml.Unmarshal(content, &rep); err != nil {
		return rep, fmt.Errorf("the conformance report %s: %w", file, err)
	}
	if len(rep.Profiles) == 0 {
		return rep, fmt.Errorf("the conformance report %s has no profile", file)
	}
	return rep, nil
}

// published returns the latest report of Istio's project in the suite's module, whose folder is dir.
func published(dir string) (Report, error) {
	files, err := filepath.Glob(filepath.Join(dir, "reports", "*", "istio-istio", "*.yaml"))
	if err != nil {
		return Report{}, err
	}
	if len(files) == 0 {
		return Report{}, fmt.Errorf("%s has no report of Istio", dir)
	}
	release := func(file string) string { return filepath.Base(filepath.Dir(filepath.Dir(file))) }
	return ReadReport(slices.MaxFunc(files, func(a, b string) int {
		return cmp.Or(semver.Compare(release(a), release(b)), strings.Compare(a, b))
	}))
}

// Of returns a report's profile, an empty one if the report has none of that name.
func (r Report) Of(name string) Profile {
	if i := slices.IndexFunc(r.Profiles, func(p Profile) bool { return p.Name == name }); i >= 0 {
		return r.Profiles[i]
	}
	return Profile{Name: name}
}

// Failed returns the tests that failed, each with its profile.
func (r Report) Failed() []string {
	var all []string
	for _, p := range r.Profiles {
		for _, test := range slices.Concat(p.Core.FailedTests, p.Extended.FailedTests) {
			all = append(all, p.Name+": "+test)
		}
	}
	return all
}

// Table sets the report beside the one that Istio's project published.
func (r Report) Table(published Report) string {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	title := func(r Report) string {
		return fmt.Sprintf("Istio %s, Gateway API %s", r.Implementation.Version, r.GatewayAPIVersion)
	}
	fmt.Fprintf(w, "passed of those that count\tthe lab: %s\tpublished: %s\n", title(r), title(published))
	for _, p := range r.Profiles {
		other := published.Of(p.Name)
		for _, part := range []struct {
			name        string
			mine, other Result
		}{{"core", p.Core, other.Core}, {"extended", p.Extended, other.Extended}} {
			fmt.Fprintf(w, "%s %s\t%s\t%s\n", p.Name, part.name, part.mine, part.other)
		}
	}
	_ = w.Flush() // a buffer takes everything
	for _, test := range r.Failed() {
		fmt.Fprintf(&b, "failed: %s\n", test)
	}
	for _, p := range r.Profiles {
		for _, test := range slices.Concat(p.Core.SkippedTests, p.Extended.SkippedTests) {
			fmt.Fprintf(&b, "skipped: %s: %s (%s)\n", p.Name, test, cmp.Or(skipped[test], "by the suite"))
		}
	}
	return b.String()
}

// String says how many passed of those that were run, and "none" where the report has no such tests.
func (r Result) String() string {
	if r.Result == "" {
		return "none"
	}
	s := r.Statistics
	text := fmt.Sprintf("%d of %d", s.Passed, s.Passed+s.Failed)
	if s.Skipped > 0 {
		text += fmt.Sprintf(", %d skipped", s.Skipped)
	}
	return text
}
