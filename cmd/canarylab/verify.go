package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/canarylab/canarylab/harness/judge"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/bundle"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/trace"
)

// errDiffers is wrapped where a run's report is not what its trace says.
var errDiffers = errors.New("the report is not what its trace says")

func newVerify() *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use: "verify RUN", Short: "Make a run's report again from its trace, and say what differs",
		Long: `Verify makes the report of the run in a folder below reports/out, or in a bundle of one, once more from
the trace alone, and holds report.json against it. It needs neither the cluster nor the scenario. It says whether
a line of the trace is missing or was edited since the report was made, and which fields differ.

A run that was killed has a trace and no report: verify makes it, marked as cut off.

It ends with 0 where nothing differs, with 65 where something does or the trace is damaged, and with 75 for a run
of a canarylab that did not keep its claims in the trace.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("%s wants one run's folder or bundle, got %q", cmd.CommandPath(), args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			dir, done, err := bundle.Open(args[0])
			defer func() { err = errors.Join(err, done()) }()
			if err != nil {
				return unreadable(cmd.OutOrStdout(), err)
			}
			if err := recoverReport(cmd.ErrOrStderr(), dir); err != nil {
				return err
			}
			v, err := judge.Verify(dir, lab.Version())
			if errors.Is(err, trace.ErrDamaged) {
				return fmt.Errorf("%w: %w", errDiffers, err)
			}
			if err != nil {
				return unreadable(cmd.OutOrStdout(), err)
			}
			err = o.print(cmd.OutOrStdout(), v, func(w io.Writer) error { return printVerification(w, v) })
			if err == nil && !v.Same() {
				return fmt.Errorf("%w: %w", errReported, errDiffers)
			}
			return err
		},
	}
	o.add(cmd)
	return cmd
}

// recoverReport makes the report of a run that was killed, from its trace, and saves it.
func recoverReport(w io.Writer, dir string) error {
	if _, err := os.Stat(filepath.Join(dir, reports.ReportFile)); !errors.Is(err, fs.ErrNotExist) {
		return nil // whoever reads it says what is wrong with it
	}
	path, err := trace.Find(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	r, err := judge.Report(dir)
	if err != nil {
		return fmt.Errorf("there is no %s, as of a run that was killed: %w", reports.ReportFile, err)
	}
	fmt.Fprintf(w, "canarylab: there was no %s: it was made from %s. %s\n", reports.ReportFile,
		filepath.Base(path), format.Printable(r.Broken))
	return r.Save(dir)
}

// printVerification prints for people.
func printVerification(w io.Writer, v *judge.Verification) error {
	if v.Same() {
		_, err := fmt.Fprintf(w, "%s says what its trace says\n", reports.ReportFile)
		return err
	}
	if v.Trace != "" {
		fmt.Fprintf(w, "the trace is not what %s was made from: %s\n", reports.ReportFile, v.Trace)
	}
	if v.Total > 0 {
		fmt.Fprintf(w, "%s in %s:\n", format.Plural(v.Total, "field differs", "fields differ"), reports.ReportFile)
	} else {
		fmt.Fprintf(w, "no field of %s differs\n", reports.ReportFile)
	}
	for _, d := range v.Differences {
		fmt.Fprintf(w, "  %s\n    %-18s %s\n    %-18s %s\n", format.Printable(d.Path), reports.ReportFile, d.Report,
			"the trace makes", d.Made)
	}
	if more := v.Total - len(v.Differences); more > 0 {
		fmt.Fprintf(w, "  and %s more\n", format.Number(more))
	}
	if v.By != v.With {
		fmt.Fprintf(w, "The report was made by canarylab %s, and this is %s: it may make another one of the same "+
			"trace.\n", format.Printable(v.By), v.With)
	}
	return nil
}
