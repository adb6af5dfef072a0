package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/canarylab/canarylab/reports/terminal"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/compare"
	"github.com/canarylab/canarylab/reports/github"
)

// comparisonFormats are what a comparison can be written as.
var comparisonFormats = map[string]func(io.Writer, *compare.Comparison, terminal.Options) error{
	"text": compare.Text,
	"md":   func(w io.Writer, c *compare.Comparison, _ terminal.Options) error { return compare.Markdown(w, c) },
	"html": func(w io.Writer, c *compare.Comparison, _ terminal.Options) error { return compare.HTML(w, c) },
	"json": func(w io.Writer, c *compare.Comparison, _ terminal.Options) error { return writeJSON(w, c) },
}

// A divider is a flag that stands between arguments: it remembers how many were before it.
type divider struct {
	flags *pflag.FlagSet
	at    []int
}

// String implements pflag.Value: it has no default.
func (d *divider) String() string { return "" }

// Type implements pflag.Value: the help shows no value for a bool.
func (d *divider) Type() string { return "bool" }

// Set implements pflag.Value.
func (d *divider) Set(value string) error {
	if value != "true" {
		return errors.New("it has no value: it stands between the runs of the two sides")
	}
	d.at = append(d.at, d.flags.NArg())
	return nil
}

func newCompare() *cobra.Command {
	var format, to string
	cmd := &cobra.Command{
		Use:   "compare RUN RUN... | RUN... --against RUN...",
		Short: "Put runs side by side: what differs, and what these data can't tell apart",
		Long: `Compare holds each RUN against the first one. A RUN is a run's folder or a bundle of one.

With --against, the runs before it are one side and those after it the other, which is the base: repetitions of
the same scenario on the same setup, so that what changes from run to run by itself is part of the uncertainty.

  canarylab compare reports/out/20261124-* reports/out/20261125-*       each with the first
  canarylab compare new/* --against old/*                               all of new with all of old

It ends with 0 whether there are differences or not, and with 64 where the runs are of different scenarios or one
of them can't be read; what can be shown is shown.`,
	}
	against := &divider{flags: cmd.Flags()}
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		write := comparisonFormats[format]
		if write == nil {
			return usage("output format %q is none of text, md, html and json", format)
		}
		groups, err := sidesOf(args, against.at)
		if err != nil {
			return err
		}
		sides, unread, done := openSides(groups)
		defer func() { err = errors.Join(err, done()) }()
		if len(sides) < 2 {
			return usage("there is nothing to compare with: %w", errors.Join(unread...))
		}
		c, err := compare.New(sides...)
		if err != nil {
			return usage("%w", err)
		}
		for _, e := range unread {
			c.Warnings = append(c.Warnings, fmt.Sprintf("Left out: %v.", e))
		}
		if to == "" {
			err = write(github.Calm(cmd.OutOrStdout(), os.Getenv), c, textOptions().Terminal())
		} else {
			err = toFile("comparison", to, func(w io.Writer) error { return write(w, c, terminal.Options{}) })
		}
		if err != nil {
			return err
		}
		if c.Mismatch != "" {
			return usage("%s", c.Mismatch)
		}
		if len(unread) > 0 {
			return usage("%w", errors.Join(unread...))
		}
		return nil
	}
	cmd.Flags().StringVarP(&format, "output", "o", "text", "output format: text, md, html or json")
	cmd.Flags().StringVar(&to, "to", "", "file to write to, in place of stdout")
	cmd.Flags().Var(against, "against", "the runs after it are the base that those before it are held against")
	cmd.Flags().Lookup("against").NoOptDefVal = "true"
	return cmd
}

// sidesOf divides arguments into sides, the base first.
func sidesOf(args []string, at []int) ([][]string, error) {
	switch {
	case len(at) > 1:
		return nil, usage("--against was given %d times: there are two sides", len(at))
	case len(at) == 1:
		ours, base := args[:at[0]], args[at[0]:]
		if len(ours) == 0 || len(base) == 0 {
			return nil, usage("--against stands between runs: RUN... --against RUN...")
		}
		return [][]string{base, ours}, nil
	case len(args) < 2:
		const few = "compare wants two runs or more, got %q; a run is a folder below reports/out, or a bundle of one"
		return nil, usage(few, args)
	}
	var sides [][]string
	for _, a := range args {
		sides = append(sides, []string{a})
	}
	return sides, nil
}

// openSides opens runs, from folders and bundles. It leaves out those that can't be read, each with an error, and
// sides that have no other. done removes what was unpacked.
func openSides(groups [][]string) (sides []compare.Side, unread []error, done func() error) {
	var all []func() error
	done = func() error {
		var errs []error
		for _, f := range slices.Backward(all) {
			errs = append(errs, f())
		}
		return errors.Join(errs...)
	}
	for _, group := range groups {
		var side compare.Side
		for _, name := range group {
			run, close, err := openRun(name)
			all = append(all, close)
			if inside, _ := filepath.Glob(filepath.Join(name, "*", reports.ReportFile)); err != nil && len(inside) > 0 {
				err = fmt.Errorf("open run: %s is no run, and has the folders of %d: name them, as by %s", name,
					len(inside), filepath.Join(name, "*"))
			}
			if err != nil {
				unread = append(unread, err)
				continue
			}
			side = append(side, run)
		}
		if len(side) > 0 {
			sides = append(sides, side)
		}
	}
	return sides, unread, done
}
