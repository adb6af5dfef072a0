package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/authoring"
	"github.com/canarylab/canarylab/harness/story"
	"github.com/canarylab/canarylab/scenarios"
)

// readStory reads a story without Go. What is wrong with its files is a usage error that has them as story.Problems.
func readStory(folder string) (harness.Scenario, error) {
	s, err := story.Read(folder)
	var wrong story.Problems
	switch {
	case errors.As(err, &wrong):
		return s, usage("the story in %s can't be played:\n%w", folder, wrong)
	case err != nil:
		return s, usage("%w", err)
	}
	return s, nil
}

func newScenarioExport() *cobra.Command {
	return &cobra.Command{
		Use: "export NAME FOLDER", Short: "Write a scenario as a folder without Go, to be changed and played",
		ValidArgsFunction: completeScenarios,
		Long: `Export writes a scenario into a folder: a story.yaml with all that its literal in Go says, its
manifests, and the JSON Schema of story.yaml, by which editors complete it. The folder is made, or is empty.`,
		Example: "  canarylab scenario export label-mismatch ./my-label-mismatch",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usage("%s wants the name of a scenario and a folder, got %q", cmd.CommandPath(), args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := scenarios.Find(args[0])
			if err != nil {
				return usage("%w", err)
			}
			files, err := story.Files(s)
			if err != nil {
				return err
			}
			written, err := story.Write(args[1], files)
			if errors.Is(err, story.ErrNotEmpty) {
				return usage("%w: nothing was written", err)
			}
			if err != nil {
				return err
			}
			return printStory(cmd.OutOrStdout(), args[1], written, "It is played as the catalogue's is.")
		},
	}
}

func newScenarioSchema() *cobra.Command {
	var canary bool
	cmd := &cobra.Command{
		Use: "schema", Short: "Print the JSON Schema of a story.yaml, for editors", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			schema := story.JSON
			if canary {
				schema = story.CanarySchema
			}
			_, err := cmd.OutOrStdout().Write(schema)
			return err
		},
	}
	cmd.Flags().BoolVar(&canary, "canary", false, "that of a canary.yaml, which is for canarylab test")
	return cmd
}

// newStory writes a story without Go.
func newStory(w io.Writer, folder, title string) error {
	written, err := authoring.Story(folder, title)
	if errors.Is(err, authoring.ErrName) {
		return usage("%w", err)
	}
	if err != nil {
		return fmt.Errorf("nothing was written: %w", err)
	}
	return printStory(w, folder, written, "It runs and passes as it is.")
}

// printStory says what was written, and what to do with it.
func printStory(w io.Writer, folder string, written []string, lead string) error {
	if !strings.ContainsRune(folder, filepath.Separator) {
		folder = "./" + folder
	}
	_, err := fmt.Fprintf(w, `%s

%s Change it into your story, then:
  canarylab scenario check %[3]s   finds mistakes, with their lines
  canarylab scenario run %[3]s   plays it on a mesh
  canarylab scenario describe %[3]s   tells what it does and claims
`, strings.Join(written, "\n"), lead, folder)
	return err
}
