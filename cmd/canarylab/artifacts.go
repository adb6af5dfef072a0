package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/lab"
)

func newArtifacts(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "artifacts", Short: "Share what was built with other machines",
		Long: `Artifacts are what the lab builds before its first run: Kubernetes, its own programs, and images.
Building them takes a compiler and some 20 minutes; having them from a machine that did takes neither.

Each has a key, a digest of all that it is built from: a canarylab of another version finds none of another one's.`,
	}
	cmd.AddCommand(newArtifactsList(g), newArtifactsBuild(g), newArtifactsPush(g), newArtifactsPull(g),
		newArtifactsExport(g), newArtifactsImport(g))
	return cmd
}

func newArtifactsList(g *global) *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use: "list", Short: "List what this version needs, and what of it is here", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := lab.Artifacts(cmd.Context(), g.Options)
			if err != nil {
				return err
			}
			return printArtifacts(cmd, o, all)
		},
	}
	o.add(cmd)
	return cmd
}

func newArtifactsBuild(g *global) *cobra.Command {
	var o output
	var all bool
	cmd := &cobra.Command{
		Use: "build", Short: "Build what every run needs, without a cluster and without root", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return sharing(cmd, g, o, g.Artifacts, func(ctx context.Context, o lab.Options) ([]lab.Artifact, error) {
				return lab.Build(ctx, o, all)
			})
		},
	}
	o.add(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "also what few scenarios and commands need")
	return cmd
}

func newArtifactsPush(g *global) *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use: "push REPOSITORY", Short: "Bring what is built here to a repository in a registry",
		Args: one("a repository"),
		Long: `Push brings all that is built to a repository in an OCI registry, with the credentials that Docker would
use, but for what is there. Each artifact gets a tag of its own, its name and key.

At the end it prints the repository with a digest. Whoever pulls by that gets these artifacts or none, whatever
becomes of the tags.`,
		Example: "  canarylab artifacts build && canarylab artifacts push registry.example.com/team/canarylab",
		RunE: func(cmd *cobra.Command, args []string) error {
			var digest string
			push := func(ctx context.Context, o lab.Options) (all []lab.Artifact, err error) {
				all, digest, err = lab.Push(ctx, o)
				return all, err
			}
			err := sharing(cmd, g, o, args[0], push)
			if err == nil {
				fmt.Fprintf(os.Stderr, "\nTo have them elsewhere: canarylab artifacts pull %s\n"+
					"Exactly these:          canarylab artifacts pull %[1]s@%s\n", args[0], digest)
			}
			return err
		},
	}
	o.add(cmd)
	return cmd
}

func newArtifactsPull(g *global) *cobra.Command {
	var o output
	var all bool
	cmd := &cobra.Command{
		Use: "pull REPOSITORY[@DIGEST]", Short: "Get what is built from a repository in a registry",
		Args: one("a repository"),
		Long: `Pull gets what every run needs and is not here, and checks it by digests before it takes its place.
What the repository lacks is built by the first run that needs it.

CANARYLAB_ARTIFACTS=REPOSITORY, or --artifacts of the commands that bring a cluster up, does the same on the way.`,
		Example: "  canarylab artifacts pull registry.example.com/team/canarylab",
		RunE: func(cmd *cobra.Command, args []string) error {
			return getting(cmd, g, o, args[0], func(ctx context.Context, o lab.Options) ([]lab.Artifact, error) {
				return lab.Pull(ctx, o, all)
			})
		},
	}
	o.add(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "also what few scenarios and commands need")
	return cmd
}

func newArtifactsExport(g *global) *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use: "export FILE", Short: "Write what is built here to a file, for a machine without network",
		Args: one("a file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return sharing(cmd, g, o, "", func(ctx context.Context, o lab.Options) ([]lab.Artifact, error) {
				return lab.Export(ctx, o, args[0])
			})
		},
	}
	o.add(cmd)
	return cmd
}

func newArtifactsImport(g *global) *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use: "import FILE", Short: "Get what is built from a file that export wrote", Args: one("a file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return getting(cmd, g, o, "", func(ctx context.Context, o lab.Options) ([]lab.Artifact, error) {
				return lab.Import(ctx, o, args[0])
			})
		},
	}
	o.add(cmd)
	return cmd
}

// one wants one argument, which what names.
func one(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usage("%s wants %s, got %q", cmd.CommandPath(), what, args)
		}
		return nil
	}
}

// exchange is what brings artifacts somewhere, or gets them.
type exchange func(context.Context, lab.Options) ([]lab.Artifact, error)

// sharing calls do with the options of g and a repository, and prints the artifacts that it returns.
func sharing(cmd *cobra.Command, g *global, o output, repository string, do exchange) error {
	d := newDisplay(os.Stderr)
	options := g.Options
	options.Progress, options.Artifacts = d, repository
	all, err := do(cmd.Context(), options)
	d.Close()
	if err != nil {
		return err
	}
	return printArtifacts(cmd, o, all)
}

// getting is sharing where what every run needs is to be here in the end.
func getting(cmd *cobra.Command, g *global, o output, repository string, do exchange) error {
	var missing []string
	err := sharing(cmd, g, o, repository, func(ctx context.Context, o lab.Options) ([]lab.Artifact, error) {
		all, err := do(ctx, o)
		missing = lab.Missing(all)
		return all, err
	})
	if err == nil && len(missing) > 0 {
		return fmt.Errorf("%w: %s of this version is not there, and will be built by the first run; canarylab "+
			"artifacts push or export, on a machine that built it, brings it there", cluster.ErrNotFound,
			strings.Join(missing, ", "))
	}
	return err
}

func printArtifacts(cmd *cobra.Command, o output, all []lab.Artifact) error {
	return o.print(cmd.OutOrStdout(), all, func(w io.Writer) error {
		rows := [][]string{{"NAME", "KEY", "HERE", "MB", "NEEDED BY", "FOR"}}
		for _, a := range all {
			here, mb := "no", ""
			if a.Dir != "" {
				here, mb = "yes", fmt.Sprintf("%.1f", float64(a.Bytes)/1e6)
			}
			if a.Fetched {
				here = "fetched"
			}
			rows = append(rows, []string{a.Name, a.Key, here, mb, a.Need, a.For})
		}
		return printTable(w, rows...)
	})
}
