package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/lab"
)

// openLab brings the lab up, or finds it running, and waits until it is at rest.
func openLab(ctx context.Context, g *global, p *progress) (*lab.Lab, error) {
	l, err := lab.Open(ctx, lab.Options{Cluster: g.kind, Name: g.name, Progress: p})
	if err != nil {
		return nil, err
	}
	return l, l.Settle()
}

func newUp(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "up", Short: "Bring a cluster with Istio up, and leave it running", Args: noArgs,
		Long: "Up builds what is missing (once), brings a cluster with Istio up and leaves it running.\nA cluster that runs already is found and completed.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			p := newProgress(os.Stderr)
			l, err := openLab(cmd.Context(), g, p)
			p.Close()
			if err != nil {
				return err
			}
			c := l.Cluster()
			fmt.Fprintf(os.Stderr, "\nCluster %q is running. It is %s: %s.\n", c.Name(), c.Provider(), l.Why())
			down := "canarylab down"
			if c.Name() != lab.DefaultName {
				down += " --name " + c.Name()
			}
			fmt.Fprintf(os.Stderr, "  kubectl --kubeconfig %s get pods -A\n  %s\n", c.Kubeconfig(), down)
			return nil
		},
	}
}

func newDown(g *global) *cobra.Command {
	var keep bool
	cmd := &cobra.Command{
		Use: "down", Short: "Remove a cluster and everything that was made for it", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p := newProgress(os.Stderr)
			defer p.Close()
			done := p.Step("down")
			err := lab.Down(cmd.Context(), lab.Options{Cluster: g.kind, Name: g.name}, keep)
			done(err)
			return err
		},
	}
	cmd.Flags().BoolVar(&keep, "keep-state", false, "stop the cluster, and keep what the next up can continue from")
	return cmd
}

func newStatus(g *global) *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use: "status", Short: "List the clusters on this machine", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			infos, err := lab.List(cmd.Context(), lab.Options{Cluster: g.kind})
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
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tCLUSTER\tSTATE\tDETAIL")
	for _, i := range infos {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", i.Name, i.Provider, i.State, i.Detail)
	}
	return t.Flush()
}

func newKubeconfig(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "kubeconfig", Short: "Print the path of a running cluster's kubeconfig", Args: noArgs,
		Example: "  kubectl --kubeconfig $(canarylab kubeconfig) get pods -A --show-labels",
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := lab.Kubeconfig(cmd.Context(), lab.Options{Cluster: g.kind, Name: g.name})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), path)
			return err
		},
	}
}
