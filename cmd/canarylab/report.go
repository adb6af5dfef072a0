package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/bundle"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/github"
	"github.com/canarylab/canarylab/reports/html"
	"github.com/canarylab/canarylab/reports/render"
	"github.com/canarylab/canarylab/reports/text"
)

func newReport() *cobra.Command {
	var layout, to, out string
	var full bool
	cmd := &cobra.Command{
		Use: "report [RUN]", Short: "Show a run again, in any format, without a cluster",
		Long: `Report shows the run in a folder below reports/out or in a bundle of one; without RUN the newest one.
As text, it leaves out what has no room on one screen, and says so; --full prints all. It says on stderr
what of the folder is missing or damaged. Of a run that was killed it makes the report first, as canarylab
verify does.

` + formatHelp(),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("%s takes one folder, got %q", cmd.CommandPath(), args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			f, err := render.Find(layout)
			if err != nil {
				return usage("%w", err)
			}
			isText := f.Name == "text"
			if full && !isText {
				return usage("--full is for text: %s has everything as it is", f.Name)
			}
			dir, run, done, err := openAsked(cmd, args, out)
			defer func() { err = errors.Join(err, done()) }()
			if err != nil {
				return err
			}
			// A bundle's own folder is gone when this is read.
			run.Dir = dir
			write := func(w io.Writer) error { return f.Write(w, run) }
			switch {
			case isText && to == "":
				write = func(w io.Writer) error { return printRun(w, run, full) }
			case isText:
				o := text.Options{Full: full, Dir: nearby(run.Dir), Problems: run.Problems}
				write = func(w io.Writer) error { return text.Write(w, run.Report, o) }
			default: // problems are part of the text, and of no other format
				printProblems(cmd.ErrOrStderr(), run)
			}
			return written(cmd, "report", to, write)
		},
	}
	cmd.Flags().StringVarP(&layout, "output", "o", "text", "output format: "+render.Names())
	cmd.Flags().StringVar(&to, "to", "", "file to write to, in place of stdout")
	outFlag(cmd, &out, "folder with the runs' folders")
	fullFlag(cmd, &full)
	return cmd
}

// written writes to the file that --to asks for, or to stdout.
func written(cmd *cobra.Command, what, to string, write func(io.Writer) error) error {
	if to == "" {
		return write(cmd.OutOrStdout())
	}
	return toFile(what, to, write)
}

// toFile writes what --to asks for.
func toFile(what, path string, write func(io.Writer) error) error {
	if err := render.ToFile(path, write); err != nil {
		return fmt.Errorf("write the %s to %s: %w", what, path, err)
	}
	return nil
}

// formatHelp lists the formats with their use and their file in a run's folder.
func formatHelp() string {
	shown := "Formats, and the file in which a run's folder has each from the start:\n"
	for _, f := range render.Formats() {
		shown += fmt.Sprintf("  %-12s %-12s for %s\n", f.Name, cmp.Or(f.File, reports.ReportFile), f.What)
	}
	return shown
}

// runDir is the folder that was named, itself or by its report.json, or that of the newest run in out.
func runDir(args []string, out string) (string, error) {
	if len(args) == 1 {
		if filepath.Base(args[0]) == reports.ReportFile {
			return filepath.Dir(args[0]), nil
		}
		return args[0], nil
	}
	out, err := outDir(out)
	if err != nil {
		return "", err
	}
	return newest(out)
}

// openAsked opens the run that was asked for as runDir has it, which it returns too. Of a run that was killed it makes
// the report first. done removes what was unpacked, and is there in any case.
func openAsked(cmd *cobra.Command, args []string, out string) (
	name string, run *reports.Run, done func() error, err error,
) {
	done = func() error { return nil }
	if name, err = runDir(args, out); err != nil {
		return name, nil, done, err
	}
	if err := recoverReport(cmd.ErrOrStderr(), name); err != nil {
		return name, nil, done, err
	}
	if run, done, err = openRun(name); err != nil {
		return name, nil, done, unreadable(cmd.OutOrStdout(), err)
	}
	return name, run, done, nil
}

// printProblems says what of a run's folder is missing or damaged.
func printProblems(w io.Writer, run *reports.Run) {
	for _, problem := range run.Problems {
		fmt.Fprintln(w, "canarylab:", format.Printable(problem))
	}
}

// openRun opens a run's folder or a bundle of one. done removes what was unpacked, and is there in any case.
func openRun(name string) (run *reports.Run, done func() error, err error) {
	dir, done, err := bundle.Open(name)
	if err != nil {
		return nil, done, err
	}
	run, err = reports.OpenRun(dir)
	return run, done, err
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

// unreadable is the error about a run that can't be opened. It shows what is known of one that a newer canarylab
// wrote.
func unreadable(w io.Writer, err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, bundle.ErrNoBundle) {
		return usage("%w", err)
	}
	var newer *reports.NewerError
	if !errors.As(err, &newer) {
		return err
	}
	started := ""
	if !newer.Started.IsZero() {
		started = newer.Started.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	for _, f := range []struct{ name, value string }{
		{"scenario", newer.Scenario}, {"title", newer.Title}, {"outcome", string(newer.Outcome)}, {"run", newer.Run},
		{"started", started}, {"canarylab", newer.Canarylab}, {"broken", newer.Broken},
	} {
		if f.value != "" {
			fmt.Fprintf(w, "%-10s %s\n", f.name, format.Printable(f.value))
		}
	}
	return err
}

// fullFlag adds the flag that asks for the long report.
func fullFlag(cmd *cobra.Command, full *bool) {
	cmd.Flags().BoolVar(full, "full", false, "print everything, not only what fits on one screen")
}

// printRun prints for people, in the width of their terminal.
func printRun(w io.Writer, run *reports.Run, full bool) error {
	o := textOptions()
	o.Full, o.Dir, o.Problems = full, nearby(run.Dir), run.Problems
	if page := filepath.Join(o.Dir, html.File); isFile(page) {
		o.Page = page
	}
	return text.Write(github.Calm(w, os.Getenv), run.Report, o)
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// nearby is a folder as it is typed from here.
func nearby(dir string) string {
	here, err := os.Getwd()
	if err != nil {
		return dir
	}
	if rel, err := filepath.Rel(here, dir); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return dir
}
