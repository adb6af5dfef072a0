package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/harness/lab/labrun"
	"github.com/canarylab/canarylab/harness/training"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/render"
	"github.com/canarylab/canarylab/scenarios/missions"
)

// A coach is the command that begins a mission and stays until it is over.
type coach struct {
	*global
	training.Options
	out, listen string
	json        bool
}

func newTrain(g *global) *cobra.Command {
	c := coach{global: g}
	cmd := &cobra.Command{
		Use: "train [NAME]", Short: "Break something, and judge by the traffic whether somebody mends it",
		Long: "Train plays a mission on the running cluster, or brings one up first: " +
			`a service that is well and under load,
in which something breaks after a while. Mend it with kubectl from another terminal. The judge goes by the
requests alone: no request fails, and each version has the share that it is asked to have. Without a name
one of the missions is drawn, and its name is told at the end.

It stays in the foreground until the mission is mended, given up, or out of time. The other commands are for
another terminal, at the same time.`,
		ValidArgsFunction: completeMissions,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("%s wants the name of one mission or none, got %q", cmd.CommandPath(), args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("seed") {
				c.Seed = newSeed()
			}
			mission, err := drawn(args, c.Seed)
			if err != nil {
				return err
			}
			if err := c.check(mission); err != nil {
				return err
			}
			return c.train(cmd, mission)
		},
	}
	c.flags(cmd)
	cmd.Flags().BoolVar(&c.json, "json", false, "talk lines of JSON on standard input and output (docs/training.md)")
	cmd.AddCommand(newTrainList(), newTrainDiagnose(g), newTrainClass(g), newTrainGameDay(g))
	for _, o := range []struct{ do, short string }{
		{training.DoStatus, "Tell how the mission stands, by the traffic"},
		{training.DoHint, "Give the next hint: where, what, which command; each costs more time"},
		{training.DoExplain, "Tell what was written, and what became of the requests"},
		{training.DoReset, "Bring the broken state back, take away what was added; it costs nothing, the clocks go on"},
		{training.DoGiveUp, "End the mission, and have it told what it was"},
	} {
		cmd.AddCommand(newTrainOrder(g, o.do, o.short))
	}
	return cmd
}

// flags adds the flags of every command that begins missions.
func (c *coach) flags(cmd *cobra.Command) {
	cmd.Flags().Uint64Var(&c.Seed, "seed", 0,
		"draws missions and the moments of their breaks (default: by chance, and told at the end)")
	cmd.Flags().DurationVar(&c.Bound, "for", training.DefaultBound, "how long there is from the break on")
	cmd.Flags().BoolVar(&c.Diagnose, "diagnose", false, "a mission is over only once it is diagnosed too")
	outFlag(cmd, &c.out, "folder for the run's own folder")
	listenFlag(cmd, &c.listen)
	settingFlags(cmd.Flags(), c.global, true)
}

// check refuses what no mission can be played with.
func (c *coach) check(all ...training.Mission) (err error) {
	if c.Bound < time.Minute || c.Bound > maxBound {
		return usage("--for %s is not %s to %s", c.Bound, time.Minute, maxBound)
	}
	for _, m := range all {
		if err := m.Check(); err != nil {
			return err
		}
	}
	c.out, err = outDir(c.out)
	return err
}

// maxBound is the longest mission: at 500 requests a second its trace has some 2 GB.
const maxBound = time.Hour

// newSeed makes up a seed that is short enough to be typed.
func newSeed() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	return binary.LittleEndian.Uint64(b[:]) % 1_000_000
}

// drawn is the mission that was named, or one by chance.
func drawn(names []string, seed uint64) (training.Mission, error) {
	if len(names) == 1 {
		m, err := missions.Find(names[0])
		if err != nil {
			return m, usage("%w", err)
		}
		return m, nil
	}
	all := missions.All()
	return all[mathrand.New(mathrand.NewPCG(seed, 1)).IntN(len(all))], nil
}

func completeMissions(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return missions.Names(), cobra.ShellCompDirectiveNoFileComp
}

// train plays a mission until it is over.
func (c coach) train(cmd *cobra.Command, m training.Mission) error {
	ctx := cmd.Context()
	path, err := socket(c.global, 0)
	if err != nil {
		return err
	}
	listening, err := training.Listen(ctx, path)
	if errors.Is(err, training.ErrUnderWay) {
		return usage("%w", err)
	}
	if err != nil {
		return err
	}
	t := &training.Trainer{Mission: m, Options: c.Options}
	keep(t, path)
	shown, err := newMissionPage(context.WithoutCancel(ctx), c.listen, "Mission", t)
	if err != nil {
		return err
	}
	defer shown.Close()
	t.Tap = shown.board
	fmt.Fprintf(os.Stderr, "The live page: %s\n", shown.URL())
	serve, stop := context.WithCancel(ctx)
	var serving sync.WaitGroup
	defer serving.Wait()
	defer stop()
	serving.Go(func() { listening.Serve(serve, t) })
	serving.Go(func() { shown.follow(serve, t) })
	out := training.NewLines(cmd.OutOrStdout())
	if c.json {
		// It ends with the program: nothing can make a read of standard input return.
		go func() {
			if err := training.Converse(serve, t, cmd.InOrStdin(), out); err != nil {
				fmt.Fprintln(os.Stderr, "canarylab:", err)
			}
		}()
	}
	var e training.Explanation
	var rep *reports.Report
	var dir string
	err = player{global: c.global}.onLab(ctx, func(ctx context.Context, l *lab.Lab, d *display) (err error) {
		t.Told = c.teller(d, l.Cluster().Kubeconfig(), out)
		e, rep, dir, err = labrun.Train(ctx, l, t, c.out, d)
		return err
	})
	if rep != nil {
		shown.board.Conclude(rep)
		err = errors.Join(err, c.told(cmd.OutOrStdout(), dir, e))
	}
	if err != nil {
		return err
	}
	advanceMission(e.Standing.Result, rep, dir)
	if !c.json {
		stay(ctx, os.Stderr, "The live page stays: "+shown.URL(), false)
	}
	if !e.Standing.Result.Mended {
		return outcomeError{reports.Fail}
	}
	return nil
}

// told tells what became of the mission, and keeps it in the run's folder.
func (c coach) told(w io.Writer, dir string, e training.Explanation) error {
	err := keepTold(dir, e)
	_, _, unrendered := render.All(dir)
	if !c.json {
		fmt.Fprintf(w, "\n%s", format.Printable(e.String()))
	}
	fmt.Fprintf(os.Stderr, "\nAll of it is in %s\n", dir)
	return errors.Join(err, unrendered)
}

// keepTold keeps what is told of a mission in its run's folder.
func keepTold(dir string, e training.Explanation) error {
	if err := os.WriteFile(filepath.Join(dir, explanationFile), []byte(e.String()), 0o644); err != nil {
		return fmt.Errorf("keep what was told of the mission: %w", err)
	}
	return nil
}

// explanationFile has what was told at the end, in the run's folder.
const explanationFile = "training.txt"

// teller tells what happens, for people or as lines.
func (c coach) teller(d *display, kubeconfig string, out *training.Lines) func(training.Event) {
	if c.json {
		return func(e training.Event) {
			if e.Event == "ready" {
				e.Kubeconfig = kubeconfig
			}
			if err := out.Write(e); err != nil {
				d.Say("nobody reads: %v", err)
			}
		}
	}
	return func(e training.Event) {
		switch e.Event {
		case "ready":
			d.Say("It is under load, and well: %s.", e.Task)
			d.Say("Something will break. Mend it: callers have to be served like this again. In another terminal:")
			d.Say("    canarylab shell    (with kubectl and istioctl, in namespace %s of %s)", e.Namespace, kubeconfig)
			d.Say("    kubectl get pods,services,virtualservices,destinationrules")
			d.Say("    kubectl logs deploy/load-client -c istio-proxy")
			d.Say("    canarylab train status | hint | diagnose | explain | reset | give-up")
		case "state":
			d.Say("%s: %s", e.State.Verdict, e.State.Text)
		case "stopped":
			d.Say("%s", e.Text)
		}
	}
}
