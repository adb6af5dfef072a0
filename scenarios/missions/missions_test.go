package missions_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/harness/manifest"
	"github.com/canarylab/canarylab/harness/training"
	"github.com/canarylab/canarylab/scenarios"
	"github.com/canarylab/canarylab/scenarios/missions"
)

// What can be found to be wrong without a cluster is.
func TestMissionsAreValid(t *testing.T) {
	for _, m := range missions.All() {
		t.Run(m.Name(), func(t *testing.T) {
			if err := m.Check(); err != nil {
				t.Fatal(err)
			}
			if len(m.Wrong) < 3 || len(m.Right) < 2 {
				t.Errorf("got %d wrong tries and %d right ones, want 3 and 2", len(m.Wrong), len(m.Right))
			}
			if len(m.Sees) == 0 {
				t.Error("nobody would have seen it")
			}
			for _, list := range [][]training.Try{m.Wrong, m.Right} {
				for _, try := range list {
					if try.Apply == "" {
						continue
					}
					text := strings.ReplaceAll(try.Apply,
						"metadata: {name: my-", "metadata: {namespace: shop, name: my-")
					for _, p := range manifest.Check(try.Name, []string{training.Namespace}, []byte(text)) {
						t.Error(p)
					}
				}
			}
		})
	}
}

// Every mission is of a story, and each is listed.
func TestMissionsAreStories(t *testing.T) {
	listed := map[string]bool{}
	for _, m := range missions.All() {
		listed[m.Name()] = true
		if s, err := scenarios.Find(m.Name()); err != nil || s.Title != m.Story.Title {
			t.Errorf("%s: got %v, want a story of the catalogue", m.Name(), err)
		}
		if found, err := missions.Find(m.Name()); err != nil || found.Name() != m.Name() {
			t.Errorf("%s: got %q, %v", m.Name(), found.Name(), err)
		}
	}
	if want := missions.Names(); len(listed) != len(want) {
		t.Errorf("got %d missions listed, want all of %q", len(listed), want)
	}
	if _, err := missions.Find("label-missmatch"); err == nil || !strings.Contains(err.Error(), "label-mismatch") {
		t.Errorf("got %v, want an error that lists the missions", err)
	}
}

// The judge's goal is that of the story.
func TestGoals(t *testing.T) {
	for _, tc := range []struct {
		mission, task, kind string
		percent             float64
	}{
		{"label-mismatch", "10 % of all requests answered by v2, 90 % of all requests answered by v1", "503 UH", 10},
		{"load-dependent-503", "100 % of all requests answered by v2", "503 -", 41},
		{"missing-default-route", "100 % of the requests of beta answered by v2", "404 NR", 50},
		{"canary-without-sidecar", "10 % of all requests answered by v2", "503 UF,URX", 10},
		{"service-instead-of-virtualservice", "100 % of the requests of with-sidecar answered by v1", "503 UH", 71},
		{"canary-rate-limit", "10 % of all requests answered by v2", "429 -", 8},
		{"canary-5xx-rollback", "5 % of all requests answered by v2", "500 -", 1},
		{"outlier-single-pod", "10 % of all requests answered by v2", "503 UH", 10},
		{"apply-order", "10 % of all requests answered by v2", "503 NC", 10},
		{"source-ip-routing", "100 % of the requests of forger answered by v1", "v2 in place of v1", 33},
		{"ab-client-id", "100 % of the requests of beta-id answered by v2", "v1 in place of v2", 20},
		{"timeout-slow-canary", "50 % of all requests answered by v2", "504 UT", 6},
		{"mtls-strict-canary", "10 % of all requests answered by v2", "503 UC", 10},
		{"match-order-shadowed", "100 % of the requests of checkout answered by v1", "v2 in place of v1", 10},
		{"client-without-sidecar", "100 % of the requests of without-sidecar answered by v1", "v2 in place of v1", 14},
	} {
		m, err := missions.Find(tc.mission)
		if err != nil {
			t.Fatal(err)
		}
		g, err := m.Goal()
		if err != nil || !strings.Contains(g.Task(), tc.task) || g.Break.Kind != tc.kind ||
			int(g.Break.Percent) != int(tc.percent) {
			t.Errorf("%s: got %q, %+v, %v, want %q and %s %g %%", tc.mission, g.Task(), g.Break, err, tc.task, tc.kind,
				tc.percent)
		}
	}
}

// The documentation has a row for every story of the catalogue: it is a mission, or there is a reason why it is none.
func TestEveryStoryIsAMissionOrHasItsReason(t *testing.T) {
	page, err := os.ReadFile("../../docs/training.md")
	if err != nil {
		t.Fatal(err)
	}
	_, from, ok := strings.Cut(string(page), "\n### The missions\n")
	are, from, also := strings.Cut(from, "\n### Stories that are no missions\n")
	none, _, ends := strings.Cut(from, "\n### ")
	if !ok || !also || !ends {
		t.Fatal("docs/training.md lacks a list of the missions, or of the stories that are none")
	}
	names := missions.Names()
	for _, s := range scenarios.All() {
		list, other := none, are
		if slices.Contains(names, s.Name) {
			list, other = are, none
		}
		row := "\n| " + s.Name + " | "
		_, text, ok := strings.Cut(list, row)
		if text, _, _ = strings.Cut(text, "\n"); !ok || len(text) < 20 {
			t.Errorf("docs/training.md says of %s %q, want a row about it", s.Name, text)
		}
		if strings.Contains(other, row) {
			t.Errorf("docs/training.md has %s in both lists", s.Name)
		}
	}
}

// In a class each mission is played at a rate that is no higher than its story's, and at which the judge can be sure.
func TestMissionsHaveARateInAClass(t *testing.T) {
	for _, m := range missions.All() {
		own := m.Story.Rate()
		rate, err := m.ClassRate()
		if err != nil || rate > own || rate < min(own, 170) {
			t.Errorf("%s: got %d of %d, %v", m.Name(), rate, own, err)
		}
		if err := m.AtRate(rate).Check(); err != nil {
			t.Errorf("%s at %d requests a second: %v", m.Name(), rate, err)
		}
		t.Logf("%s: %d of %d", m.Name(), rate, own)
	}
}
