package html

import (
	"path"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"go.yaml.in/yaml/v3"

	"github.com/canarylab/canarylab/reports"
)

// A manifestView is one file that was applied, with what it changed.
type manifestView struct {
	Name string
	// Phases are those that applied it.
	Phases []string
	// Breaks and Fixes tell that one of these phases is the story's change, or mends it.
	Breaks, Fixes bool
	// Lab tells that the file is the lab's own part of the scene.
	Lab   bool
	Lines []manifestLine
	// Changed counts the lines that differ from what the same objects were before, Key those that matter among them.
	Changed, Key int
	Open         bool
}

// A manifestLine is a line with its change: "+", "-" or "".
type manifestLine struct {
	Text, Sign string
	// Key marks the line that matters, Note says so beside it.
	Key  bool
	Note string
	// Number is the line's in the file, 0 for one that is gone.
	Number int
}

// labFiles are applied by the lab itself and not by a phase.
var labFiles = []string{"recorder.yaml", "callers.yaml"}

// newManifests compares each file with what its objects were before, in the order in which the phases applied
// them. The lab's own files come last.
func newManifests(run *reports.Run) []manifestView {
	files := run.Manifests()
	views := make([]*manifestView, len(files))
	applied := map[string]string{}
	show := func(i int) {
		if v := views[i]; v.Lines == nil {
			v.compare(files[i].Text, applied)
		}
	}
	for i, m := range files {
		name := path.Base(m.Path)
		views[i] = &manifestView{Name: name, Lab: slices.Contains(labFiles, name)}
	}
	for _, phase := range run.Report.Phases {
		for i, v := range views {
			if v.Lab || phase.Action == nil || phase.Action.File != v.Name {
				continue
			}
			v.Phases = append(v.Phases, phase.Name)
			v.Breaks, v.Fixes = v.Breaks || phase.Breaks, v.Fixes || phase.Fixes
			show(i)
			again(*phase.Action, files[i].Text, applied)
		}
	}
	var all []manifestView
	for _, lab := range []bool{false, true} {
		for i, v := range views {
			if v.Lab != lab {
				continue
			}
			show(i)
			v.mark()
			v.Open = v.Breaks || v.Fixes || !lab && v.Changed > 0 && len(files) <= openManifests
			all = append(all, *v)
		}
	}
	return all
}

// openManifests is up to how many files a run may have for each that changes something to be shown unfolded.
const openManifests = 10

// again brings applied up to date with a phase that did something with a file: applied or deleted all of its
// objects, or some of them.
func again(action reports.Action, text string, applied map[string]string) {
	for _, doc := range documents(text) {
		name := identity(doc)
		kind, _, _ := strings.Cut(name, "/")
		switch {
		case name == "" || len(action.Only) > 0 && !slices.Contains(action.Only, kind):
		case action.Deletes:
			delete(applied, name)
		default:
			applied[name] = doc
		}
	}
}

// compare fills Lines with the file and with what is gone from its objects. applied has the objects' last
// texts, by what names them.
func (v *manifestView) compare(text string, applied map[string]string) {
	number := 0
	for _, doc := range documents(text) {
		name := identity(doc)
		before, known := applied[name]
		if name != "" {
			applied[name] = doc
		}
		for _, line := range changed(before, doc, known && name != "") {
			if line.Sign != "-" {
				number++
				line.Number = number
			}
			if line.Sign != "" {
				v.Changed++
			}
			v.Lines = append(v.Lines, line)
		}
	}
}

// mark finds the lines that matter: of the changed ones those that the author wrote a comment at, else all that
// were written anew; in a file that only takes away, all that are gone.
func (v *manifestView) mark() {
	if !v.Breaks && !v.Fixes {
		return
	}
	for _, fits := range []func(manifestLine) bool{
		func(l manifestLine) bool { return l.Sign == "+" && strings.Contains(l.Text, " #") },
		func(l manifestLine) bool { return l.Sign == "+" && strings.TrimSpace(l.Text) != "" },
		func(l manifestLine) bool { return l.Sign == "-" && strings.TrimSpace(l.Text) != "" },
	} {
		last := -1
		for i, l := range v.Lines {
			if fits(l) {
				v.Lines[i].Key, last = true, i
				v.Key++
			}
		}
		if last >= 0 {
			// The canary's route comes after the one that is there already.
			v.Lines[last].Note = v.note()
			return
		}
	}
}

// note says what the lines that matter do.
func (v *manifestView) note() string {
	verb := "mend"
	if v.Breaks {
		verb = "break"
	}
	if v.Key == 1 {
		return "this line " + verb + "s it"
	}
	return "the marked lines " + verb + " it"
}

// documents are the parts of a YAML stream, each with the line that separates it from the one before.
func documents(text string) (all []string) {
	from, to := 0, 0
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "---") && to > from {
			all, from = append(all, text[from:to]), to
		}
		to += len(line)
	}
	if to > from {
		all = append(all, text[from:])
	}
	return all
}

// identity names the object in a document, empty where there is none.
func identity(doc string) string {
	var o struct {
		Kind     string
		Metadata struct{ Name, Namespace string }
	}
	if yaml.Unmarshal([]byte(doc), &o) != nil || o.Kind == "" || o.Metadata.Name == "" {
		return ""
	}
	return o.Kind + "/" + o.Metadata.Namespace + "/" + o.Metadata.Name
}

// maxCompared bounds what is compared, in bytes: the time for it grows with the square.
const maxCompared = 512 << 10

// changed are the lines of doc, with those of before that are gone. Comments of the file and lines that
// separate documents are no change.
func changed(before, doc string, known bool) (all []manifestLine) {
	as := func(text, sign string) {
		text = strings.TrimRight(text, "\r\n")
		if strings.HasPrefix(text, "#") || strings.HasPrefix(text, "---") {
			if sign == "-" {
				return
			}
			sign = ""
		}
		all = append(all, manifestLine{Text: text, Sign: sign})
	}
	var diff udiff.UnifiedDiff
	if known && len(before)+len(doc) <= maxCompared {
		// A diff that can't be made has no hunks.
		diff, _ = udiff.ToUnifiedDiff("", "", before, udiff.Lines(before, doc), strings.Count(before, "\n")+1)
	}
	for _, hunk := range diff.Hunks {
		for _, line := range hunk.Lines {
			as(line.Content, map[udiff.OpKind]string{udiff.Insert: "+", udiff.Delete: "-"}[line.Kind])
		}
	}
	if len(diff.Hunks) == 0 {
		for line := range strings.Lines(doc) {
			as(line, "")
		}
	}
	return all
}
