package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/authoring"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/scenarios"
)

func newScenario(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "scenario", Short: "List, describe, run and write canary stories"}
	cmd.AddCommand(newScenarioList(), newScenarioDescribe(), newScenarioRun(g), newScenarioCheck(), newScenarioNew())
	return cmd
}

// summary is a scenario in a list.
type summary struct {
	Name  string `json:"name"`
	Title string `json:"title"`
}

func newScenarioList() *cobra.Command {
	var o output
	var names bool
	cmd := &cobra.Command{
		Use: "list", Short: "List the scenarios", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all []summary
			for _, s := range scenarios.All() {
				all = append(all, summary{s.Name, s.Title})
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
	return cmd
}

// description is a scenario in full.
type description struct {
	summary
	Story  string             `json:"story,omitempty"`
	Load   loadgen.Plan       `json:"load"`
	Phases []phaseDescription `json:"phases"`
	Cause  string             `json:"cause,omitempty"`
	Fix    string             `json:"fix,omitempty"`
}

type phaseDescription struct {
	Name   string   `json:"name"`
	Does   string   `json:"does,omitempty"`
	Proves []string `json:"proves,omitempty"`
	Claims []string `json:"claims,omitempty"`
}

func describe(s harness.Scenario) description {
	d := description{summary: summary{s.Name, s.Title}, Story: s.Story, Load: s.Load, Cause: s.Cause, Fix: s.Fix}
	for _, p := range s.Phases {
		phase := phaseDescription{Name: p.Name}
		if p.Do != nil {
			phase.Does = p.Do.String()
		}
		for _, proof := range p.Prove {
			phase.Proves = append(phase.Proves, proof.String())
		}
		for _, e := range p.Expect {
			phase.Claims = append(phase.Claims, e.String())
		}
		d.Phases = append(d.Phases, phase)
	}
	return d
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
			d := describe(s)
			return o.print(cmd.OutOrStdout(), d, func(w io.Writer) error { return printDescription(w, d) })
		},
	}
	o.add(cmd)
	return cmd
}

func printDescription(w io.Writer, d description) error {
	fmt.Fprintf(w, "%s: %s\n", d.Name, d.Title)
	if d.Story != "" {
		fmt.Fprintf(w, "\n%s\n", d.Story)
	}
	fmt.Fprintf(w, "\nload: GET %s\n", d.Load.URL)
	for _, c := range d.Load.Cohorts {
		fmt.Fprintf(w, "  %s: %d requests a second", c.Name, c.Rate)
		for name, value := range c.Header {
			fmt.Fprintf(w, ", %s: %s", name, value)
		}
		fmt.Fprintln(w)
	}
	for i, p := range d.Phases {
		fmt.Fprintf(w, "\n%d. %s\n", i+1, p.Name)
		if p.Does != "" {
			fmt.Fprintf(w, "   does    %s\n", p.Does)
		}
		for _, proof := range p.Proves {
			fmt.Fprintf(w, "   proves  %s\n", proof)
		}
		for _, c := range p.Claims {
			fmt.Fprintf(w, "   claims  %s\n", c)
		}
	}
	if d.Cause != "" {
		fmt.Fprintf(w, "\nwhy: %s\nfix: %s\n", d.Cause, d.Fix)
	}
	return nil
}

func newScenarioRun(g *global) *cobra.Command {
	var o output
	var out string
	var loadPods int
	cmd := &cobra.Command{
		Use: "run NAME", Short: "Play a scenario and report what happened", Args: oneScenario, ValidArgsFunction: completeScenarios,
		Long: "Run plays a scenario on the running cluster, or brings one up first and leaves it running. The report goes to\nstdout and, with everything that was recorded, into a folder of its own.",
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := find(args[0])
			if err != nil {
				return err
			}
			if loadPods < 1 || loadPods > loadgen.MaxAgents {
				return usage("--load-pods %d is not 1 to %d", loadPods, loadgen.MaxAgents)
			}
			if err := playable(s); err != nil {
				return err
			}
			if out, err = outDir(out); err != nil {
				return err
			}
			rep, dir, err := play(cmd.Context(), g, s, out, loadPods)
			if rep != nil {
				if printErr := o.print(cmd.OutOrStdout(), rep, func(w io.Writer) error { return printReport(w, rep) }); printErr != nil {
					err = errors.Join(err, printErr)
				}
				fmt.Fprintf(os.Stderr, "\nAll of it is in %s\n", dir)
			}
			if err != nil {
				return err
			}
			if rep.Outcome != reports.Pass {
				return outcomeError{rep.Outcome}
			}
			return nil
		},
	}
	o.add(cmd)
	cmd.Flags().StringVar(&out, "out", "", "folder for the run's own folder (default: reports/out of the source tree)")
	cmd.Flags().IntVar(&loadPods, "load-pods", 1, "pods that share the load")
	bringUpFlags(cmd, g)
	return cmd
}

// play brings the lab up and runs s on it. A report comes back in every case once the run has begun.
func play(ctx context.Context, g *global, s harness.Scenario, out string, loadPods int) (*reports.Report, string, error) {
	p := newProgress(os.Stderr)
	defer p.Close()
	l, err := openLab(ctx, g, p)
	if err != nil {
		return nil, "", err
	}
	p.Say("cluster %q is %s: %s", l.Cluster().Name(), l.Cluster().Provider(), l.Why())
	if l.Cluster().Reused() {
		p.Say("it was running already")
	} else {
		p.Say("it was brought up for this, and stays: %s removes it", downCommand(l.Cluster()))
	}
	setup, err := l.Setup(ctx)
	if err != nil {
		return nil, "", err
	}
	release, err := l.Exclusive(ctx)
	if err != nil {
		return nil, "", err
	}
	defer release()
	id := loadgen.RunID()
	dir := harness.RunDir(out, s.Name, id, time.Now())
	target := harness.Cluster{Kube: l.Kube(), Mesh: l.Mesh(), Reference: l.Cluster().Reference, Labels: l.Labels(), Setup: setup}
	rep, err := harness.Run(ctx, target, s, harness.Options{Dir: dir, ID: id, Progress: p, BringUp: l.BringUp(), LoadPods: loadPods})
	return rep, dir, err
}

// printReport prints for people, in the width of their terminal.
func printReport(w io.Writer, rep *reports.Report) error {
	o := reports.TextOptions{Color: colored(os.Stdout)}
	if width, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
		o.Width = width
	}
	return reports.Text(w, rep, o)
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

func newReport() *cobra.Command {
	var o output
	var out string
	cmd := &cobra.Command{
		Use: "report [DIR]", Short: "Print a run's report again, without a cluster",
		Long: "Report prints the report in a run's folder; without DIR that of the newest run.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("%s takes one folder, got %q", cmd.CommandPath(), args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := ""
			if len(args) == 1 {
				dir = args[0]
			} else {
				var err error
				if out, err = outDir(out); err != nil {
					return err
				}
				if dir, err = newest(out); err != nil {
					return err
				}
			}
			rep, err := reports.Load(dir)
			if errors.Is(err, os.ErrNotExist) {
				return usage("%w", err)
			}
			if err != nil {
				return err
			}
			return o.print(cmd.OutOrStdout(), rep, func(w io.Writer) error { return printReport(w, rep) })
		},
	}
	o.add(cmd)
	cmd.Flags().StringVar(&out, "out", "", "folder with the runs' folders (default: reports/out of the source tree)")
	return cmd
}

// newest is the folder of the last run in out: names begin with the time.
func newest(out string) (string, error) {
	found, err := filepath.Glob(filepath.Join(out, "*", reports.ReportFile))
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", usage("there is no report in %s yet: canarylab scenario run makes one", out)
	}
	return filepath.Dir(found[len(found)-1]), nil
}
