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
	"time"

	"github.com/spf13/cobra"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/harness/lab/labrun"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/github"
	"github.com/canarylab/canarylab/reports/html"
	"github.com/canarylab/canarylab/reports/junit"
	"github.com/canarylab/canarylab/reports/markdown"
	"github.com/canarylab/canarylab/reports/page"
	"github.com/canarylab/canarylab/reports/render"
	"github.com/canarylab/canarylab/reports/text"
)

// A player plays scenarios as the flags of the command say.
type player struct {
	*global
	output
	out      string
	loadPods int
	rate     int
	full     bool
	// api is by which API's routes the scenarios are played, empty for their own.
	api string
	// keep leaves what a run has made.
	keep bool
	// live is the page that shows the runs, nil where none was asked for.
	live *livePage
	// pace decides what comes next, nil where the runs go on by themselves.
	pace harness.Pace
}

func newScenarioRun(g *global) *cobra.Command {
	p := player{global: g}
	var label, listen string
	var all, live bool
	cmd := &cobra.Command{
		Use: "run NAME|FOLDER...", Short: "Play scenarios and report what happened",
		ValidArgsFunction: completeScenarios,
		Long: `Run plays a scenario on the running cluster, or brings one up first and leaves it running. The report
goes to stdout and, with everything that was recorded, into a folder of its own, in every format that
canarylab report has. Of several scenarios, one after the other, only a table goes to stdout; it is kept
beside their folders too, with one JUnit file of all.

FOLDER is that of a story without Go, such as ./my-story: canarylab scenario new --yaml writes one.

With --live a page shows each run while it is played, to browsers on this machine. Its address has a token, and is
printed first. At a terminal it stays after the run until Enter.

In a job of GitHub Actions each run is shown in the step's summary, and what did not pass as annotations.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if all = all || label != ""; all && len(args) > 0 {
				return usage("%s wants names or --all and --label, got both", cmd.CommandPath())
			}
			if !all && len(args) == 0 {
				return usage("%s wants a scenario, or --all; canarylab scenario list shows them", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := p.choose(cmd, args, label)
			if err != nil {
				return err
			}
			if p.out, err = outDir(p.out); err != nil {
				return err
			}
			if listen != "" && !live {
				return usage("--listen is for the page of --live")
			}
			if live {
				ctx := context.WithoutCancel(cmd.Context())
				if p.live, err = newLivePage(ctx, page.Options{Listen: listen}); err != nil {
					return err
				}
				defer p.live.Close()
				fmt.Fprintf(os.Stderr, "The live page: %s\n", p.live.URL())
			}
			err = p.run(cmd, list)
			if live && cmd.Context().Err() == nil {
				stay(cmd.Context(), os.Stderr, "The live page stays: "+p.live.URL(), false)
			}
			return err
		},
	}
	p.add(cmd)
	apiFlag(cmd, &p.api)
	outFlag(cmd, &p.out, "folder for the run's own folder")
	cmd.Flags().IntVar(&p.loadPods, "load-pods", 1, "pods that share the load")
	cmd.Flags().IntVar(&p.rate, rateFlag, 0, "requests a second of all cohorts together (default: the scenario's own, "+
		"or as many as the machine carries)")
	cmd.Flags().BoolVar(&all, "all", false, "play every scenario")
	cmd.Flags().BoolVar(&live, "live", false, "show the runs on a page while they are played")
	listenFlag(cmd, &listen)
	fullFlag(cmd, &p.full)
	labelFlag(cmd, &label)
	settingFlags(cmd.Flags(), g, true)
	return cmd
}

// choose returns the scenarios that were asked for, all of which can be played as the flags say.
func (p player) choose(cmd *cobra.Command, args []string, label string) ([]harness.Scenario, error) {
	list, err := playedBy(args, label, p.api)
	if err != nil {
		return nil, err
	}
	if p.loadPods < 1 || p.loadPods > loadgen.MaxAgents {
		return nil, usage("--load-pods %d is not 1 to %d", p.loadPods, loadgen.MaxAgents)
	}
	for _, s := range list {
		if err := playable(s); err != nil {
			return nil, err
		}
		if err := p.checkRate(cmd, s); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// rateFlag fixes the rate of a run.
const rateFlag = "rate"

// checkRate refuses a rate that a scenario can't be played at, before anything is begun.
func (p player) checkRate(cmd *cobra.Command, s harness.Scenario) error {
	if !cmd.Flags().Changed(rateFlag) {
		return nil
	}
	if err := s.CheckRate(p.rate, p.loadPods); err != nil {
		return usage("--%s: %w", rateFlag, err)
	}
	return nil
}

// run plays scenarios, and prints a report of one, or a table of several.
func (p player) run(cmd *cobra.Command, list []harness.Scenario) error {
	if len(list) == 1 {
		return p.runOne(cmd, list[0])
	}
	return p.runAll(cmd, list)
}

// runOne plays a scenario and prints its report.
func (p player) runOne(cmd *cobra.Command, s harness.Scenario) error {
	var done *played
	err := p.onLab(cmd.Context(), func(ctx context.Context, l *lab.Lab, d *display) (err error) {
		done, err = p.play(ctx, l, d, s)
		return err
	})
	if done != nil {
		run := done.Run
		printErr := p.print(cmd.OutOrStdout(), run.Report, func(w io.Writer) error { return printRun(w, run, p.full) })
		fmt.Fprintf(os.Stderr, "\nAll of it is in %s\n", run.Dir)
		if address := done.page(); address != "" {
			fmt.Fprintf(os.Stderr, "To look at it: %s\n", address)
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
	return outcomeOf(done.Run.Report.Outcome)
}

// outcomeOf is nil for a pass.
func outcomeOf(o reports.Outcome) error {
	if o == reports.Pass {
		return nil
	}
	return outcomeError{o}
}

// runAll plays scenarios one after the other and prints a table. What is wrong with one is no reason to leave out the
// others, but for a lab that can't be worked with and for an interruption.
func (p player) runAll(cmd *cobra.Command, list []harness.Scenario) error {
	var runs []*reports.Run
	var all []reports.Summary
	worst := reports.Pass
	begun := time.Now()
	err := p.onLab(cmd.Context(), func(ctx context.Context, l *lab.Lab, d *display) error {
		var errs []error
		for i, s := range list {
			if ctx.Err() != nil {
				break
			}
			if s.OwnIstioOnly() && l.Borrowed() {
				d.Say("%s is left out: %v", s.Name, harness.ErrOthersIstio)
				continue
			}
			d.Say("scenario %d of %d: %s", i+1, len(list), s.Name)
			done, err := p.play(ctx, l, d, s)
			if done != nil {
				summary := reports.Summarize(done.Run.Report)
				summary.Dir = done.Run.Dir
				runs, all, worst = append(runs, done.Run), append(all, summary), worst.Worse(done.Run.Report.Outcome)
				d.Say("%s: %s", summary.Outcome, cmp.Or(done.page(), done.Run.Dir))
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("scenario %s: %w", s.Name, err))
			}
		}
		return errors.Join(errs...)
	})
	if len(all) > 0 {
		printErr := p.print(cmd.OutOrStdout(), all, func(w io.Writer) error {
			return text.WriteSummaries(github.Calm(w, os.Getenv), all, textOptions())
		})
		files, keepErr := keepSummary(p.out, begun, runs, all)
		err = errors.Join(err, printErr, keepErr)
		fmt.Fprintf(os.Stderr, "\nThe same as a table and for a CI system: %s\n", strings.Join(files, " "))
		for _, run := range runs {
			publish(run)
		}
	}
	if err != nil {
		return err
	}
	return outcomeOf(worst)
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
func (p player) onLab(ctx context.Context, do func(context.Context, *lab.Lab, *display) error) error {
	d := newDisplay(os.Stderr)
	defer d.Close()
	l, err := openLab(ctx, p.global, d)
	if err != nil {
		return err
	}
	d.Say("cluster %q is %s: %s", l.Cluster().Name(), l.Cluster().Provider(), l.Why())
	if l.Cluster().Reused() {
		d.Say("it was running already")
	} else {
		d.Say("it was brought up for this, and stays: %s removes it", l.DownCommand())
	}
	release, err := l.Exclusive(ctx)
	if err != nil {
		return err
	}
	defer release()
	return do(ctx, l, d)
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

// play runs s in the lab and renders its report. It returns a run in every case once that has begun.
func (p player) play(ctx context.Context, l *lab.Lab, d *display, s harness.Scenario) (*played, error) {
	o := harness.Options{Progress: d, LoadPods: p.loadPods, Rate: p.rate, Pace: p.pace, Keep: p.keep}
	if p.live != nil {
		p.live.board.Restart()
		o.Tap = p.live.board
	}
	rep, dir, err := labrun.Play(ctx, l, s, p.out, o)
	if rep == nil {
		return nil, err
	}
	if p.live != nil {
		p.live.board.Conclude(rep)
	}
	run, files, renderErr := render.All(dir)
	if run == nil {
		run = &reports.Run{Dir: dir, Report: rep}
	}
	p.advance(run)
	return &played{run, files}, errors.Join(err, renderErr)
}

// outFlag adds the flag that says where runs are kept.
func outFlag(cmd *cobra.Command, out *string, what string) {
	cmd.Flags().StringVar(out, "out", "", what+" (default: reports/out of the clone; outside of one, "+
		"canarylab-reports)")
}

// outDir is where runs are kept: what was asked for, or where lab.Runs says.
func outDir(asked string) (string, error) {
	if asked != "" {
		return filepath.Abs(asked)
	}
	out, err := lab.Runs()
	if err != nil {
		return "", fmt.Errorf("find the folder for reports (or use --out): %w", err)
	}
	return out, nil
}
