package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/canarylab/canarylab/harness/describe"
	"github.com/canarylab/canarylab/harness/training"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/scenarios/missions"
)

// newTrainList lists the missions.
func newTrainList() *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use: "list", Short: "List the missions", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all []summary
			for _, m := range missions.All() {
				s := m.Story
				all = append(all, summary{Name: m.Name(), Title: s.Title, Labels: s.Labels, API: describe.OwnAPI})
			}
			return o.print(cmd.OutOrStdout(), all, func(w io.Writer) error {
				var rows [][]string
				for _, s := range all {
					rows = append(rows, []string{s.Name, s.Title})
				}
				return printTable(w, rows...)
			})
		},
	}
	o.add(cmd)
	return cmd
}

// newTrainOrder asks the mission that is under way for something.
func newTrainOrder(g *global, do, short string) *cobra.Command {
	var o output
	var learner string
	cmd := &cobra.Command{
		Use: do, Short: short, Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return ask(cmd, g, o, learner, training.Request{Do: do}) },
	}
	o.add(cmd)
	learnerFlag(cmd, &learner)
	return cmd
}

func newTrainDiagnose(g *global) *cobra.Command {
	var o output
	var learner string
	cmd := &cobra.Command{
		Use: "diagnose HOP FLAG CAUSE", Short: "Say where the errors are made, with which flag, and why",
		Long: fmt.Sprintf(`Diagnose says what it is. HOP is the place on a request's way at which it goes wrong:

%s

FLAG is Envoy's response flag, as kubectl logs shows it of a proxy (docs/words.md has all), - for none.
CAUSE is one of

%s

One that is not right costs %s, beside the clocks. Nothing is to be diagnosed once the mission is mended.`,
			explained(training.Hops()), explained(training.Causes()), format.Short(training.GuessPrice)),
		Example: "  canarylab train diagnose gateway UT timeout",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 3 {
				return usage("%s wants a hop, a flag and a cause, got %q; --help lists them", cmd.CommandPath(), args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			guess := training.Guess{Hop: args[0], Flag: args[1], Cause: training.Cause(args[2])}
			return ask(cmd, g, o, learner, training.Request{Do: training.DoDiagnose, Guess: guess})
		},
	}
	o.add(cmd)
	learnerFlag(cmd, &learner)
	return cmd
}

// explained lists words with what they mean, in their order.
func explained[W ~string](words map[W]string) string {
	var lines []string
	for _, w := range slices.Sorted(maps.Keys(words)) {
		lines = append(lines, fmt.Sprintf("  %-13s %s", w, words[w]))
	}
	return strings.Join(lines, "\n")
}

// ask asks the trainer of the cluster, or that of a learner of its class, and prints what it says.
func ask(cmd *cobra.Command, g *global, o output, learner string, r training.Request) error {
	k, err := learnerOf(learner)
	if err != nil {
		return err
	}
	path, err := socket(g, k)
	if err != nil {
		return err
	}
	reply, err := training.Ask(cmd.Context(), path, r)
	switch {
	case errors.Is(err, training.ErrNone):
		return neverBegun(k)
	case errors.Is(err, training.ErrOver):
		return refusal{err}
	case err != nil:
		return err
	}
	return o.print(cmd.OutOrStdout(), reply, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, strings.TrimSpace(format.Printable(reply.Text)))
		return err
	})
}
