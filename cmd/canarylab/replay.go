package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/spf13/cobra"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/page"
	"github.com/canarylab/canarylab/reports/replay"
	"github.com/canarylab/canarylab/reports/trace"
)

func newReplay() *cobra.Command {
	var listen, out string
	speed := 1.0
	cmd := &cobra.Command{
		Use: "replay [RUN]", Short: "Show a recorded run on the live page, without a cluster",
		Long: `Replay plays the run in a folder below reports/out, or in a bundle of one, on the page that
canarylab scenario run --live shows; without RUN the newest one. It prints the page's address, and serves it on
this machine alone until Enter or Ctrl-C. The page can pause, jump to a phase, and change the speed.

Of a run that was killed it shows what was recorded, and makes the report first, as canarylab verify does.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("%s takes one run's folder or bundle, got %q", cmd.CommandPath(), args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if err := replay.CheckSpeed(speed); err != nil {
				return usage("--speed: %w", err)
			}
			dir, run, done, err := openAsked(cmd, args, out)
			defer func() { err = errors.Join(err, done()) }()
			if err != nil {
				return err
			}
			printProblems(cmd.ErrOrStderr(), run)
			return playAgain(cmd, run, dir, listen, speed)
		},
	}
	cmd.Flags().Float64Var(&speed, "speed", 1, fmt.Sprintf("how fast, above 0 and up to %d", replay.MaxSpeed))
	outFlag(cmd, &out, "folder with the runs' folders")
	listenFlag(cmd, &listen)
	return cmd
}

// playAgain serves the page of a recorded run, which was asked for as name, until somebody ends it.
func playAgain(cmd *cobra.Command, run *reports.Run, name, listen string, speed float64) error {
	path, err := trace.Find(run.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return usage("%s has no trace: there is nothing to play again", name)
	}
	if err != nil {
		return err
	}
	board := page.NewBoard(nil)
	player, err := replay.New(trace.FileSource(path), run.Report, board, speed)
	if err != nil {
		return err
	}
	bar, err := player.Panel()
	if err != nil {
		return err
	}
	ctx, end := context.WithCancel(cmd.Context())
	defer end()
	server, err := servePage(ctx, page.Options{
		Listen: listen, Board: board, Panels: []page.Panel{bar}, Commands: player.Commands(),
	})
	if err != nil {
		return err
	}
	// What was unpacked is removed only when nobody reads it any more.
	var parts sync.WaitGroup
	var played, told error
	parts.Go(func() { played = player.Run(ctx) })
	parts.Go(func() { told = player.Report(ctx, server.Publish) })
	if err := printLine(cmd, server.URL(), nil); err == nil {
		stay(ctx, cmd.ErrOrStderr(), "The replay of "+format.Printable(run.Report.Scenario)+" is on that page", true)
	}
	end()
	parts.Wait()
	return errors.Join(played, told, server.Close())
}
