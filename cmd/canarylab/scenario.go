package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/authoring"
	"github.com/canarylab/canarylab/harness/describe"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/harness/story"
	"github.com/canarylab/canarylab/reports/text"
	"github.com/canarylab/canarylab/scenarios"
)

func newScenario(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "scenario", Short: "List, describe, run and write canary stories"}
	cmd.AddCommand(newScenarioList(), newScenarioDescribe(), newScenarioRun(g), newScenarioCheck(), newScenarioNew(),
		newScenarioExport(), newScenarioSchema(), newScenarioDocs())
	return cmd
}

// summary is a scenario in a list.
type summary struct {
	Name   string   `json:"name"`
	Title  string   `json:"title"`
	Labels []string `json:"labels,omitempty"`
	// API is by which API's routes it is played, OnlyIstio why not by HTTPRoutes.
	API       string `json:"api"`
	OnlyIstio string `json:"onlyIstio,omitempty"`
}

func newScenarioList() *cobra.Command {
	var o output
	var names bool
	var label string
	cmd := &cobra.Command{
		Use: "list", Short: "List the scenarios", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := labeled(label)
			if err != nil {
				return err
			}
			var all []summary
			for _, s := range list {
				one := summary{Name: s.Name, Title: s.Title, Labels: s.Labels, API: describe.API(s)}
				if !s.HasTwin() {
					one.OnlyIstio = s.OnlyIstio
				}
				all = append(all, one)
			}
			return o.print(cmd.OutOrStdout(), all, func(w io.Writer) error {
				var rows [][]string
				for _, s := range all {
					row := []string{s.Name, s.API, s.Title}
					if names {
						row = row[:1]
					}
					rows = append(rows, row)
				}
				return printTable(w, rows...)
			})
		},
	}
	o.add(cmd)
	cmd.Flags().BoolVar(&names, "names", false, "print only the names")
	labelFlag(cmd, &label)
	return cmd
}

// labelFlag adds the flag that selects scenarios.
func labelFlag(cmd *cobra.Command, label *string) {
	help := fmt.Sprintf("only scenarios with this label: %s or %s", harness.Core, harness.Slow)
	cmd.Flags().StringVar(label, "label", "", help)
}

// labeled are the scenarios with a label.
func labeled(label string) ([]harness.Scenario, error) {
	all, err := scenarios.Labeled(label)
	if err != nil {
		return nil, usage("%w", err)
	}
	return all, nil
}

func newScenarioDescribe() *cobra.Command {
	var o output
	var api string
	cmd := &cobra.Command{
		Use: "describe NAME|FOLDER", Short: "Tell what a scenario does and claims", Args: oneScenario,
		ValidArgsFunction: completeScenarios,
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := playedBy([]string{args[0]}, "", api)
			if err != nil {
				return err
			}
			s := list[0]
			if o == "md" {
				return describe.Page(cmd.OutOrStdout(), s)
			}
			d := describe.Of(s)
			return o.print(cmd.OutOrStdout(), d, func(w io.Writer) error {
				return describe.Text(w, d, textOptions().Width)
			})
		},
	}
	o.add(cmd)
	apiFlag(cmd, &api)
	cmd.Flags().Lookup("output").Usage = "output format: text, json, or md for the page of the documentation"
	return cmd
}

func newScenarioDocs() *cobra.Command {
	return &cobra.Command{
		Use: "docs", Short: "Bring the documentation of the scenarios in the source tree up to date", Args: noArgs,
		Long: `Docs writes the tables of docs/scenarios.md and the page of each scenario (docs/scenarios) anew, as the
scenarios are, and says which of them changed. The table of results is that of the newest run of all
scenarios in reports/out, if there is one.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			source, err := lab.Source()
			if err != nil {
				return usage("%w", err)
			}
			changed, err := describe.Write(source, scenarios.All())
			for _, path := range changed {
				fmt.Fprintln(cmd.OutOrStdout(), path)
			}
			return err
		},
	}
}

// chosen are the scenarios that were named, or those with a label where none was.
func chosen(names []string, label string) ([]harness.Scenario, error) {
	if len(names) == 0 {
		return labeled(label)
	}
	var list []harness.Scenario
	for _, name := range names {
		s, err := find(name)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// apiFlag adds the flag that has scenarios played by another API's routes.
func apiFlag(cmd *cobra.Command, api *string) {
	cmd.Flags().StringVar(api, "api", os.Getenv(scenarios.APIVariable), "play by the routes of another API than the "+
		"scenario's own: gateway, for HTTPRoutes of the Gateway API")
}

// playedBy are the scenarios that were named, or those with a label where none was, as an API plays them. One that was
// named and can't be played by it is a usage error that says why; of a label such ones are left out, which is said.
func playedBy(names []string, label, api string) ([]harness.Scenario, error) {
	all, err := chosen(names, label)
	if err != nil {
		return nil, err
	}
	list, left, err := scenarios.Play(all, api)
	switch {
	case err != nil:
		return nil, usage("--api: %w", err)
	case len(left) > 0 && len(names) > 0:
		_, err := scenarios.Twin(left[0])
		return nil, usage("--api %s: %w", api, err)
	}
	for _, s := range left {
		fmt.Fprintf(os.Stderr, "%s is left out: %s\n", s.Name, s.OnlyIstio)
	}
	return list, nil
}

// textOptions are those of the terminal. A file or a pipe gets the same text everywhere: in UTF-8, without colors,
// 100 columns wide.
func textOptions() text.Options {
	o := text.Options{Color: colored(os.Stdout)}
	if width, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
		o.Width, o.ASCII = width, !utf8Locale(os.Getenv)
	}
	return o
}

// utf8Locale tells whether a terminal takes UTF-8, which it does unless the locale says otherwise: many containers set
// no locale, and terminals of today take it.
func utf8Locale(env func(string) string) bool {
	locale := strings.ToLower(cmp.Or(env("LC_ALL"), env("LC_CTYPE"), env("LANG")))
	return locale == "" || strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
}

// find is the scenario that an argument means: that of a name, or a story without Go by its folder.
func find(name string) (harness.Scenario, error) {
	s, err := scenarios.Find(name)
	if err == nil {
		if story.Is(name) {
			fmt.Fprintf(os.Stderr, "%s is the catalogue's; the story in the folder here is ./%[1]s\n", name)
		}
		return s, nil
	}
	if story.Is(name) {
		return readStory(name)
	}
	if source, noSource := lab.Source(); noSource == nil && authoring.Exists(source, name) {
		return s, usage("%w; the source tree has it, and this program was built before: make build", err)
	}
	return s, usage("%w", err)
}

// oneScenario wants one argument.
func oneScenario(cmd *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	const wants = "%s wants the name of one scenario, or the folder of a story, got %q; canarylab scenario list " +
		"shows the names"
	return usage(wants, cmd.CommandPath(), args)
}

func completeScenarios(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	if strings.HasPrefix(typed, ".") || strings.Contains(typed, "/") {
		return nil, cobra.ShellCompDirectiveFilterDirs
	}
	var names []string
	for _, s := range scenarios.All() {
		names = append(names, cobra.CompletionWithDesc(s.Name, s.Title))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
