package course

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/harness/describe"
	"github.com/canarylab/canarylab/internal/kebab"
	"github.com/canarylab/canarylab/scenarios"
	"github.com/canarylab/canarylab/scenarios/missions"
)

var update = flag.Bool("update", false, "write the table of docs/course.md anew")

func TestPathsLeadToGameDay(t *testing.T) {
	all := All()
	if len(all) != 7 {
		t.Errorf("got %d paths, want 7", len(all))
	}
	for _, p := range all {
		if len(p.Stops) < 4 || len(p.Stops) > 6 {
			t.Errorf("%s: got %d stops, want 4 to 6", p.Name, len(p.Stops))
		}
		if !kebab.Is(p.Name) || p.Title == "" || !strings.HasSuffix(p.About, ".") {
			t.Errorf("got %q, %q, %q, want a name in kebab case, a title and a sentence", p.Name, p.Title, p.About)
		}
		if found, err := Find(p.Name); err != nil || found.Title != p.Title {
			t.Errorf("%s: got %q, %v", p.Name, found.Title, err)
		}
	}
	if first := all[0].Stops[0]; first.String() != "see weighted-rollout" {
		t.Errorf("the course begins with %s, want the healthy canary", first)
	}
	last := all[len(all)-1].Stops
	if end := last[len(last)-1]; end.String() != "mend game-day" {
		t.Errorf("the course ends with %s, want game day", end)
	}
	if _, err := Find("lables"); err == nil || !strings.Contains(err.Error(), "labels, routes") {
		t.Errorf("got %v, want an error that lists the paths", err)
	}
}

func TestStopsAreOfTheCatalogue(t *testing.T) {
	seen := map[string]string{}
	for _, p := range All() {
		for _, s := range p.Stops {
			if other := seen[s.id()]; other != "" {
				t.Errorf("%s is on path %s and on %s: to reset the one would reset the other", s, other, p.Name)
			}
			seen[s.id()] = p.Name
			_, err := scenarios.Find(s.Story)
			if s.Kind == Mend {
				_, err = missions.Find(s.Story)
			}
			if err != nil && s.Story != GameDay {
				t.Errorf("%s on path %s: %v", s, p.Name, err)
			}
			if sentences := strings.Count(s.Learned+" ", ". "); sentences < 1 || sentences > 2 {
				t.Errorf("%s: got %d sentences on what is learned, want 1 or 2: %q", s, sentences, s.Learned)
			}
			if !strings.HasSuffix(s.Question, "?") {
				t.Errorf("%s: got no question: %q", s, s.Question)
			}
			if takes := s.Takes(); (takes == "") != (s.Story == GameDay) {
				t.Errorf("%s: it takes %q", s, takes)
			}
		}
	}
	for _, name := range missions.Names() {
		if s := (Stop{Kind: Mend, Story: name}); !Has(s) {
			t.Errorf("no path has the mission %s: make a stop of it, or have the stop that sees it mend it", name)
		}
	}
	for _, story := range scenarios.All() {
		if !Has(Stop{Kind: Mend, Story: story.Name}) && !Has(Stop{Kind: See, Story: story.Name}) {
			t.Errorf("no path has the story %s", story.Name)
		}
	}
}

// The documentation lists the paths and their stops.
func TestThePathsAreDocumented(t *testing.T) {
	var b strings.Builder
	for _, p := range All() {
		fmt.Fprintf(&b, "\n### %s: %s\n\n%s\n\n| stop | takes | what is learned |\n|---|---|---|\n", p.Name, p.Title,
			describe.Wrap("", p.About))
		for _, s := range p.Stops {
			name := "`" + s.Story + "`"
			if _, ok := s.Scenario(); ok {
				name = fmt.Sprintf("[`%s`](scenarios/%[1]s.md)", s.Story)
			}
			fmt.Fprintf(&b, "| %s %s | %s | %s |\n", s.Kind, name, s.Takes(), s.Learned)
		}
	}
	b.WriteString("\n")
	const doc = "../../docs/course.md"
	page, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	part := regexp.MustCompile(`(?s)(<!-- paths:[^\n]*\n)(.*)(<!-- /paths -->)`)
	if *update {
		page = part.ReplaceAll(page, slices.Concat([]byte("${1}"), []byte(b.String()), []byte("${3}")))
		if err := os.WriteFile(doc, page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := part.FindSubmatch(page); got == nil || string(got[2]) != b.String() {
		t.Errorf("docs/course.md does not list the paths as they are: go test ./scenarios/course -update writes it")
	}
}
