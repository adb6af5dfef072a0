package scenarios_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/authoring"
	"github.com/canarylab/canarylab/harness/describe"
	"github.com/canarylab/canarylab/scenarios"
)

// fileName is a number, which gives the order of applying, and what the file is for.
var fileName = regexp.MustCompile(`^([1-9])-[a-z0-9]+(-[a-z0-9]+)*\.yaml$`)

// What can be found to be wrong without a cluster is: the scenarios' own mistakes, and what Kubernetes and
// Istio would not take.
func TestScenariosAreValid(t *testing.T) {
	for _, s := range scenarios.All() {
		t.Run(s.Name, func(t *testing.T) {
			for _, problem := range authoring.Where(".", s.Name, s.Check()) {
				t.Error(problem)
			}
		})
	}
}

// The documentation's table is the catalogue: same names, same titles, same order.
func TestDocumentationListsTheCatalogue(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", describe.Catalogue))
	if err != nil {
		t.Fatal(err)
	}
	want := describe.Table(scenarios.All())
	if !strings.Contains(string(page), want+"<!--") {
		t.Errorf("the table in %s is not the catalogue (make docs makes it); want\n%s", describe.Catalogue, want)
	}
}

// What make docs makes is there as it would make it. The results of runs are not compared: they are of another day.
func TestDocsAreCurrent(t *testing.T) {
	docs, err := describe.Docs("..", scenarios.All())
	if err != nil {
		t.Fatal(err)
	}
	stale, err := describe.Stale("..", docs)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range stale {
		if path != describe.Catalogue && path != describe.Detectors {
			t.Errorf("%s is not what the scenario says: make docs", path)
		}
	}
}

// The names are the command line's and the test's: no two alike, and each with a folder and a Go file of its own.
func TestEachScenarioHasItsFolderAndFile(t *testing.T) {
	var names []string
	for _, s := range scenarios.All() {
		names = append(names, s.Name)
		file := strings.ReplaceAll(s.Name, "-", "_") + ".go"
		if _, err := os.Stat(file); err != nil {
			t.Errorf("scenario %s: got no file %s: %v", s.Name, file, err)
		}
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for _, e := range entries {
		if e.IsDir() && e.Name() != "missions" && e.Name() != "course" { // packages of their own
			folders = append(folders, e.Name())
		}
	}
	slices.Sort(names)
	if !slices.Equal(folders, names) {
		t.Errorf("got folders %q, want one for each of the scenarios %q", folders, names)
	}
}

func TestEveryManifestIsUsedAndNumbered(t *testing.T) {
	type inFolder struct {
		harness.Scenario
		folder string
	}
	var all []inFolder
	for _, s := range scenarios.All() {
		all = append(all, inFolder{s, s.Name})
		if twin, err := scenarios.Twin(s); err == nil {
			all = append(all, inFolder{twin, filepath.Join(s.Name, harness.TwinFolder)})
		}
	}
	for _, s := range all {
		t.Run(s.folder, func(t *testing.T) {
			var used []string
			for _, p := range s.Phases {
				file := ""
				if action := p.Action(); action != nil {
					file = action.File
				}
				if file != "" && !slices.Contains(used, file) {
					used = append(used, file)
				}
			}
			entries, err := os.ReadDir(s.folder)
			if err != nil {
				t.Fatal(err)
			}
			entries = slices.DeleteFunc(entries, fs.DirEntry.IsDir)
			var there []string
			for i, e := range entries {
				there = append(there, e.Name())
				m := fileName.FindStringSubmatch(e.Name())
				if m == nil || int(m[1][0]-'0') != i+1 {
					t.Errorf("got file %s in place %d, want <number>-<what>.yaml, numbered from 1 without a gap",
						e.Name(), i+1)
				}
				b, err := os.ReadFile(filepath.Join(s.folder, e.Name()))
				if err != nil {
					t.Fatal(err)
				}
				if first, _, _ := bytes.Cut(b, []byte("\n")); !bytes.HasPrefix(
					first, []byte("# "),
				) || !bytes.ContainsAny(first, ".") {
					t.Errorf("%s: got first line %q, want a comment with a sentence on what the file does", e.Name(),
						first)
				}
			}
			// Applied in the order of their numbers, and none left over.
			if !slices.Equal(used, there) {
				t.Errorf("phases use %q, folder has %q: want the same, in the same order", used, there)
			}
		})
	}
}

func TestFindSuggestsTheNearest(t *testing.T) {
	for _, tc := range []struct{ name, want string }{
		{"label-mismatch", ""},
		{"label-missmatch", "did you mean label-mismatch?"},
		{"Header-Routing", "did you mean header-routing?"},
		{"weighted-rolout", "did you mean weighted-rollout?"},
		{"something-else", "there are: weighted-rollout, header-routing"},
		{"", "there are: weighted-rollout"},
	} {
		s, err := scenarios.Find(tc.name)
		switch {
		case tc.want == "" && (err != nil || s.Name != tc.name):
			t.Errorf("Find(%q): got %q, %v, want it found", tc.name, s.Name, err)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("Find(%q): got error %v, want one with %q", tc.name, err, tc.want)
		}
	}
	if _, err := scenarios.Find("something-else"); err == nil || strings.Contains(err.Error(), "did you mean") {
		t.Errorf("Find(something-else): got %v, want no suggestion", err)
	}
}

// Dependencies point one way: what is measured and reported knows nothing of Kubernetes, and scenarios nothing
// of providers.
func TestDependenciesPointOneWay(t *testing.T) {
	const module = "github.com/canarylab/canarylab/"
	for _, tc := range []struct {
		pkg   string
		never []string
	}{
		{"sampleapp", []string{"k8s.io/", "istio.io/", "sigs.k8s.io/", module}},
		{"loadgen", []string{
			"k8s.io/", "istio.io/", "sigs.k8s.io/", module + "harness", module + "reports", module + "scenarios",
		}},
		{"reports", []string{"k8s.io/", "istio.io/", "sigs.k8s.io/", module + "harness", module + "scenarios"}},
		{"harness/expect", []string{
			"k8s.io/", "istio.io/", "sigs.k8s.io/", module + "harness/cluster", module + "scenarios",
		}},
		{"harness/manifest", []string{module + "harness", module + "scenarios"}},
		{"harness/filelock", []string{"k8s.io/", "istio.io/", "sigs.k8s.io/", module + "harness/cluster"}},
		{"harness/progress", []string{"k8s.io/", "istio.io/", "sigs.k8s.io/", module}},
		{"harness/disk", []string{"k8s.io/", "istio.io/", "sigs.k8s.io/", module}},
		{"internal/atomicfile", []string{"k8s.io/", "istio.io/", "sigs.k8s.io/", module}},
		{"internal/kebab", []string{"k8s.io/", "istio.io/", "sigs.k8s.io/", module}},
		{"harness", []string{
			module + "scenarios", module + "harness/lab", module + "harness/authoring", module + "harness/cluster/",
			"sigs.k8s.io/kind",
		}},
		{"scenarios", []string{
			module + "harness/lab", module + "harness/authoring", module + "harness/cluster/", "sigs.k8s.io/kind",
		}},
	} {
		out, err := exec.Command("go", "list", "-deps", module+tc.pkg).CombinedOutput()
		if err != nil {
			t.Errorf("go list -deps %s: %v: %s", tc.pkg, err, out)
			continue
		}
		for dep := range strings.FieldsSeq(string(out)) {
			for _, never := range tc.never {
				if strings.HasPrefix(dep, never) && dep != module+tc.pkg {
					t.Errorf("%s depends on %s, want nothing below %s", tc.pkg, dep, never)
				}
			}
		}
	}
}

// Providers are named where they are opened, in harness/lab. Everybody else, the command line too, goes by
// their traits.
func TestProvidersAreNamedInOnePlace(t *testing.T) {
	const module = "github.com/canarylab/canarylab/"
	imports := "{{$at := .ImportPath}}"
	for _, kind := range []string{".Imports", ".TestImports", ".XTestImports"} {
		imports += "{{range " + kind + "}}{{$at}} {{.}}\n{{end}}"
	}
	out, err := exec.Command("go", "list", "-f", imports, module+"...").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v: %s", err, out)
	}
	provider := regexp.MustCompile("^" + module + "harness/cluster/(embedded|existing|kind)$")
	seen := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		by, what, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !provider.MatchString(what) {
			continue
		}
		if seen[what] = true; by != module+"harness/lab" {
			t.Errorf("%s imports %s, want only harness/lab to", by, what)
		}
	}
	if len(seen) != 3 {
		t.Errorf("got imports of the providers %v, want three", seen)
	}
}

func TestLabeled(t *testing.T) {
	count := func(label string) int {
		list, err := scenarios.Labeled(label)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	if with, without, all := count("core"), count("-core"), count(""); with == 0 || without == 0 ||
		with+without != all {
		t.Errorf("got %d with and %d without core, want all %d", with, without, all)
	}
	for _, wrong := range []string{"quick", "-quick", "-"} {
		if _, err := scenarios.Labeled(wrong); err == nil || !strings.Contains(err.Error(), "core, slow, and -slow") {
			t.Errorf("Labeled(%q): got %v, want the labels that there are", wrong, err)
		}
	}
}
