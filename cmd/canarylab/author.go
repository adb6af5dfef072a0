package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/authoring"
	"github.com/canarylab/canarylab/harness/lab"
)

// checked is what is wrong with one scenario, a line each: file:line: what.
type checked struct {
	Name     string   `json:"name"`
	Problems []string `json:"problems"`
}

func newScenarioCheck() *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use: "check [NAME...]", Short: "Find the mistakes in scenarios, without a cluster",
		ValidArgsFunction: completeScenarios,
		Long: `Check looks for all mistakes that can be found without a cluster, and says in which line they are:
in manifests, as Kubernetes and Istio read them, and in phases. Without NAME it checks every scenario.
Manifests are read from the source tree.`,
		RunE: func(cmd *cobra.Command, names []string) error {
			all, err := chosen(names, "")
			if err != nil {
				return err
			}
			found, wrong := make([]checked, len(all)), 0
			for i, s := range all {
				found[i] = checked{s.Name, problems(s, true)}
				wrong += len(found[i].Problems)
			}
			err = o.print(cmd.OutOrStdout(), found, func(w io.Writer) error { return printChecked(w, found) })
			if err != nil {
				return err
			}
			switch wrong {
			case 0:
				return nil
			case 1:
				return usage("there is 1 mistake")
			}
			return usage("there are %d mistakes", wrong)
		},
	}
	o.add(cmd)
	return cmd
}

func printChecked(w io.Writer, all []checked) error {
	for _, c := range all {
		lines := c.Problems
		if len(lines) == 0 {
			lines = []string{c.Name + ": ok"}
		}
		if _, err := fmt.Fprintln(w, strings.Join(lines, "\n")); err != nil {
			return err
		}
	}
	return nil
}

// problems are those of a scenario, each with its file as it is to be called from the working directory. fresh
// reads the manifests from the source tree, where there is one; otherwise they are those that were built in.
func problems(s harness.Scenario, fresh bool) []string {
	dir := "scenarios"
	if source, err := lab.Source(); err == nil {
		dir = filepath.Join(source, dir)
		if fresh {
			s.Files = os.DirFS(dir)
		}
		if wd, err := os.Getwd(); err == nil {
			if short, err := filepath.Rel(wd, dir); err == nil {
				dir = short
			}
		}
	}
	return append([]string{}, authoring.Where(dir, s.Name, s.Check())...)
}

// playable is nil, or the usage error that s has mistakes, as it was built in.
func playable(s harness.Scenario) error {
	if wrong := problems(s, false); len(wrong) > 0 {
		return usage("scenario %s can't be played:\n%s", s.Name, strings.Join(wrong, "\n"))
	}
	return nil
}

func newScenarioNew() *cobra.Command {
	var title string
	cmd := &cobra.Command{
		Use: "new NAME", Short: "Write a scenario that runs, to be changed into a story of your own", Args: oneScenario,
		Example: "  canarylab scenario new session-affinity --title 'A cookie keeps callers on the canary'",
		RunE: func(cmd *cobra.Command, args []string) error {
			source, err := lab.Source()
			if err != nil {
				return usage("%w; a story can also live in a module of its own: docs/library.md", err)
			}
			written, err := authoring.New(source, args[0], title)
			if errors.Is(err, authoring.ErrName) {
				return usage("%w", err)
			}
			if err != nil {
				return fmt.Errorf("nothing was written: %w", err)
			}
			w := cmd.OutOrStdout()
			for _, path := range written {
				fmt.Fprintln(w, path)
			}
			fmt.Fprintf(w, "\nIt runs and passes as it is. Change it into your story, then, in %s:\n", source)
			fmt.Fprintf(w, `  make build && bin/canarylab scenario check %[1]s   finds mistakes, with their lines
  make scenario NAME=%[1]s   plays it on a mesh
  make docs   writes its page, which docs/scenarios.md leads to
`, args[0])
			return nil
		},
	}
	cmd.Flags().StringVar(&title, "title", authoring.DefaultTitle, "one sentence for lists")
	return cmd
}
