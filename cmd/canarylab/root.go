package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/lab"
)

// global are the flags that every command has.
type global struct {
	lab.Options
}

func newRoot() *cobra.Command {
	g := global{lab.FromEnv()}
	root := &cobra.Command{
		Use:   "canarylab",
		Short: "See what an Istio canary deployment really does",
		Long: `canarylab stands up a Kubernetes cluster with Istio on this machine, deploys a service in two versions,
sends load through its sidecars, plays one canary story (a scenario) and reports what really happened:
the observed split, every 503 with its cause, and how long a rollback took.

Exit codes: 0 as claimed, 1 the lab broke, 64 usage, 65 a report is not what its trace says, 69 no cluster can be
had, 75 inconclusive or invalid, 99 an expectation failed, 130 interrupted.`,
		SilenceErrors: true, SilenceUsage: true,
		Version: lab.Version(),
	}
	settingFlags(root.PersistentFlags(), &g, false)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%w; see %s --help", err, cmd.CommandPath())
	})
	root.AddCommand(
		newUp(&g), newDown(&g), newStatus(&g), newDoctor(&g), newKubeconfig(&g), newTool(&g, lab.Kubectl),
		newTool(&g, lab.Istioctl), newShell(&g), newLogs(&g), newNodeImage(&g), newRBAC(&g), newScenario(&g),
		newDemo(&g), newTest(&g), newTrain(&g), newCourse(), newArtifacts(&g), newReport(), newCompare(),
		newBundle(), newVerify(), newReplay(), newTrace(), newVersion(),
	)
	return root
}

// settingFlags adds the flags of the lab's settings: those for commands that may bring a cluster up, or the others.
func settingFlags(flags *pflag.FlagSet, g *global, bringsUp bool) {
	for _, s := range g.Settings() {
		if s.BringsUp != bringsUp {
			continue
		}
		help, parenthesis := strings.CutSuffix(s.Usage, ")")
		help += map[bool]string{true: "; ", false: " ("}[parenthesis] + "environment: " + s.Variable()
		if s.Yes != nil {
			flags.BoolVar(s.Yes, s.Flag, *s.Yes, help+"=1)")
		} else {
			flags.StringVar(s.Text, s.Flag, *s.Text, help+")")
		}
	}
}

// usage is an error about how the program was called.
func usage(format string, args ...any) error {
	return fmt.Errorf("%w: %w", cluster.ErrUsage, fmt.Errorf(format, args...))
}

// noArgs refuses arguments, as a usage error.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("%s takes no argument, got %q", cmd.CommandPath(), args)
	}
	return nil
}

// output is the -o flag of commands that read.
type output string

func (o *output) add(cmd *cobra.Command) {
	cmd.Flags().StringVarP((*string)(o), "output", "o", "text", "output format: text or json")
}

// print writes v as JSON, or calls text.
func (o output) print(w io.Writer, v any, text func(io.Writer) error) error {
	switch o {
	case "text":
		return text(w)
	case "json":
		return writeJSON(w, v)
	}
	return usage("output format %q is neither text nor json", string(o))
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// printLine prints the one line that a command is for, unless err is set.
func printLine(cmd *cobra.Command, line string, err error) error {
	if err == nil {
		_, err = fmt.Fprintln(cmd.OutOrStdout(), line)
	}
	return err
}

// printTable prints rows in columns.
func printTable(w io.Writer, rows ...[]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	return t.Flush()
}

// isTerminal tells whether f is one that moves its cursor and shows colors.
func isTerminal(f *os.File) bool {
	return term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// colored tells whether f is to get colors (no-color.org).
func colored(f *os.File) bool { return isTerminal(f) && os.Getenv("NO_COLOR") == "" }
