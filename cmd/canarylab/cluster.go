package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/reports/format"
)

// openLab brings the lab up, or finds it running, and waits until it is at rest.
func openLab(ctx context.Context, g *global, p *display) (*lab.Lab, error) {
	o := g.Options
	o.Progress = p
	l, err := lab.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	return l, l.Settle()
}

func newUp(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "up", Short: "Bring a cluster with Istio up, and leave it running", Args: noArgs,
		Long: `Up builds what is missing (once), brings a cluster with Istio up and leaves it running.
A cluster that runs already is found and completed.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p := newDisplay(os.Stderr)
			l, err := openLab(cmd.Context(), g, p)
			p.Close()
			if err != nil {
				return err
			}
			c := l.Cluster()
			fmt.Fprintf(os.Stderr, "\nCluster %q is running. It is %s: %s.\n", c.Name(), c.Provider(), l.Why())
			fmt.Fprintf(os.Stderr, "  kubectl --kubeconfig %s get pods -A\n  %s", c.Kubeconfig(), l.DownCommand())
			if l.Borrowed() {
				fmt.Fprint(os.Stderr, "   (removes what the lab made there)")
			}
			fmt.Fprintln(os.Stderr)
			return nil
		},
	}
	settingFlags(cmd.Flags(), g, true)
	return cmd
}

func newDown(g *global) *cobra.Command {
	var keep bool
	cmd := &cobra.Command{
		Use: "down", Short: "Remove a cluster and everything that was made for it", Args: noArgs,
		Long: `Down removes a cluster that the lab made. On an existing cluster, which others use too, it removes
what is yours: the namespaces whose label canarylab.io/owner says so. It lists what is left of others. With --all it
removes theirs too, but for what they are playing.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p := newDisplay(os.Stderr)
			done := p.Step("down")
			err := lab.Down(cmd.Context(), g.Options, keep)
			done(err)
			p.Close()
			if err != nil || g.Existing.All {
				return err
			}
			left, err := lab.Tenants(cmd.Context(), g.Options)
			if len(left) > 0 {
				fmt.Fprintln(os.Stderr, "This is left, and not yours; canarylab down --all would remove what is not "+
					"played:")
			}
			for _, t := range left {
				fmt.Fprintln(os.Stderr, "  "+format.Printable(t.String()))
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&g.Existing.All, "all", false, "existing: remove what others have left there too")
	cmd.Flags().BoolVar(&keep, "keep-state", false, "stop the cluster, and keep what the next up can continue from")
	return cmd
}

func newStatus(g *global) *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use: "status", Short: "List the clusters on this machine", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			infos, err := lab.List(cmd.Context(), g.Options)
			if err != nil {
				return err
			}
			if infos == nil {
				infos = []cluster.Info{}
			}
			return o.print(cmd.OutOrStdout(), infos, func(w io.Writer) error { return printClusters(w, infos) })
		},
	}
	o.add(cmd)
	return cmd
}

func printClusters(w io.Writer, infos []cluster.Info) error {
	if len(infos) == 0 {
		_, err := fmt.Fprintln(w, "No cluster. canarylab up makes one.")
		return err
	}
	rows := [][]string{{"NAME", "CLUSTER", "STATE", "DETAIL"}}
	for _, i := range infos {
		rows = append(rows, []string{i.Name, i.Provider, i.State, i.Detail})
	}
	return printTable(w, rows...)
}

func newKubeconfig(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "kubeconfig", Short: "Print the path of a running cluster's kubeconfig", Args: noArgs,
		Example: "  kubectl --kubeconfig $(canarylab kubeconfig) get pods -A --show-labels",
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := lab.Kubeconfig(cmd.Context(), g.Options)
			return printLine(cmd, path, err)
		},
	}
}

func newLogs(g *global) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use: "logs", Short: "Export the logs of a cluster's node and of the lab's pods", Args: noArgs,
		Long: `Logs copies what the programs of the cluster's node logged, and what the pods of Istio and of the
scenarios logged, into a folder. It also works on a kind node that could not be brought up and was retained.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := filepath.Abs(out)
			if err != nil {
				return err
			}
			return printLine(cmd, dir, lab.Logs(cmd.Context(), g.Options, dir))
		},
	}
	cmd.Flags().StringVar(&out, "out", "canarylab-logs", "folder to write to")
	return cmd
}

func newNodeImage(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "node-image", Short: "Build the node image that kind uses where its own can't be had", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p := newDisplay(os.Stderr)
			o := g.Options
			o.Progress = p
			ref, err := lab.NodeImage(cmd.Context(), o)
			p.Close()
			return printLine(cmd, ref, err)
		},
	}
}

func newRBAC(g *global) *cobra.Command {
	var grant lab.Grant
	cmd := &cobra.Command{
		Use: "rbac", Short: "Print the rights that a run on an existing cluster needs, as a manifest", Args: noArgs,
		Long: `Rbac prints roles with the rights that a run needs, and a binding for each user. They are cluster-wide,
as a run makes its namespaces itself. With --namespaces they are for namespaces that an administrator has made, and
nothing is cluster-wide; runs then name the same namespaces.`,
		Example: `  canarylab rbac --user jane --user joe | kubectl apply -f -
  canarylab rbac --user jane --namespaces canary-1,canary-2 | kubectl apply -f -`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			grant.Namespaces, grant.IstioNamespace = g.Existing.MadeNamespaces(), g.Existing.IstioNamespace
			manifest, err := lab.RBAC(grant)
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(manifest)
			return err
		},
	}
	cmd.Flags().StringArrayVar(&grant.Users, "user", []string{"canarylab"},
		"who gets the rights: a user's name, or system:serviceaccount:NAMESPACE:NAME; may be given several times")
	return cmd
}
