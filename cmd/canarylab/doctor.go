package main

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/canarylab/canarylab/harness/artifacts"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/harness/mesh"
)

// finding is one thing that doctor looked at.
type finding struct {
	What string `json:"what"`
	OK   bool   `json:"ok"`
	// Detail says what was found, or what is wrong and what to do.
	Detail string `json:"detail,omitempty"`
}

func newDoctor(g *global) *cobra.Command {
	var o output
	var packages, home bool
	cmd := &cobra.Command{
		Use: "doctor", Short: "Tell whether this machine can run a cluster, and what it lacks", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case packages:
				tools, _, err := lab.Tools(cmd.Context(), g.Options)
				return printLine(cmd, strings.Join(artifacts.MissingPackages(tools), " "), err)
			case home:
				dir, err := lab.Home()
				return printLine(cmd, dir, err)
			}
			findings := []finding{}
			healthy := true
			add := func(what string, err error, detail string) {
				if err != nil {
					healthy, detail = false, err.Error()
				}
				findings = append(findings, finding{what, err == nil, detail})
			}
			for _, c := range lab.Checks(cmd.Context(), g.Options) {
				add(c.Cluster+" cluster", c.Err, c.Detail)
			}
			tools, built, err := lab.Tools(cmd.Context(), g.Options)
			if err != nil || built {
				add("artifacts", err, "all that every run needs is built: canarylab artifacts list")
			}
			for _, t := range tools {
				err := t.Err
				if err != nil {
					err = fmt.Errorf("needed for %s; Debian: apt-get install %s (%w)", t.For, t.Package, t.Err)
				}
				add(t.Name, err, "for "+t.For)
			}
			home, err := lab.Home()
			add("home folder", err, home)
			if err == nil {
				free, err := lab.FreeSpace(home, built)
				add("free space", err, fmt.Sprintf("%.1f GB in %s", float64(free)/1e9, home))
			}
			source, err := lab.Source()
			if errors.Is(err, lab.ErrNoClone) {
				source, err = "those that canarylab "+lab.Version()+" carries", nil
			}
			add("sources", err, source)
			err = o.print(cmd.OutOrStdout(), findings, func(w io.Writer) error { return printFindings(w, findings) })
			if err == nil && !healthy {
				err = fmt.Errorf("%w: see above", lab.ErrUnavailable)
			}
			return err
		},
	}
	o.add(cmd)
	cmd.Flags().BoolVar(&packages, "packages", false, "print only the names of the Debian packages that are missing")
	cmd.Flags().BoolVar(&home, "home", false, "print only the folder that caches and state are kept in")
	return cmd
}

func printFindings(w io.Writer, findings []finding) error {
	var rows [][]string
	for _, f := range findings {
		mark := map[bool]string{true: "ok", false: "MISSING"}[f.OK]
		rows = append(rows, []string{mark, f.What, f.Detail})
	}
	return printTable(w, rows...)
}

// versions is what runs, and what it was made with.
type versions struct {
	Canarylab string `json:"canarylab"`
	Istio     string `json:"istio"`
	Envoy     string `json:"envoy"`
	Go        string `json:"go"`
	Platform  string `json:"platform"`
}

func newVersion() *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use: "version", Short: "Print the versions of canarylab and of what it runs", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := versions{
				lab.Version(), mesh.Version(), artifacts.EnvoyVersion(), runtime.Version(),
				runtime.GOOS + "/" + runtime.GOARCH,
			}
			return o.print(cmd.OutOrStdout(), v, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "canarylab %s\nIstio     %s\nEnvoy     %s\nGo        %s %s\n", v.Canarylab,
					v.Istio, v.Envoy, v.Go, v.Platform)
				return err
			})
		},
	}
	o.add(cmd)
	return cmd
}
