package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/reports/format"
)

// namespaceVariable names the namespace that kubectl and istioctl mean. Their flags are their own.
const namespaceVariable = "CANARYLAB_NAMESPACE"

// newTool is a program of Kubernetes or Istio, as the lab has it.
func newTool(g *global, name string) *cobra.Command {
	return &cobra.Command{
		Use: name + " [ARGS...]", Short: "Call the lab's own " + name + " for the running cluster",
		Long: "Calls " + name + ` of the same version as the running cluster, with the cluster's kubeconfig. The first
call may build it, which takes a minute or two. Where no namespace is named, it means that of the scenario that is being
played, or the one in the variable ` + namespaceVariable + `.

All arguments are its own, so the cluster is chosen by variables: CLUSTER, CANARYLAB_NAME and the others that
the flags of canarylab name. Only --learner K, in front of them all, is canarylab's: it means the namespace of that
learner of a class, as ` + learnerVariable + ` does.`,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			learner, args, err := learnerArgs(args)
			if err != nil {
				return err
			}
			if learner == "" && asksForHelp(args) {
				return help(cmd, g, name, args)
			}
			namespace, err := learnersNamespace(cmd.Context(), g, learner)
			if err != nil {
				return err
			}
			clients, err := openClients(cmd.Context(), g, cmp.Or(namespace, os.Getenv(namespaceVariable)), name)
			if err != nil {
				return err
			}
			return clients.Exec(name, args...)
		},
	}
}

// asksForHelp tells whether a program of Kubernetes or Istio is asked only what it can do.
func asksForHelp(args []string) bool {
	own, _, _ := strings.Cut(strings.Join(args, "\n")+"\n", "\n--\n") // what follows is another program's
	return len(args) > 0 && args[0] == "help" || slices.ContainsFunc(strings.Split(own, "\n"), func(arg string) bool {
		return arg == "--help" || arg == "-h"
	})
}

// help has a program say what it can do, which takes no namespace. What canarylab adds is told too, also where there is
// no cluster whose program could be asked.
func help(cmd *cobra.Command, g *global, name string, args []string) error {
	if len(args) == 1 && args[0] != "help" {
		fmt.Fprintf(cmd.OutOrStdout(), "%s\n\n", cmd.Long)
	}
	clients, err := openClients(cmd.Context(), g, "default", name)
	if err != nil {
		return err
	}
	return clients.Exec(name, args...)
}

// newShell is a shell with both programs.
func newShell(g *global) *cobra.Command {
	var namespace, learner string
	cmd := &cobra.Command{
		Use: "shell [-- COMMAND [ARGS...]]", Short: "Start a shell whose kubectl and istioctl are the lab's own",
		Long: `Shell starts $SHELL, or a command in its place. There kubectl and istioctl are those of the running
cluster, set to the namespace of the scenario that is being played. The first call may build them. Nothing of your own
kubeconfig is read or changed.`,
		Example: "  canarylab shell\n  canarylab shell -- sh -c 'kubectl get pods && istioctl proxy-status'",
		RunE: func(cmd *cobra.Command, args []string) error {
			of, err := learnersNamespace(cmd.Context(), g, learner)
			if err != nil {
				return err
			}
			clients, err := openClients(cmd.Context(), g, cmp.Or(of, namespace), lab.Kubectl, lab.Istioctl)
			if err != nil {
				return err
			}
			if len(args) > 0 {
				return clients.Exec(args[0], args[1:]...)
			}
			fmt.Fprintf(os.Stderr, "kubectl and istioctl are those of cluster %q, in namespace %s; exit leaves\n",
				format.Printable(clients.Cluster), cmp.Or(clients.Namespace, "default"))
			return clients.Exec(cmp.Or(os.Getenv("SHELL"), "sh"))
		},
	}
	cmd.Flags().StringVar(&namespace, "namespace", os.Getenv(namespaceVariable),
		"namespace to mean where none is named (default: that of the scenario that is being played; environment: "+
			namespaceVariable+")")
	learnerFlag(cmd, &learner)
	return cmd
}

// openClients finds the programs, and builds those that are missing.
func openClients(ctx context.Context, g *global, namespace string, names ...string) (*lab.Clients, error) {
	d := newDisplay(os.Stderr)
	defer d.Close()
	o := g.Options
	o.Progress = d
	return lab.OpenClients(ctx, o, namespace, names...)
}
