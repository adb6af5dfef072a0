package describe

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/detect"
	"github.com/canarylab/canarylab/reports"
)

// Detectors is the page on who sees what a story breaks. The part of it between the marks detectors is the table.
const Detectors = "docs/detectors.md"

const detectorsMark = "detectors"

// runsOut has the folders of the runs.
const runsOut = "reports/out"

// detectorsPage returns the text of Detectors with rows of the newest run of each story in reports/out that passed. A
// story without one keeps the row that it has. It is nil where there is no such page.
func detectorsPage(root string, all []harness.Scenario) ([]byte, error) {
	page, err := os.ReadFile(filepath.Join(root, Detectors))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("make the table of the detectors: %w", err)
	}
	newest, err := newestRuns(filepath.Join(root, runsOut))
	if err != nil {
		return nil, fmt.Errorf("make the table of the detectors: %w", err)
	}
	b := &strings.Builder{}
	b.WriteString("| story |")
	for _, signal := range detect.Signals {
		b.WriteString(" " + signal.Name + " |")
	}
	b.WriteString("\n|---" + strings.Repeat("|---", len(detect.Signals)) + "|\n")
	for _, s := range all {
		b.WriteString(detectorsRow(s, newest[s.Name], string(page)))
	}
	b.WriteByte('\n')
	for _, signal := range detect.Signals {
		fmt.Fprintln(b, Wrap("- ", "**"+signal.Name+"**: "+signal.About+"."))
	}
	return between(Detectors, page, detectorsMark, []byte(b.String()))
}

// detectorsRow is the row of a story, by the newest of its runs that came to the phase that breaks, or as the page has
// it where there is none.
func detectorsRow(s harness.Scenario, runs []*reports.Report, page string) string {
	lead := "| [`" + s.Name + "`](scenarios/" + s.Name + ".md) |"
	for _, r := range runs {
		all, ok := detect.Of(r, cmp.Or(s.Canary, "v2"))
		if !ok {
			continue
		}
		for _, sight := range all {
			lead += " " + sightInWords(sight) + " |"
		}
		return lead + "\n"
	}
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, lead) {
			return line
		}
	}
	return ""
}

// sightInWords is a cell of the table.
func sightInWords(s detect.Sight) string {
	text := "blind"
	switch {
	case !s.Known:
		return "–"
	case s.Found && s.After < 0:
		text = "**before**"
	case s.Found && s.After < time.Second:
		text = "**at once**"
	case s.Found && s.After < 2*time.Minute:
		text = fmt.Sprintf("**%.0f s**", s.After.Seconds())
	case s.Found:
		text = fmt.Sprintf("**%.0f min**", s.After.Minutes())
	}
	if s.Code != "" {
		text += ", " + s.Code
	}
	return text
}

// newestRuns are the runs below out of stories of the catalogue that passed, the newest first, by the story's name.
// Twins are others' runs.
func newestRuns(out string) (map[string][]*reports.Report, error) {
	found, err := filepath.Glob(filepath.Join(out, "*", reports.ReportFile))
	if err != nil {
		return nil, err
	}
	all := map[string][]*reports.Report{}
	slices.Sort(found) // their names begin with the time
	for _, file := range slices.Backward(found) {
		r, err := reports.Load(filepath.Dir(file))
		if err != nil {
			continue // one of another release
		}
		if r.Outcome != reports.Pass || r.Setup.FromFolder || r.Setup.API != "" {
			continue
		}
		all[r.Scenario] = append(all[r.Scenario], r)
	}
	return all, nil
}
