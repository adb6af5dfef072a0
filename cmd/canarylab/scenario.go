package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/authoring"
	"github.com/canarylab/canarylab/harness/describe"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/github"
	"github.com/canarylab/canarylab/reports/html"
	"github.com/canarylab/canarylab/reports/junit"
	"github.com/canarylab/canarylab/reports/markdown"
	"github.com/canarylab/canarylab/reports/render"
	"github.com/canarylab/canarylab/reports/text"
	"github.com/canarylab/canarylab/scenarios"
)

func newScenario(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "scenario", Short: "List, describe, run and write canary stories"}
	cmd.AddCommand(newScenarioList(), newScenarioDescribe(), newScenarioRun(g), newScenarioCheck(), newScenarioNew(), newScenarioDocs())
	return cmd
}

// summary is a scenario in a list.
type summary struct {
	Name   string   `json:"name"`
	Title  string   `json:"title"`
	Labels []string `json:"labels,omitempty"`
}

func newScenarioList() *cobra.Command {
	var o output
	var names bool
	var label string
	cmd := &cobra.Command{
		Use: "list", Short: "List the scenarios", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := labeled(label)
			if err != nil {
				return err
			}
			var all []summary
			for _, s := range list {
				all = append(all, summary{s.Name, s.Title, s.Labels})
			}
			return o.print(cmd.OutOrStdout(), all, func(w io.Writer) error {
				if names {
					for _, s := range all {
						fmt.Fprintln(w, s.Name)
					}
					return nil
				}
				t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				for _, s := range all {
					fmt.Fprintf(t, "%s\t%s\n", s.Name, s.Title)
				}
				return t.Flush()
			})
		},
	}
	o.add(cmd)
	cmd.Flags().BoolVar(&names, "names", false, "print only the names")
	labelFlag(cmd, &label)
	return cmd
}

// labelFlag adds the flag that selects scenarios.
func labelFlag(cmd *cobra.Command, label *string) {
	cmd.Flags().StringVar(label, "label", "", fmt.Sprintf("only scenarios with this label: %s or %s", harness.Core, harness.Slow))
}

// labeled are the scenarios with a label.
func labeled(label string) ([]harness.Scenario, error) {
	all, err := scenarios.Labeled(label)
	if err != nil {
		return nil, usage("%w", err)
	}
	return all, nil
}

func newScenarioDescribe() *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use: "describe NAME", Short: "Tell what a scenario does and claims", Args: oneScenario, ValidArgsFunction: completeScenarios,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := find(args[0])
			if err != nil {
				return err
			}
			if o == "md" {
				return describe.Page(cmd.OutOrStdout(), s)
			}
			d := describe.Of(s)
			return o.print(cmd.OutOrStdout(), d, func(w io.Writer) error { return describe.Text(w, d, textOptions().Width) })
		},
	}
	o.add(cmd)
	cmd.Flags().Lookup("output").Usage = "output format: text, json, or md for the page of the documentation"
	return cmd
}

func newScenarioDocs() *cobra.Command {
	return &cobra.Command{
		Use: "docs", Short: "Bring the documentation of the scenarios in the source tree up to date", Args: noArgs,
		Long: "Docs writes the README's tables and the page of each scenario (docs/scenarios) anew, as the scenarios are, and says which of them\nchanged. The table of results is that of the newest run of all scenarios in reports/out, if there is one.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			source, err := lab.Source()
			if err != nil {
				return usage("%w", err)
			}
			changed, err := describe.Write(source, scenarios.All())
			for _, path := range changed {
				fmt.Fprintln(cmd.OutOrStdout(), path)
			}
			return err
		},
	}
}

func newScenarioRun(g *global) *cobra.Command {
	var o output
	var out, label string
	var loadPods int
	var all, full bool
	cmd := &cobra.Command{
		Use: "run NAME...", Short: "Play scenarios and report what happened", ValidArgsFunction: completeScenarios,
		Long: "Run plays a scenario on the running cluster, or brings one up first and leaves it running. The report goes to\nstdout and, with everything that was recorded, into a folder of its own, in every format that canarylab report has.\nOf several scenarios, one after the other, only a table goes to stdout; it is kept beside their folders too, with\none JUnit file of all.\n\nIn a job of GitHub Actions each run is shown in the step's summary, and what did not pass as annotations.",
		Args: func(cmd *cobra.Command, args []string) error {
			if all = all || label != ""; all && len(args) > 0 {
				return usage("%s wants names or --all and --label, got both", cmd.CommandPath())
			}
			if !all && len(args) == 0 {
				return usage("%s wants the name of a scenario, or --all; canarylab scenario list shows them", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := chosen(args, label)
			if err != nil {
				return err
			}
			if loadPods < 1 || loadPods > loadgen.MaxAgents {
				return usage("--load-pods %d is not 1 to %d", loadPods, loadgen.MaxAgents)
			}
			for _, s := range list {
				if err := playable(s); err != nil {
					return err
				}
			}
			if out, err = outDir(out); err != nil {
				return err
			}
			if len(list) > 1 {
				return runAll(cmd, g, o, list, out, loadPods)
			}
			return runOne(cmd, g, o, list[0], out, loadPods, full)
		},
	}
	o.add(cmd)
	cmd.Flags().StringVar(&out, "out", "", "folder for the run's own folder (default: reports/out of the source tree)")
	cmd.Flags().IntVar(&loadPods, "load-pods", 1, "pods that share the load")
	cmd.Flags().BoolVar(&all, "all", false, "play every scenario")
	fullFlag(cmd, &full)
	labelFlag(cmd, &label)
	bringUpFlags(cmd, g)
	return cmd
}

// chosen are the scenarios that were named, or those with a label where none was.
func chosen(names []string, label string) ([]harness.Scenario, error) {
	if len(names) == 0 {
		return labeled(label)
	}
	var list []harness.Scenario
	for _, name := range names {
		s, err := find(name)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// runOne plays a scenario and prints its report.
func runOne(cmd *cobra.Command, g *global, o output, s harness.Scenario, out string, loadPods int, full bool) error {
	var done *played
	err := onLab(cmd.Context(), g, func(ctx context.Context, l *lab.Lab, p *progress) (err error) {
		done, err = play(ctx, l, p, s, out, loadPods)
		return err
	})
	if done != nil {
		run := done.Run
		printErr := o.print(cmd.OutOrStdout(), run.Report, func(w io.Writer) error { return printRun(w, run, full) })
		fmt.Fprintf(os.Stderr, "\nAll of it is in %s\n", run.Dir)
		if page := done.page(); page != "" {
			fmt.Fprintf(os.Stderr, "To look at it: %s\n", page)
		}
		publish(run)
		err = errors.Join(err, printErr)
	}
	if errors.Is(err, harness.ErrOthersIstio) {
		return usage("%w", err)
	}
	if err != nil {
		return err
	}
	if o := done.Run.Report.Outcome; o != reports.Pass {
		return outcomeError{o}
	}
	return nil
}

// runAll plays scenarios one after the other and prints a table. What is wrong with one is no reason to leave out the others, but for a lab that can't
// be worked with and for an interruption.
func runAll(cmd *cobra.Command, g *global, o output, list []harness.Scenario, out string, loadPods int) error {
	var runs []*reports.Run
	var all []reports.Summary
	worst := reports.Pass
	begun := time.Now()
	err := onLab(cmd.Context(), g, func(ctx context.Context, l *lab.Lab, p *progress) error {
		var errs []error
		for i, s := range list {
			if ctx.Err() != nil {
				break
			}
			if s.OwnIstioOnly() && len(l.Labels()) > 0 {
				p.Say("%s is left out: %v", s.Name, harness.ErrOthersIstio)
				continue
			}
			p.Say("scenario %d of %d: %s", i+1, len(list), s.Name)
			done, err := play(ctx, l, p, s, out, loadPods)
			if done != nil {
				summary := reports.Summarize(done.Run.Report)
				summary.Dir = done.Run.Dir
				runs, all, worst = append(runs, done.Run), append(all, summary), worst.Worse(done.Run.Report.Outcome)
				p.Say("%s: %s", summary.Outcome, cmp.Or(done.page(), done.Run.Dir))
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("scenario %s: %w", s.Name, err))
			}
		}
		return errors.Join(errs...)
	})
	if len(all) > 0 {
		printErr := o.print(cmd.OutOrStdout(), all, func(w io.Writer) error {
			return text.WriteSummaries(github.Calm(w, os.Getenv), all, textOptions())
		})
		files, keepErr := keepSummary(out, begun, runs, all)
		err = errors.Join(err, printErr, keepErr)
		fmt.Fprintf(os.Stderr, "\nThe same as a table and for a CI system: %s\n", strings.Join(files, " "))
		for _, run := range runs {
			publish(run)
		}
	}
	if err != nil {
		return err
	}
	if worst != reports.Pass {
		return outcomeError{worst}
	}
	return nil
}

// publish shows a run on the pages of a CI job. A page that has no room for it is no reason to call the run broken.
func publish(run *reports.Run) {
	if err := github.Publish(os.Stderr, os.Getenv, run); err != nil {
		fmt.Fprintln(os.Stderr, "canarylab:", format.Printable(err.Error()))
	}
}

// keepSummary writes the table of several runs, and one JUnit file of all, beside their folders.
func keepSummary(out string, begun time.Time, runs []*reports.Run, all []reports.Summary) (files []string, err error) {
	name := filepath.Join(out, begun.UTC().Format("20060102-150405"))
	var errs []error
	for _, f := range []struct {
		path  string
		write func(io.Writer) error
	}{
		{name + "-summary.md", func(w io.Writer) error { return markdown.Summary(w, all) }},
		{name + "-junit.xml", func(w io.Writer) error { return junit.Write(w, runs...) }},
	} {
		if err := render.ToFile(f.path, f.write); err != nil {
			errs = append(errs, fmt.Errorf("keep the summary: %w", err))
			continue
		}
		files = append(files, f.path)
	}
	return files, errors.Join(errs...)
}

// onLab brings the lab up, keeps others off it, and does something there.
func onLab(ctx context.Context, g *global, do func(context.Context, *lab.Lab, *progress) error) error {
	p := newProgress(os.Stderr)
	defer p.Close()
	l, err := openLab(ctx, g, p)
	if err != nil {
		return err
	}
	p.Say("cluster %q is %s: %s", l.Cluster().Name(), l.Cluster().Provider(), l.Why())
	if l.Cluster().Reused() {
		p.Say("it was running already")
	} else {
		p.Say("it was brought up for this, and stays: %s removes it", downCommand(l.Cluster()))
	}
	release, err := l.Exclusive(ctx)
	if err != nil {
		return err
	}
	defer release()
	return do(ctx, l, p)
}

// played is a run that came to a report, and the files that it was rendered to.
type played struct {
	Run   *reports.Run
	files []string
}

// page is where a browser finds the run, empty where there is no page.
func (p *played) page() string {
	for _, file := range p.files {
		if filepath.Base(file) == html.File {
			return (&url.URL{Scheme: "file", Path: file}).String()
		}
	}
	return ""
}

// play runs s in the lab and renders its report. It comes back in every case once the run has begun.
func play(ctx context.Context, l *lab.Lab, p *progress, s harness.Scenario, out string, loadPods int) (*played, error) {
	setup, err := l.Setup(ctx)
	if err != nil {
		return nil, err
	}
	id := loadgen.RunID()
	dir := harness.RunDir(out, s.Name, id, time.Now())
	target := harness.Cluster{Kube: l.Kube(), Mesh: l.Mesh(), Reference: l.Cluster().Reference, Labels: l.Labels(), Provide: l.Provide, Setup: setup}
	rep, err := harness.Run(ctx, target, s, harness.Options{Dir: dir, ID: id, Progress: p, BringUp: l.BringUp(), LoadPods: loadPods})
	if rep == nil {
		return nil, err
	}
	run, files, renderErr := render.All(dir)
	if run == nil {
		run = &reports.Run{Dir: dir, Report: rep}
	}
	return &played{run, files}, errors.Join(err, renderErr)
}

// textOptions are those of the terminal. What is no terminal gets the same text everywhere: in UTF-8, without colors, 100 columns wide.
func textOptions() text.Options {
	o := text.Options{Color: colored(os.Stdout)}
	if width, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
		o.Width, o.ASCII = width, !utf8Locale(os.Getenv)
	}
	return o
}

// utf8Locale tells whether a terminal is to be sent UTF-8: not where the locale says otherwise. Where nothing says anything, as in many a container,
// terminals of today do.
func utf8Locale(env func(string) string) bool {
	locale := strings.ToLower(cmp.Or(env("LC_ALL"), env("LC_CTYPE"), env("LANG")))
	return locale == "" || strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
}

// outDir is where runs are kept: what was asked for, or reports/out of the source tree.
func outDir(asked string) (string, error) {
	if asked != "" {
		return filepath.Abs(asked)
	}
	source, err := lab.Source()
	if err != nil {
		return "", fmt.Errorf("find the folder for reports (or use --out): %w", err)
	}
	return filepath.Join(source, "reports", "out"), nil
}

func find(name string) (harness.Scenario, error) {
	s, err := scenarios.Find(name)
	if err == nil {
		return s, nil
	}
	if source, noSource := lab.Source(); noSource == nil {
		if authoring.Exists(source, name) {
			return s, usage("%w; the source tree has it, and this program was built before: make build", err)
		}
	}
	return s, usage("%w", err)
}

// oneScenario wants one argument.
func oneScenario(cmd *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	return usage("%s wants the name of one scenario, got %q; canarylab scenario list shows them", cmd.CommandPath(), args)
}

func completeScenarios(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, s := range scenarios.All() {
		names = append(names, cobra.CompletionWithDesc(s.Name, s.Title))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
