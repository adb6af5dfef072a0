package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/images"
	"github.com/canarylab/canarylab/harness/routetest"
	"github.com/canarylab/canarylab/harness/standin"
)

func newTest(g *global) *cobra.Command {
	p := player{global: g, loadPods: 1}
	var namespace, comment string
	var from, expected []string
	var watch bool
	cmd := &cobra.Command{
		Use: "test PATH...", Short: "Play your own Istio manifests, and show where each rule's requests really go",
		Long: `Test applies your own manifests to the running cluster, or to one that it brings up first: Services,
VirtualServices, DestinationRules, Gateways, policies. None of your images is needed: the sample app stands
in for each workload, with its labels and ports. Each rule gets requests that meet it and requests that
just miss it, and the report says where they really went against what the YAML says, with intervals.

PATH is a file, a folder with all below it, a folder with a kustomization.yaml, or - for stdin:

    canarylab test k8s/
    helm template ./chart | canarylab test -

A canary.yaml beside the manifests, or --expect, says what you expect besides: cohorts, claims, phases. Its
schema is printed by canarylab scenario schema --canary.

With --from the manifests of another folder, or those of a revision of git, are there first. Yours replace
them under load in the order of kubectl apply, are taken back, and replace them in a safe order: the report
says what each cost, and how long the rollback took.

The exit code is 99 where a request went elsewhere than the YAML says, and 64 for manifests that can't be
played. The run's folder is like that of a scenario: canarylab report, compare, bundle and verify take it.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("%s wants the files or folders of your manifests, or - for stdin", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if p.out, err = outDir(p.out); err != nil {
				return err
			}
			w := tested{paths: args, from: from, expected: expected, namespace: namespace, comment: comment}
			if watch {
				return p.testOnSave(cmd, w)
			}
			return p.test(cmd, w)
		},
	}
	p.add(cmd)
	outFlag(cmd, &p.out, "folder for the run's own folder")
	cmd.Flags().StringArrayVar(&from, "from", nil, "what is there first, a path (may be repeated) or a revision of "+
		"git: yours replace it under load, and are taken back")
	cmd.Flags().StringArrayVar(&expected, "expect", nil, "what is expected besides what the YAML says: a canary.yaml, "+
		"or test cases of istio-config-validator or Envoy's router_check_tool (default: the canary.yaml beside PATH, "+
		"if there is one; may be repeated)")
	cmd.Flags().StringVar(&namespace, "namespace", "", "namespace of objects that name none (default: "+
		standin.DefaultNamespace+")")
	cmd.Flags().BoolVar(&p.keep, "keep", false, "leave what was applied, to look around in it")
	cmd.Flags().StringVar(&comment, "markdown", "", "file to write the report to as Markdown, for a comment")
	cmd.Flags().BoolVar(&watch, "watch", false, "play again whenever a file of them is saved, until Ctrl-C")
	fullFlag(cmd, &p.full)
	settingFlags(cmd.Flags(), g, true)
	return cmd
}

// tested is what a test is of.
type tested struct {
	paths, from, expected []string
	// namespace is for objects that name none, comment a file for the report as Markdown.
	namespace, comment string
}

// read makes the test. Where there is something before it, fresh is the same without that: all its proxies begin with
// what is written. files are those that were read for what is expected.
func (w tested) read(cmd *cobra.Command) (t, fresh *routetest.Test, files []string, err error) {
	wanted, err := expectations(cmd.Context(), w.expected, w.paths)
	if err != nil {
		return nil, nil, nil, err
	}
	files = wanted.Files()
	set, err := standin.Load(cmd.Context(), w.paths, cmd.InOrStdin(), files...)
	if err != nil {
		return nil, nil, files, err
	}
	name, title := testOf(w.paths)
	o := standin.Options{Image: images.SampleApp, Namespace: w.namespace}
	if len(w.from) == 0 {
		t, err = routetest.New(name, title, set, nil, o, wanted)
		return t, nil, files, err
	}
	before, err := loadBefore(cmd.Context(), w.from, w.paths, files)
	if err != nil {
		return nil, nil, files, fmt.Errorf("--from: %w", err)
	}
	if t, err = routetest.New(name, title, set, before, o, wanted); err != nil {
		return nil, nil, files, err
	}
	fresh, err = routetest.New(name, title, set, nil, o, wanted)
	return t, fresh, files, err
}

// test plays a test.
func (p player) test(cmd *cobra.Command, w tested) error {
	t, fresh, _, err := w.read(cmd)
	if err != nil {
		return inputError(err)
	}
	var anew *harness.Scenario
	if fresh != nil {
		anew = &fresh.Scenario
	}
	err = p.runTest(cmd, t.Scenario, anew, w.comment)
	if p.keep && cmd.Context().Err() == nil {
		fmt.Fprintf(os.Stderr, "What was applied stays until the next test of the same name, or until it is "+
			"deleted: canarylab kubectl delete namespace %s\n", strings.Join(t.Scenario.Namespaces(), " "))
	}
	return err
}

// inputError is a usage error where the manifests are what is wrong.
func inputError(err error) error {
	if errors.Is(err, standin.ErrInput) || errors.Is(err, routetest.ErrNothing) ||
		errors.Is(err, routetest.ErrExpectations) || errors.Is(err, errRevision) {
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
