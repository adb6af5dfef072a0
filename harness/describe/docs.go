package describe

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/reports"
)

// Paths in the source tree, below its root.
const (
	// Catalogue is the page with the table of all scenarios and with the results of their runs.
	Catalogue = "docs/scenarios.md"
	// pages has a page for each scenario.
	pages = "docs/scenarios"
	// summaries are the tables of several runs that scenario run leaves.
	summaries = "reports/out/*-summary.md"
)

// The parts of the catalogue that are made lie between <!-- NAME: ... --> and <!-- /NAME -->.
const (
	catalogueMark = "scenarios"
	twinsMark     = "twins"
	resultsMark   = "results"
)

// Docs makes the documentation of the scenarios: the tables of the catalogue, and a page for each scenario. It returns
// the texts by path below root, the source tree's. The results are those of the newest summary in reports/out that has
// every scenario; without one they stay as they are.
func Docs(root string, all []harness.Scenario) (map[string][]byte, error) {
	docs := map[string][]byte{}
	text, err := os.ReadFile(filepath.Join(root, Catalogue))
	if err != nil {
		return nil, fmt.Errorf("make the tables of the scenarios: %w", err)
	}
	if text, err = between(Catalogue, text, catalogueMark, []byte(Table(all))); err != nil {
		return nil, err
	}
	if text, err = between(Catalogue, text, twinsMark, []byte(withoutTwin(all))); err != nil {
		return nil, err
	}
	results, err := newestResults(root, all)
	if err != nil {
		return nil, err
	}
	if results != nil {
		if text, err = between(Catalogue, text, resultsMark, results); err != nil {
			return nil, err
		}
	}
	docs[Catalogue] = text
	if text, err = languagePage(root); err != nil {
		return nil, err
	}
	if text != nil {
		docs[Writing] = text
	}
	if text, err = detectorsPage(root, all); err != nil {
		return nil, err
	}
	if text != nil {
		docs[Detectors] = text
	}
	for _, s := range all {
		var b bytes.Buffer
		if err := Page(&b, s); err != nil {
			return nil, err
		}
		docs[filepath.Join(pages, s.Name+".md")] = b.Bytes()
	}
	return docs, nil
}

// Write brings the documentation up to date: it writes what Docs makes and is not there yet, and removes the pages of
// scenarios that no longer exist. It returns what it changed, below root.
func Write(root string, all []harness.Scenario) (changed []string, err error) {
	docs, err := Docs(root, all)
	if err != nil {
		return nil, err
	}
	stale, err := Stale(root, docs)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(root, pages), 0o755); err != nil {
		return nil, fmt.Errorf("make the folder of the pages: %w", err)
	}
	for _, path := range stale {
		if text, wanted := docs[path]; wanted {
			err = os.WriteFile(filepath.Join(root, path), text, 0o644)
		} else {
			err = os.Remove(filepath.Join(root, path))
		}
		if err != nil {
			return changed, fmt.Errorf("bring %s up to date: %w", path, err)
		}
		changed = append(changed, path)
	}
	return changed, nil
}

// Stale are the files below root that are not what Docs made, or that it did not make.
func Stale(root string, docs map[string][]byte) ([]string, error) {
	var stale []string
	for path, want := range docs {
		got, err := os.ReadFile(filepath.Join(root, path))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("compare the documentation: %w", err)
		}
		if err != nil || !bytes.Equal(got, want) {
			stale = append(stale, path)
		}
	}
	there, err := filepath.Glob(filepath.Join(root, pages, "*.md"))
	if err != nil {
		return nil, err
	}
	for _, file := range there {
		path := filepath.Join(pages, filepath.Base(file))
		if _, ok := docs[path]; !ok {
			stale = append(stale, path)
		}
	}
	slices.Sort(stale)
	return stale, nil
}

// TableHead begins the table of scenarios.
const TableHead = "| name | story | routes |\n|---|---|---|\n"

// Table is the catalogue's table of scenarios.
func Table(all []harness.Scenario) string {
	table := TableHead
	for _, s := range all {
		table += Row(s.Name, s.Title, API(s))
	}
	return table
}

// Row is a scenario's row there.
func Row(name, title, api string) string {
	return fmt.Sprintf("| [`%s`](%s/%s.md) | %s | %s |\n", name, path.Base(pages), name, cell(Prose(title)), api)
}

// between puts text between the marks of a name on the page of a path.
func between(path string, page []byte, name string, text []byte) ([]byte, error) {
	begin, end := []byte("<!-- "+name+":"), []byte("<!-- /"+name+" -->")
	from := bytes.Index(page, begin)
	to := bytes.Index(page, end)
	if from < 0 || to < from {
		return nil, fmt.Errorf("%s has no part between %q and %q", path, begin, end)
	}
	line := bytes.IndexByte(page[from:], '\n')
	if line < 0 || from+line+1 > to {
		return nil, fmt.Errorf("%s: the mark %q is not on a line of its own", path, begin)
	}
	return slices.Concat(page[:from+line+1], text, page[to:]), nil
}

// newestResults is the part of the catalogue with the newest results of all scenarios, nil where no summary has
// all of them.
func newestResults(root string, all []harness.Scenario) ([]byte, error) {
	found, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(summaries)))
	if err != nil {
		return nil, err
	}
	// Their names begin with the time.
	slices.Sort(found)
	for _, file := range slices.Backward(found) {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the results: %w", err)
		}
		missing := slices.ContainsFunc(all, func(s harness.Scenario) bool {
			return !bytes.Contains(text, []byte("| `"+s.Name+"` |"))
		})
		begun, err := time.Parse("20060102-150405", strings.TrimSuffix(filepath.Base(file), "-summary.md"))
		if missing || err != nil {
			continue
		}
		about := begun.Format(time.DateOnly)
		if setup := setupOf(file); setup != "" {
			about += ", " + setup
		}
		lead := fmt.Sprintf("What they showed, one run each (%s); `make scenarios` makes this table:", about)
		return fmt.Appendf(nil, "%s\n\n%s\n", Wrap("", lead), bytes.TrimSpace(text)), nil
	}
	return nil, nil
}

// setupOf says where the runs of a summary were played: as the first run after the summary's time says.
func setupOf(summary string) string {
	// The pattern is well formed, and Glob sorts what it finds.
	runs, _ := filepath.Glob(filepath.Join(filepath.Dir(summary), "*", reports.ReportFile))
	begun := strings.TrimSuffix(filepath.Base(summary), "-summary.md")
	for _, run := range runs {
		dir := filepath.Dir(run)
		if filepath.Base(dir) < begun {
			continue
		}
		report, err := reports.Load(dir)
		if err != nil {
			return ""
		}
		setup := report.Setup.Provider
		if n := report.Setup.CPUs; n > 0 {
			setup += fmt.Sprintf(", %d cores", n)
		}
		return setup
	}
	return ""
}
