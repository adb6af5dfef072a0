package describe_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/describe"
)

// The page on writing a scenario lists what the sources have.
func TestTheLanguageIsCurrent(t *testing.T) {
	const root = "../.."
	docs, err := describe.Docs(root, nil)
	if err != nil {
		t.Fatal(err)
	}
	stale, err := describe.Stale(root, docs)
	if err != nil {
		t.Fatal(err)
	}
	if docs[describe.Writing] == nil || slices.Contains(stale, describe.Writing) {
		t.Errorf("%s does not list the scenario language as it is: make docs", describe.Writing)
	}
	page := string(docs[describe.Writing])
	for _, want := range []string{
		"| `Apply(\"…\")` | `apply: …` | applies one of the scenario's files",
		"| `Inject{Version, Faults, Pods}` | `inject: {version: …, faults: …}`, `pods` | sets the faults",
		"| `StopIstiod{}` | `stop-istiod` | takes istiod away",
		"| `Endpoints{Subset, Service, Want}` | `endpoints: {subset: …, want: …}`, `service` | claims that every",
		"| `Share(version, percent)[.AtLeast()][.AtMost()][.DrawnSingly()][.Foreseen(percent)][.Of(cohort)]` | " +
			"`share: {version: …, percent: …}`, `atLeast`, `atMost`, `foreseen`, `drawnSingly`, `of` | " +
			"claims that version answers percent",
		"| `NoErrors()[.Of(cohort)]` | `no-errors`, `of` | claims that every request was answered",
		"| `RecoveredWithin(d)` | `recovered-within: …` | claims that",
		"| `Gate{Checks, Every, Bad, Good}` | `gate: {checks: …}`, `every`, `bad`, `good` | asks Prometheus",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("want %q in\n%s", want, page)
		}
	}
}

const language = "# Writing\n<!-- language: make docs makes this -->\nold\n<!-- /language -->\nafter\n"

// A step that somebody adds is listed without a word about it anywhere else.
func TestANewStepIsListed(t *testing.T) {
	root := tree(t, bare)
	put(t, root, describe.Writing, language)
	put(t, root, "harness/wait.go", "package harness\n\n"+
		"// Wait waits for | something. It takes long.\ntype Wait struct{ For string }\n\nfunc (Wait) do() {}\n\n"+
		"type hidden struct{}\n\nfunc (hidden) do() {}\n")
	put(t, root, "harness/wait_test.go", "not Go\n")
	put(t, root, "harness/expect/calm.go", "package expect\n\n"+
		"// Calm claims nothing.\nfunc Calm(in, out int) calm { return calm{} }\n\n"+
		"type calm struct{}\n\nfunc (calm) Check() {}\n")
	docs, err := describe.Docs(root, []harness.Scenario{story})
	if err != nil {
		t.Fatal(err)
	}
	page := string(docs[describe.Writing])
	for _, want := range []string{
		"-->\n## Steps\n", "|---|---|---|\n| `Wait{For}` | only in Go | waits for \\| something |\n\n",
		"|---|---|---|\n| `Calm(in, out)` | only in Go | claims nothing |\n\n",
		"\n<!-- /language -->\nafter\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("want %q in\n%s", want, page)
		}
	}
	put(t, root, describe.Writing, "# Writing\n")
	if _, err := describe.Docs(root, nil); err == nil || !strings.Contains(err.Error(), describe.Writing) {
		t.Errorf("no marks: got %v, want an error that names the page", err)
	}
}
