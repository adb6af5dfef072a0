package main

import (
	"cmp"
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
	"github.com/canarylab/canarylab/harness/story"
	"github.com/canarylab/canarylab/scenarios"
)

// checked is what is wrong with one scenario, a line each: file:line: what.
type checked struct {
	Name     string   `json:"name"`
	Problems []string `json:"problems"`
}

func newScenarioCheck() *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use: "check [NAME|FOLDER...]", Short: "Find the mistakes in scenarios, without a cluster",
		ValidArgsFunction: completeScenarios,
		Long: `Check looks for all mistakes that can be found without a cluster, and says in which line they are:
in manifests, as Kubernetes and Istio read them, and in phases. Without NAME it checks every scenario.
Manifests are read from the source tree, and those of a story without Go from its FOLDER.`,
		RunE: func(cmd *cobra.Command, names []string) error {
			found, err := check(names)
			if err != nil {
				return err
			}
			wrong := 0
			for _, c := range found {
				wrong += len(c.Problems)
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

// check checks the scenarios that are named, or all.
func check(names []string) (found []checked, err error) {
	if len(names) == 0 {
		for _, s := range scenarios.All() {
			found = append(found, checked{s.Name, problems(s, true)})
		}
		return found, nil
	}
	for _, name := range names {
		s, err := find(name)
		var wrong story.Problems
		switch {
		case errors.As(err, &wrong):
			found = append(found, checked{name, wrong.Lines()})
		case err != nil:
			return nil, err
		default:
			found = append(found, checked{cmp.Or(s.Folder, s.Name), problems(s, true)})
		}
	}
	return found, nil
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
	if lines, ok := story.Where(s, s.Check()); ok {
		return lines
	}
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
		return usage("scenario %s can't be played:\n%s", cmp.Or(s.Folder, s.Name), strings.Join(wrong, "\n"))
	}
	return nil
}

func newScenarioNew() *cobra.Command {
	var title string
	var asYAML bool
	cmd := &cobra.Command{
		Use: "new NAME", Short: "Write a scenario that runs, to be changed into a story of your own",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("%s wants the name of the new scenario, got %q", cmd.CommandPath(), args)
			}
			return nil
		},
		Long: `New writes a scenario into the source tree: a literal in Go, and its manifests. With --yaml it
writes a folder without Go, for which no source tree is needed: NAME may be a path to it.`,
		Example: "  canarylab scenario new session-affinity --title 'A cookie keeps callers on the canary'\n" +
			"  canarylab scenario new --yaml ./session-affinity",
		RunE: func(cmd *cobra.Command, args []string) error {
			if asYAML {
				return newStory(cmd.OutOrStdout(), args[0], title)
			}
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
	cmd.Flags().BoolVar(&asYAML, "yaml", false, "write a folder without Go, with a story.yaml")
	return cmd
}
