package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/canarylab/canarylab/harness/images"
	"github.com/canarylab/canarylab/harness/routetest"
	"github.com/canarylab/canarylab/harness/standin"
)

func newTest(g *global) *cobra.Command {
	p := player{global: g, loadPods: 1}
	var namespace string
	var from []string
	cmd := &cobra.Command{
		Use: "test PATH...", Short: "Play your own Istio manifests, and show where each rule's requests really go",
		Long: `Test applies your own manifests to the running cluster, or to one that it brings up first: Services,
VirtualServices, DestinationRules, Gateways, policies. None of your images is needed: the sample app stands
in for each workload, with its labels and ports. Each rule gets requests that meet it and requests that
just miss it, and the report says where they really went against what the YAML says, with intervals.

PATH is a file, a folder with all below it, a folder with a kustomization.yaml, or - for stdin:

    canarylab test k8s/
    helm template ./chart | canarylab test -

With --from the manifests of another folder are there first. Yours replace them under load and are taken
back again: the report says what that cost, and how long the rollback took.

The exit code is 99 where a request went elsewhere than the YAML says, and 64 for manifests that can't be
played. The run's folder is like that of a scenario: canarylab report, compare, bundle and verify take it.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("%s wants the files or folders of your manifests, or - for stdin", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			set, err := standin.Load(cmd.Context(), args, cmd.InOrStdin())
			if err != nil {
				return inputError(err)
			}
			var before *standin.Set
			if len(from) > 0 {
				if before, err = standin.Load(cmd.Context(), from, cmd.InOrStdin()); err != nil {
					return inputError(fmt.Errorf("--from: %w", err))
				}
			}
			name, title := testOf(args)
			t, err := routetest.New(name, title, set, before, standin.Options{
				Image: images.SampleApp, Namespace: namespace,
			})
			if err != nil {
				return inputError(err)
			}
			if p.out, err = outDir(p.out); err != nil {
				return err
			}
			err = p.runOne(cmd, t.Scenario)
			if p.keep && cmd.Context().Err() == nil {
				fmt.Fprintf(os.Stderr, "What was applied stays until the next test of the same name, or until it is "+
					"deleted: canarylab kubectl delete namespace %s\n", strings.Join(t.Scenario.Namespaces(), " "))
			}
			return err
		},
	}
	p.add(cmd)
	outFlag(cmd, &p.out, "folder for the run's own folder")
	cmd.Flags().StringArrayVar(&from, "from", nil, "manifests that are there first: yours replace them under load, "+
		"and are taken back (may be repeated)")
	cmd.Flags().StringVar(&namespace, "namespace", "", "namespace of objects that name none (default: "+
		standin.DefaultNamespace+")")
	cmd.Flags().BoolVar(&p.keep, "keep", false, "leave what was applied, to look around in it")
	fullFlag(cmd, &p.full)
	settingFlags(cmd.Flags(), g, true)
	return cmd
}

// inputError is a usage error where the manifests are what is wrong.
func inputError(err error) error {
	if errors.Is(err, standin.ErrInput) || errors.Is(err, routetest.ErrNothing) {
		return usage("%w", err)
	}
	return err
}

// testOf names the test of some paths.
func testOf(paths []string) (name, title string) {
	first := paths[0]
	if abs, err := filepath.Abs(first); err == nil && first != "-" {
		first = abs
	}
	of := strings.Join(paths, ", ")
	if of == "-" {
		of = standin.Stdin
	}
	return routetest.Name(first), fmt.Sprintf("The routing rules of %s on a real mesh, against what the YAML says", of)
}
