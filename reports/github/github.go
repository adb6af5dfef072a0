// Package github shows runs on the pages of a GitHub Actions job: their report.md in the job's summary, and an
// annotation for each expectation that did not pass.
package github

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/markdown"
)

// The variables that GitHub Actions sets.
const (
	// summaryVar names the file that a step's summary is appended to.
	summaryVar = "GITHUB_STEP_SUMMARY"
	// actionsVar is "true" in a job.
	actionsVar = "GITHUB_ACTIONS"
)

// maxSummary is how long a step's summary may get, in bytes. GitHub drops all of one that is longer.
const maxSummary = 1 << 20

// Publish shows a run, as far as the environment asks for it: outside of GitHub Actions it does nothing.
// Annotations are commands to the job's log and go to w, which has to be the standard output or error of a
// step.
func Publish(w io.Writer, getenv func(string) string, run *reports.Run) error {
	if file := getenv(summaryVar); file != "" {
		if err := summarize(file, run); err != nil {
			return err
		}
	}
	if getenv(actionsVar) == "true" {
		return Annotate(w, run)
	}
	return nil
}

// summarize appends the run's page to a step's summary: all of it, or its head where no more fits.
func summarize(file string, run *reports.Run) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("append to the step's summary (%s): %w", summaryVar, err)
		}
	}()
	var page bytes.Buffer
	if err := markdown.Write(&page, run); err != nil {
		return err
	}
	page.WriteString("\n")
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	for _, text := range []string{page.String(), markdown.Verdict(run) + "\n"} {
		if info.Size()+int64(len(text)) <= maxSummary {
			_, err = io.WriteString(f, text)
			return err
		}
	}
	return fmt.Errorf("it has %d of at most %d bytes already: run %s is left out", info.Size(), maxSummary,
		run.Report.Run)
}

// Annotate writes a command for each expectation that failed or that the measurement was not good enough for
// (error), for each that stays open (warning), and for a run that broke. GitHub shows ten of each kind for a
// step; all are in its log.
func Annotate(w io.Writer, run *reports.Run) error {
	r := run.Report
	var b bytes.Buffer
	add := func(level, title, text string) {
		fmt.Fprintf(&b, "::%s title=%s::%s\n", level, property(title), data(text))
	}
	if r.Broken != "" {
		add("error", r.Scenario+": broken", r.Broken)
	}
	var notes []string
	for _, problem := range r.Accounting.Problems {
		if reports.Stands(r, problem) {
			notes = append(notes, reports.ProblemInWords(r, problem))
			continue
		}
		add("error", r.Scenario+": invalid", reports.ProblemInWords(r, problem))
	}
	for _, e := range r.Accounting.Troubles {
		add("warning", r.Scenario+": trouble", strings.TrimSpace(e.Proxy+" "+e.Text))
	}
	for _, p := range r.Phases {
		for _, v := range p.Verdicts {
			if v.Outcome != reports.Pass {
				add(level(v.Outcome), fmt.Sprintf("%s, %s: %s", r.Scenario, p.Name, cmp.Or(v.Outcome, "not judged")),
					format.Join(": ", fmt.Sprintf("want %s, saw %s", v.Want, v.Saw), v.Why))
			}
		}
	}
	if b.Len() == 0 && r.Outcome != reports.Pass {
		add(level(r.Outcome), r.Scenario, "its outcome is "+string(cmp.Or(r.Outcome, "not known")))
	}
	for _, note := range notes {
		add("notice", r.Scenario, note)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// level is how an outcome other than Pass is shown.
func level(o reports.Outcome) string {
	if o == reports.Inconclusive {
		return "warning"
	}
	return "error"
}

// What a command's message and properties have to be written as. Everything else is taken as it is.
var (
	inData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	inProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func data(s string) string     { return inData.Replace(format.Printable(s)) }
func property(s string) string { return inProperty.Replace(format.Printable(s)) }
