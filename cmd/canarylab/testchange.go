package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/compare"
	"github.com/canarylab/canarylab/reports/markdown"
)

// runTest plays a test, prints its report, and writes it as Markdown to the file comment, if that is named. Where it is
// of a change, fresh is what is new alone, with every proxy started anew: a proxy that runs goes on with the
// configuration that it had where it refuses a new one, and one that starts has nothing.
func (p player) runTest(cmd *cobra.Command, s harness.Scenario, fresh *harness.Scenario, comment string) error {
	var first, second *played
	keep := p.keep
	err := p.onLab(cmd.Context(), func(ctx context.Context, l *lab.Lab, d *display) (err error) {
		p.keep = keep && fresh == nil
		if first, err = p.play(ctx, l, d, s); err != nil || fresh == nil {
			return err
		}
		p.keep = keep
		d.Say("and once more, with every proxy started under the new configuration")
		second, err = p.play(ctx, l, d, *fresh)
		return err
	})
	worst := reports.Pass
	if first != nil {
		run := first.Run
		worst = run.Report.Outcome
		restarted, differs, cmpErr := afterRestart(first, second)
		if differs {
			worst = worst.Worse(reports.Fail)
		}
		printErr := p.print(cmd.OutOrStdout(), run.Report, func(w io.Writer) error {
			if err := printRun(w, run, p.full); err != nil || restarted == "" {
				return err
			}
			_, err := fmt.Fprintf(w, "\n%s\n", restarted)
			return err
		})
		err = errors.Join(err, printErr, cmpErr, keepComment(comment, run, restarted))
		fmt.Fprintf(os.Stderr, "\nAll of it is in %s\n", run.Dir)
		if address := first.page(); address != "" {
			fmt.Fprintf(os.Stderr, "To look at it: %s\n", address)
		}
		publish(run)
	}
	if second != nil {
		worst = worst.Worse(second.Run.Report.Outcome)
		fmt.Fprintf(os.Stderr, "The run with every proxy started anew is in %s\n", second.Run.Dir)
	}
	if errors.Is(err, harness.ErrOthersIstio) {
		return usage("%w", err)
	}
	if err != nil {
		return err
	}
	return outcomeOf(worst)
}

// keepComment writes a run as Markdown for a comment, with what a restart showed.
func keepComment(path string, run *reports.Run, restarted string) error {
	if path == "" {
		return nil
	}
	return toFile("comment", path, func(w io.Writer) error {
		if err := markdown.Write(w, run); err != nil || restarted == "" {
			return err
		}
		_, err := fmt.Fprintf(w, "\n%s\n", markdown.Text(restarted))
		return err
	})
}

// afterRestart says whether proxies that started under the new configuration serve what those did that were told of it.
func afterRestart(change, fresh *played) (text string, differs bool, err error) {
	if change == nil || fresh == nil {
		return "", false, nil
	}
	c, err := compare.New(compare.Side{change.Run}, compare.Side{fresh.Run})
	if err != nil {
		return "", false, fmt.Errorf("compare the proxies that were started anew: %w", err)
	}
	var all []string
	for _, pair := range c.Pairs {
		for _, f := range pair.Different() {
			if f.Kind == compare.LandingKind && f.Base.Number != nil && f.Other.Number != nil {
				all = append(all, fmt.Sprintf("  ✗ %s: %.1f %% before, %.1f %% after", f.Name, *f.Base.Number,
					*f.Other.Number))
			}
		}
	}
	if len(all) > 0 {
		return "every caller's proxy started anew under the new configuration: it does not serve the same\n" +
			strings.Join(all, "\n"), true, nil
	}
	if o := fresh.Run.Report.Outcome; o != reports.Pass && o != change.Run.Report.Outcome {
		return fmt.Sprintf("every caller's proxy started anew under the new configuration: that run is %s: canarylab "+
			"report %s", o, fresh.Run.Dir), false, nil
	}
	return "✓ every caller's proxy started anew under the new configuration, and serves the same", false, nil
}
