package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/canarylab/canarylab/reports/bundle"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/terminal"
)

func newBundle() *cobra.Command {
	var o bundle.Options
	cmd := &cobra.Command{
		Use: "bundle RUN", Short: "Pack a run into one file to send to a colleague",
		Long: `Bundle packs a run's folder into one .tar.gz: the report, what it was rendered to, the manifests and the
trace. canarylab report and canarylab compare take it in place of the folder.

It leaves out what canarylab did not write, and says what strangers may learn from the rest.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("%s wants one run's folder, got %q", cmd.CommandPath(), args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := bundle.Pack(cmd.Context(), args[0], o)
			if errors.Is(err, bundle.ErrExists) {
				return usage("%w", err)
			}
			if err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			fmt.Fprintf(w, "%s (%s)\n", p.File, bundle.Size(p.Bytes))
			for _, m := range p.Members {
				fmt.Fprintf(w, "  %-32s %9s\n", format.Printable(m.Name), bundle.Size(m.Bytes))
			}
			say := func(what string, names []string) {
				if len(names) > 0 {
					fmt.Fprintf(w, "%s: %s\n", what, format.Printable(strings.Join(names, ", ")))
				}
			}
			say("left out, as canarylab did not write it", p.LeftOut)
			say("missing, though the report lists it", p.Missing)
			for _, s := range p.Named {
				for _, line := range terminal.Wrap(format.Printable(s), 100) {
					fmt.Fprintln(w, line)
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&o.File, "to", "",
		"file to write (default: the folder's name with "+bundle.Ext+", in the current folder)")
	cmd.Flags().BoolVar(&o.Force, "force", false, "overwrite the file if it is there")
	return cmd
}
