package story

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
)

const goodCanary = `title: Reviews for beta users
canary: reviews-v2
canaryCohort: beta
cohorts:
- name: beta
  url: http://reviews/api/orders
  header: {x-user-group: beta}
- {name: all, url: "http://reviews/api/orders", rate: 20}
expect:
- share: {version: reviews-v2, percent: 100, of: beta}
- share: {version: reviews-v2, atMost: 15, of: all}
- status: {status: 503, percent: 0}
- answered-within: {percent: 90, time: 250ms, of: all}
phases:
- name: half of it
  do: {apply: half.yaml}
  expect:
  - share: {version: reviews-v2, percent: 50, of: all}
- name: back
  do: {replace: {old: half.yaml, by: own.yaml}}
  rollback: true
  expect:
  - recovered-within: 5s
`

func readCanary(t *testing.T, text string) (*Canary, error) {
	t.Helper()
	dir := t.TempDir()
	put(t, dir, CanaryFile, text)
	put(t, dir, "half.yaml", "kind: x\n")
	return ReadCanary(filepath.Join(dir, CanaryFile))
}

// What is expected is read with the same steps and claims as a story, and the schema takes what is read.
func TestReadCanary(t *testing.T) {
	c, err := readCanary(t, goodCanary)
	if err != nil {
		t.Fatal(err)
	}
	if err := fitsIn(t, CanarySchema, goodCanary); err != nil {
		t.Errorf("the schema refuses it: %v", err)
	}
	if len(c.Cohorts) != 2 || c.Cohorts[1].Rate != 20 || len(c.Expect) != 4 || len(c.Phases) != 2 {
		t.Errorf("got %+v", c)
	}
	if got, want := c.Expect[0], expect.Expectation(expect.Share("reviews-v2", 100).Of("beta")); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	within := expect.Expectation(expect.AnsweredWithin(90, 250*time.Millisecond).Of("all"))
	if got := c.Expect[3]; got != within {
		t.Errorf("got %v, want %v", got, within)
	}
	if got := c.Phases[0].Do; got != harness.Step(harness.Apply("half.yaml")) {
		t.Errorf("got %v, want that half.yaml is applied", got)
	}
	if files, _ := c.Files(); len(files) != 1 || filepath.Base(files[0]) != "half.yaml" {
		t.Errorf("got files %q, want half.yaml alone", files)
	}
	if err := c.CheckVersions([]string{"reviews-v1", "reviews-v2"}); err != nil {
		t.Error(err)
	}
}

// Each mistake is told with its line and column, and with the name that was meant.
func TestReadCanaryFindsMistakes(t *testing.T) {
	for _, test := range []struct{ old, by, want string }{
		{"of: beta}", "of: betta}", `canary.yaml:10:3: there is no cohort "betta": did you mean beta?`},
		{"canaryCohort: beta", "canaryCohort: bta", `canary.yaml:3:1: there is no cohort "bta": did you mean beta?`},
		{"- status: {status", "- sttaus: {status",
			`canary.yaml:12:3: "sttaus" is not an expectation: did you mean status?`},
		{"percent: 100", "precent: 100", `canary.yaml:10:32: share has no key "precent": did you mean percent?`},
		{"apply: half.yaml", "apply: hlaf.yaml",
			`canary.yaml:16:8: there is no file hlaf.yaml beside canary.yaml: did you mean half.yaml?`},
		{"time: 250ms", "time: 250", `canary.yaml:13:40: time is a time with its unit, such as 5s or 1m30s, got 250`},
		{"- name: back", "- name: half of it", `there is a phase "half of it" already`},
		{"  url: http://reviews/api/orders\n", "", "cohort beta lacks url"},
		{"rate: 20", "weight: 20", "a cohort here has a rate of its own"},
		{"rate: 20", "grpc: {}", "sends no gRPC yet"}, {"rate: 20", "tcp: {}", "opens no TCP connections yet"},
		{"rollback: true", "rolback: true", `canary.yaml:21:3: a phase has no key "rolback": did you mean rollback?`},
		{goodCanary, "", "there is nothing in it"}, {goodCanary, "title: nothing\n", "it expects nothing"},
		{goodCanary, "title: [\n", "canary.yaml:"},
	} {
		_, err := readCanary(t, strings.Replace(goodCanary, test.old, test.by, 1))
		var problems Problems
		if !errors.As(err, &problems) || !strings.Contains(strings.Join(problems.Lines(), "\n"), test.want) {
			t.Errorf("%q: got %v, want %q", test.by, err, test.want)
		}
	}
	c, err := readCanary(t, goodCanary)
	if err != nil {
		t.Fatal(err)
	}
	err = c.CheckVersions([]string{"reviews-v1", "reviews-v3"})
	const want = `canary.yaml:2:1: no workload of the manifests is called "reviews-v2"`
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want that the canary is no workload", err)
	}
}
