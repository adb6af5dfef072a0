package story

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/sampleapp"
	"github.com/canarylab/canarylab/scenarios"
)

// written writes a story's folder, and returns it.
func written(t *testing.T, s harness.Scenario) string {
	t.Helper()
	files, err := Files(s)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range files {
		put(t, dir, name, string(text))
	}
	return dir
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Every story of the catalogue can be written without Go, and comes back as it was: the same phases, steps, proofs,
// claims, detectors, load and texts, and the same manifests. So it is played as it is in the catalogue.
func TestTheCatalogueComesBack(t *testing.T) {
	for _, s := range scenarios.All() {
		t.Run(s.Name, func(t *testing.T) {
			dir := written(t, s)
			got, err := Read(dir)
			if err != nil {
				t.Fatal(err)
			}
			if got.Folder != dir {
				t.Errorf("got folder %q, want %q", got.Folder, dir)
			}
			sameFiles(t, got, s)
			text, err := os.ReadFile(filepath.Join(dir, File))
			if err != nil {
				t.Fatal(err)
			}
			if err := fits(t, string(text)); err != nil {
				t.Errorf("the schema refuses it: %v", err)
			}
			if err := got.Check(); err != nil {
				t.Errorf("check: %v", err)
			}
			for n, line := range strings.Split(string(text), "\n") {
				if width := len([]rune(line)); width > columns {
					t.Errorf("line %d has %d columns: %s", n+1, width, line)
				}
			}
			got.Folder, got.Files, got.OnlyIstio = s.Folder, s.Files, s.OnlyIstio
			if !reflect.DeepEqual(got, s) {
				for i := range s.Phases {
					if i < len(got.Phases) && !reflect.DeepEqual(got.Phases[i], s.Phases[i]) {
						t.Errorf("phase %d: got\n%#v\nwant\n%#v", i+1, got.Phases[i], s.Phases[i])
					}
				}
				t.Errorf("got\n%#v\nwant\n%#v", got, s)
			}
		})
	}
}

// sameFiles compares the manifests that two scenarios see.
func sameFiles(t *testing.T, got, want harness.Scenario) {
	t.Helper()
	names := func(s harness.Scenario) []string {
		all, err := fs.Glob(s.Files, path.Join(s.Name, "*.yaml"))
		if err != nil || len(all) == 0 {
			t.Fatalf("got files %q, %v", all, err)
		}
		return all
	}
	if g, w := names(got), names(want); !reflect.DeepEqual(g, w) {
		t.Fatalf("got files %q, want %q", g, w)
	}
	for _, name := range names(want) {
		g, err := fs.ReadFile(got.Files, name)
		if err != nil {
			t.Fatal(err)
		}
		if w, err := fs.ReadFile(want.Files, name); err != nil || string(g) != string(w) {
			t.Errorf("%s is not what it was (%v)", name, err)
		}
	}
}

// everything is a story with all that the catalogue does not have.
func everything(t *testing.T) harness.Scenario {
	t.Helper()
	s := scenarios.All()[0]
	s.Labels = nil
	s.Title = `A "title": with # signs, a 'quote' and é`
	s.Story = "Two  spaces, \ttabs\nand a second line. " + strings.Repeat("long ", 40)
	s.LowestRate = 7
	s.Load = loadgen.Plan{
		URL: "http://my-service/", Method: "POST", Body: &loadgen.Body{Size: 12}, FreshConnections: true, Rate: 500,
		Shape: &loadgen.Shape{Steps: []loadgen.Stage{{Factor: 1}, {At: 90 * time.Second, Factor: 0.5}}},
		Seed:  1 << 60, Timeout: 1500 * time.Millisecond,
		Cohorts: []loadgen.Cohort{
			{Name: "beta", Weight: 1.5, Header: map[string]string{"X-A": "4711", "x-b": "yes", "x-c": ""}},
			{Name: "plain", Weight: 2, Entry: loadgen.Plain, Socket: true},
		},
	}
	s.Phases = []harness.Phase{s.Phases[0], {
		Name: "no", Rollback: true, Breaks: true, Fixes: true, Point: true, Repeat: true, Cohort: "beta",
		Deadline: 2 * time.Minute,
		Do: harness.Inject{Version: "1.0", Pods: 2, Faults: sampleapp.Faults{
			ErrorRate: 0.25, CloseRate: 0.125, Latency: 50 * time.Millisecond, Distribution: sampleapp.Normal,
			Overflow: sampleapp.Enqueue, Concurrency: 3, Queue: 4, Unready: true, Drain: time.Second,
			ErrorCodes: sampleapp.Codes{500, 503},
		}},
		Await: []harness.Proof{harness.Ejected{Subset: "v2"}, harness.Gone{Version: "null"}},
		Prove: []harness.Proof{
			harness.Denied{Of: harness.Apply("5-promoted.yaml"), With: "admission webhook"},
			harness.Denied{Of: harness.ScaleTo{Deployment: "d", Replicas: 0}, With: "no: it is not"},
			harness.Analysis{Files: "IST0101"}, harness.Sidecars{Version: "v2", Want: 3},
		},
		Until: harness.Gate{
			Checks: []harness.Check{
				harness.FailedShare("v2", 0), harness.LatencyP99("v2", 12.5),
				{Name: "own", Query: `sum(rate(x{a="b"}[5s]))`, Series: `x{a="b"}`, Limit: 1},
			},
			Every: 2 * time.Second, Bad: 2, Good: 3,
		},
		Expect: []expect.Expectation{
			expect.Share("v2", 0), expect.Share("v2", 12.5).AtLeast().Foreseen(20).DrawnSingly().Of("beta"),
			expect.Status(0, 0), expect.Flag(503, "UF,URX", 20).AtMost().Of("beta"), expect.NoErrors().Of("beta"),
			expect.Answers("v1", 12.5), expect.FailAtMost(3).Of("beta"),
			expect.ReachAtMost("v2", 0).Of("beta"), expect.SlowerThan("canary at 5 %"), expect.Promoted(),
			expect.LingersFor(time.Hour), expect.NeverFails().Of("beta"), expect.OnlyErrors(503, "-"),
		},
	}, {Name: "test", Until: harness.SequentialTest{Good: 0.1, Bad: 10, FalseAlarm: 1e-4}}, {
		Name: "ramp", Do: harness.StopIstiod{},
	}, {Name: "undo", Do: harness.Undo{Deployment: "d"}}}
	return s
}

// What the catalogue does not have can be written too, and comes back.
func TestEverythingComesBack(t *testing.T) {
	s := everything(t)
	for _, shape := range []*loadgen.Shape{
		s.Load.Shape, {Ramp: &loadgen.Ramp{From: 0, To: 2, Over: time.Minute}},
		{Sine: &loadgen.Sine{Amplitude: 0.5, Period: time.Second}}, nil,
	} {
		s.Load.Shape = shape
		dir := written(t, s)
		got, err := Read(dir)
		if err != nil {
			t.Fatal(err)
		}
		got.Folder, got.Files = "", s.Files
		if !reflect.DeepEqual(got, s) {
			t.Errorf("got\n%#v\nwant\n%#v", got, s)
		}
		text, err := os.ReadFile(filepath.Join(dir, File))
		if err != nil {
			t.Fatal(err)
		}
		if err := fits(t, string(text)); err != nil {
			t.Errorf("the schema refuses it: %v", err)
		}
	}
	s.Phases[1].Until = harness.Refereed{}
	if _, err := Files(s); err == nil || !strings.Contains(err.Error(), "a detector is one of gate, sequential-test") {
		t.Errorf("a referee: got %v, want it to be refused", err)
	}
}

// Written shows how the kinds are written.
func TestWritten(t *testing.T) {
	got := func(text string, also []string, ok bool) string {
		if !ok {
			return "none"
		}
		return strings.Join(append([]string{text}, also...), "; ")
	}
	for got, want := range map[string]string{
		got(Written[harness.Step]("apply")):               "apply: …",
		got(Written[harness.Step]("inject")):              "inject: {version: …, faults: …}; pods",
		got(Written[harness.Step]("scale")):               "scale: {deployment: …, replicas: …}",
		got(Written[harness.Step]("stop-istiod")):         "stop-istiod",
		got(Written[harness.Proof]("analysis")):           "analysis; code; files",
		got(Written[expect.Expectation]("reach-at-most")): "reach-at-most: {version: …, requests: …}; of",
		got(Written[expect.Expectation]("slower-than")):   "slower-than: …",
		got(Written[harness.Detector]("gate")):            "gate: {checks: …}; every; bad; good",
		got(Written[harness.Step]("none")):                "none",
		got(Written[expect.Expectation]("share")): "share: {version: …, percent: …}; atLeast; atMost; foreseen; " +
			"drawnSingly; of",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// small is a story to make mistakes in.
const small = `name: small
title: A small one
load:
  url: http://my-service/
  cohorts:
  - {name: everyone, rate: 500}
canary: v2
phases:
- name: baseline
  do: {apply: 1-baseline.yaml}
  prove:
  - ready-pods: {version: v2, want: 1}
  expect:
  - share: {version: v1, percent: 100}
  - no-errors
- name: canary at 10 %
  do: {apply: 2-canary.yaml}
  until:
    gate:
      checks:
      - failed-share: {subset: v2, limit: 5}
      every: 1s
  expect:
  - share: {version: v2, percent: 10}
  - promoted
`

func TestMistakesAreToldWithTheirPlaces(t *testing.T) {
	for _, test := range []struct {
		name, old, new string
		// want has all lines, without the folder. Empty means that it is fine.
		want []string
		// loose tells that the schema takes it.
		loose bool
	}{
		{name: "none"},
		{
			name: "unknown key", old: "percent: 10}", new: "percnt: 10}",
			want: []string{
				`24:26: share has no key "percnt": did you mean percent? (there are: version, percent, atLeast, ` +
					`atMost, foreseen, drawnSingly, of)`,
			},
		},
		{
			name: "unknown key of the story", old: "canary: v2", new: "cannary: v2",
			want: []string{`7:1: a story has no key "cannary": did you mean canary? (there are: name, site, title,`},
		},
		{
			name: "unknown kind", old: "apply: 2", new: "aply: 2",
			want: []string{`17:8: "aply" is not a step: did you mean apply? (there are: apply, `},
		},
		{
			name: "unknown claim alone", old: "- promoted", new: "- promotd",
			want: []string{`25:5: "promotd" is not an expectation: did you mean promoted? (there are: `},
		},
		{
			name: "in one word", old: "{apply: 2-canary.yaml}", new: "apply 2-canary.yaml",
			want: []string{`17:7: "apply 2-canary.yaml" is not a step: write it as apply: … (there are: apply, `},
		},
		{
			name: "no share", old: ", percent: 10}", new: "}",
			want: []string{`24:12: share has one of percent, atLeast, atMost, got 0 of them`},
		},
		{
			name: "no title", old: "title: A small one\n", new: "", want: []string{`1:1: a story lacks title`},
		},
		{
			name: "percent sign", old: "percent: 10}", new: "percent: 10 %}",
			want: []string{`24:35: percent is a number (10), got 10 %`},
		},
		{
			name: "two values in one", old: "- share: {version: v2, percent: 10}",
			new: "- share:\n    version: v2\n    percent: 10",
			want: []string{`24:5: an expectation is one name with its keys below it, such as aborted-within: …, got ` +
				`the names share, version, percent`},
		},
		{
			name: "both", old: "percent: 10}", new: "percent: 10, atLeast: 10}",
			want: []string{`24:12: share has one of percent, atLeast, atMost, got 2 of them`},
		},
		{
			name: "a share of 150", old: "percent: 10}", new: "percent: 150}", loose: true,
			want: []string{`24:5: share: a share of 150 % is not judged`},
		},
		{
			name: "a time without unit", old: "every: 1s", new: "every: 1",
			want: []string{`22:14: every is a time with its unit, such as 5s or 1m30s, got 1`},
		},
		{
			name: "a number for a text", old: "version: v2, percent", new: "version: 2, percent",
			want: []string{`24:22: version is a text, got 2: put it into quotes`},
		},
		{
			name: "a text for a number", old: "want: 1}", new: "want: one}",
			want: []string{`12:37: want is a whole number, got one`},
		},
		{
			name: "missing keys", old: "ready-pods: {version: v2, want: 1}", new: "ready-pods",
			want: []string{`12:5: ready-pods lacks something: write it as ready-pods: {version: …, want: …}`},
		},
		{
			name: "one missing key", old: "{version: v2, want: 1}", new: "{version: v2}",
			want: []string{`12:17: ready-pods lacks want`},
		},
		{
			name: "stands alone", old: "- promoted", new: "- promoted: {of: beta}",
			want: []string{`25:15: promoted stands alone, got a mapping`},
		},
		{
			name: "no list", old: "  expect:\n  - share: {version: v2, percent: 10}\n  - promoted\n",
			new:  "  expect: promoted\n",
			want: []string{`23:11: expect is a list, got promoted: begin each of its lines with a dash`},
		},
		{
			name: "twice", old: "canary: v2", new: "canary: v2\ncanary: v1", loose: true,
			want: []string{`8:1: a story has canary twice`},
		},
		{
			name: "no such file", old: "2-canary.yaml", new: "2-cannary.yaml", loose: true,
			want: []string{`17:8: there is no file 2-cannary.yaml beside story.yaml: did you mean 2-canary.yaml? ` +
				`(there are: 1-baseline.yaml, 2-canary.yaml)`},
		},
		{
			name: "several", old: "title: A small one", new: "tittle: A small one",
			want: []string{`2:1: a story has no key "tittle": did you mean title?`},
		},
		{
			name: "faults", old: "{apply: 2-canary.yaml}",
			new: "{inject: {version: v2, faults: {erorRate: 0.1, latency: 5}}}",
			want: []string{
				`17:39: faults has no key "erorRate": did you mean errorRate?`,
				`17:63: latency is a time with its unit, such as 5s or 1m30s, got 5`,
			},
		},
		{
			name: "syntax", old: "canary: v2", new: "canary: [v2", loose: true,
			want: []string{`6: did not find expected ',' or ']'`},
		},
		// What follows is found by the scenario's own Check.
		{
			name: "no such version", old: "version: v2, percent: 10", new: "version: v3, percent: 10", loose: true,
			want: []string{
				`24:5: phase 2 (canary at 10 %): "10 % of all requests answered by v3": no file has a version "v3" ` +
					`(there are: v1, v2)`,
			},
		},
		{
			name: "canary", old: "canary: v2", new: "canary: v4", loose: true,
			want: []string{`7:1: the canary: no file has a version "v4"`},
		},
		{
			name: "no rate", old: "rate: 500", new: "rate: 0", loose: true,
			want: []string{`6:22: plan: cohorts[0].rate: 0 is not 1 to 20000 requests a second`},
		},
		{
			name: "a phase that claims nothing", loose: true,
			old: "  expect:\n  - share: {version: v2, percent: 10}\n  - promoted\n", new: "",
			want: []string{`16:3: phase 2 (canary at 10 %): it claims nothing, so it can't fail`},
		},
		{
			name: "elsewhere", old: "http://my-service/", new: "http://example.com/", loose: true,
			want: []string{`4:3: the load goes to example.com (cohort "everyone"), and may go to the cluster alone`},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if !strings.Contains(small, test.old) {
				t.Fatalf("the story has no %q", test.old)
			}
			text := strings.Replace(small, test.old, test.new, 1)
			put(t, dir, File, text)
			copyManifests(t, dir)
			if err := fitsLoosely(t, text); (err == nil) != (test.loose || test.want == nil) {
				t.Errorf("the schema says %v", err)
			}
			var lines []string
			s, err := Read(dir)
			var wrong Problems
			switch {
			case errors.As(err, &wrong):
				lines = wrong.Lines()
			case err != nil:
				t.Fatal(err)
			default:
				lines, _ = Where(s, s.Check())
			}
			if len(lines) != len(test.want) {
				t.Fatalf("got\n%s\nwant %d lines, such as %q", strings.Join(lines, "\n"), len(test.want), test.want)
			}
			for i, want := range test.want {
				if want = filepath.Join(dir, File) + ":" + want; !strings.HasPrefix(lines[i], want) {
					t.Errorf("got\n%s\nwant\n%s", lines[i], want)
				}
			}
		})
	}
}

// fitsLoosely is fits, and nil for what is no YAML.
func fitsLoosely(t *testing.T, text string) error {
	t.Helper()
	if strings.Contains(text, "[v2") {
		return nil
	}
	return fits(t, text)
}

// copyManifests puts two manifests into the folder of the small story.
func copyManifests(t *testing.T, dir string) {
	t.Helper()
	for from, to := range map[string]string{"1-baseline.yaml": "1-baseline.yaml", "2-canary-5.yaml": "2-canary.yaml"} {
		b, err := os.ReadFile(filepath.Join("../../scenarios/weighted-rollout", from))
		if err != nil {
			t.Fatal(err)
		}
		put(t, dir, to, strings.ReplaceAll(string(b), "weighted-rollout", "small"))
	}
}

// Mistakes in manifests are told together with those of the story.yaml, with the file as it was called.
func TestMistakesInManifests(t *testing.T) {
	dir := t.TempDir()
	copyManifests(t, dir)
	put(t, dir, File, small)
	file := filepath.Join(dir, "2-canary.yaml")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	put(t, dir, "2-canary.yaml", strings.Replace(string(b), "weight: 95", "wieght: 95", 1))
	s, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	lines, ok := Where(s, s.Check())
	if !ok || len(lines) != 1 || !strings.HasPrefix(lines[0], file+":") ||
		!strings.Contains(lines[0], "did you mean weight?") {
		t.Errorf("got %q, want one in %s", lines, file)
	}
	put(t, dir, File, strings.Replace(small, "- promoted", "- promotd", 1))
	var wrong Problems
	if _, err := Read(dir); !errors.As(err, &wrong) || len(wrong) != 2 || wrong[1].File != file {
		t.Errorf("with a mistake in the story: got %v, want both", err)
	}
	if _, ok := Where(scenarios.All()[0], nil); ok {
		t.Error("got places of a story of the catalogue, want none")
	}
}

func TestReadOfNoStory(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(dir); !errors.Is(err, ErrNoStory) {
		t.Errorf("an empty folder: got %v, want %v", err, ErrNoStory)
	}
	for text, want := range map[string]string{
		"":                       "there is nothing in it",
		"# only this\n":          "there is nothing in it",
		"just words\n":           "a story is written by keys",
		small + "---\nname: x\n": "a story is one document",
		"a: &a [*a]\n":           "a story has no key",
		"phases:\n" + strings.Repeat("- {}\n", 3): "a phase lacks name",
		strings.Repeat("x", maxFile+1):            "bytes",
	} {
		put(t, dir, File, text)
		if _, err := Read(filepath.Join(dir, File)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: got %v, want an error with %q", text, err, want)
		}
	}
	// Aliases make many of few.
	var b strings.Builder
	b.WriteString("labels: &a [core, core, core, core, core, core, core, core, core, core]\nsee: [x]\nphases:\n")
	for range 20_000 {
		b.WriteString("- prove: *a\n")
	}
	put(t, dir, File, b.String())
	if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), "aliases included") {
		t.Errorf("many aliases: got %.200v, want them to be bounded", err)
	}
}

func TestIs(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.Mkdir("mine", 0o755); err != nil {
		t.Fatal(err)
	}
	if Is("mine") || !Is("./mine") || !Is("mine/") || !Is(".") || Is("label-mismatch") {
		t.Error("got a word wrong: want those with a slash to be folders")
	}
	put(t, "mine", File, small)
	if !Is("mine") {
		t.Error("got no folder, want one: it has a story.yaml")
	}
}

// An alias stands for what it names, as elsewhere in YAML.
func TestAliases(t *testing.T) {
	dir := t.TempDir()
	copyManifests(t, dir)
	text := strings.Replace(small, "  expect:\n  - share: {version: v1, percent: 100}\n  - no-errors\n",
		"  expect: &well\n  - share: {version: v1, percent: 100}\n  - no-errors\n", 1)
	put(t, dir, File, text+"- name: once more\n  expect: *well\n")
	s, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(s.Phases[2].Expect, s.Phases[0].Expect) {
		t.Errorf("got %v, want %v", s.Phases[2].Expect, s.Phases[0].Expect)
	}
}
