package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/bundle"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/scenarios/course"
)

func newCourseCertificate() *cobra.Command {
	var name, to string
	cmd := &cobra.Command{
		Use: "certificate PATH", Short: "Certify a path that was done, by the digests of its runs' bundles",
		Long: `Certificate writes Markdown with the stops of a path that was done: when, how, and the SHA-256 of the
bundle that canarylab bundle makes of each run. The runs' folders have to be there still.

It says that these runs exist and hold together, and not who sat there. canarylab course check checks it.`,
		Args: onePath, ValidArgsFunction: completePaths,
		RunE: func(cmd *cobra.Command, args []string) error {
			paths, err := pathOf(args)
			if err != nil {
				return err
			}
			p, err := doneOfCourse()
			if err != nil {
				return err
			}
			c, err := course.Issue(cmd.Context(), paths[0], p, name, lab.Version(), time.Now())
			if errors.Is(err, course.ErrNotDone) || errors.Is(err, course.ErrName) {
				return usage("%w", err)
			}
			if err != nil {
				return err
			}
			text, err := c.Markdown()
			if err != nil {
				return err
			}
			return written(cmd, "certificate", to, func(w io.Writer) error { _, err := w.Write(text); return err })
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "whose certificate it is")
	cmd.Flags().StringVar(&to, "to", "", "file to write to, in place of stdout")
	return cmd
}

// A checkedCertificate is one that was held against its runs, as JSON.
type checkedCertificate struct {
	Path     string           `json:"path"`
	Name     string           `json:"name,omitempty"`
	Text     string           `json:"text,omitempty"`
	Findings []course.Finding `json:"findings"`
	// Strangers are runs that the certificate does not name.
	Strangers []string `json:"strangers,omitempty"`
}

func newCourseCheck() *cobra.Command {
	var o output
	var out string
	cmd := &cobra.Command{
		Use: "check FILE [RUN...]", Short: "Hold a certificate against the runs that it names",
		Long: `Check holds a certificate against runs, each a folder or a bundle: whether the digest is the certified
one, and whether the run's report says what the certificate says. Without RUN it looks for folders and bundles of the
certified names below reports/out. canarylab verify RUN tells whether a report is what its trace says.

It ends with 0 where all hold, with 65 where one differs or the certificate was edited, and with 75 where a run is
missing.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("%s wants a certificate, and runs", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := os.ReadFile(args[0])
			if err != nil {
				return usage("read the certificate: %w", err)
			}
			c, err := course.Read(file)
			edited := errors.Is(err, course.ErrText)
			if err != nil && !edited {
				return usage("read %s: %w", args[0], err)
			}
			runs := args[1:]
			if len(runs) == 0 {
				if runs, err = certifiedRuns(c, out); err != nil {
					return err
				}
			}
			done := checkedCertificate{Path: c.Path, Name: c.Name}
			if edited {
				done.Text = course.ErrText.Error()
			}
			if done.Findings, done.Strangers, err = c.Check(cmd.Context(), runs, lab.Version()); err != nil {
				return err
			}
			err = o.print(cmd.OutOrStdout(), done, func(w io.Writer) error { return printCheck(w, c, done) })
			if err != nil {
				return err
			}
			switch worst := course.Worst(done.Findings); {
			case edited || worst == course.Differs:
				return fmt.Errorf("%w: %w", errReported, errDiffers)
			case worst == course.Missing:
				return outcomeError{reports.Inconclusive}
			}
			return nil
		},
	}
	o.add(cmd)
	outFlag(cmd, &out, "folder with the runs' folders")
	return cmd
}

// certifiedRuns are the folders and bundles in out that a certificate names.
func certifiedRuns(c *course.Certificate, out string) (runs []string, err error) {
	if out, err = outDir(out); err != nil {
		return nil, err
	}
	for _, s := range c.Runs {
		// It comes from anywhere.
		if !filepath.IsLocal(s.Folder) || s.Folder != filepath.Base(s.Folder) {
			continue
		}
		for _, ext := range []string{"", bundle.Ext} {
			path := filepath.Join(out, s.Folder) + ext
			if _, err := os.Stat(path); err == nil {
				runs = append(runs, path)
				break
			}
		}
	}
	return runs, nil
}

// printCheck prints for people. A certificate comes from outside.
func printCheck(w io.Writer, c *course.Certificate, done checkedCertificate) error {
	whose := format.When(c.Name != "", " of "+c.Name)
	fmt.Fprintf(w, "certificate%s for path %s, issued %s by canarylab %s\n", format.Printable(whose),
		format.Printable(c.Path), c.Issued.UTC().Format("2006-01-02 15:04:05 UTC"), format.Printable(c.Canarylab))
	for _, f := range done.Findings {
		fmt.Fprintf(w, "%-8s %-4s  %-34s %s\n", f.State, format.Printable(string(f.Kind)), format.Printable(f.Story),
			format.Printable(f.Folder))
		if f.Why != "" {
			fmt.Fprintf(w, "         %s: %s\n", format.Printable(f.File), format.Printable(f.Why))
		}
	}
	for _, run := range done.Strangers {
		fmt.Fprintf(w, "%s is no run of this certificate\n", format.Printable(run))
	}
	if done.Text != "" {
		fmt.Fprintf(w, "%s\n", done.Text)
	}
	return nil
}
