package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/demo"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/reports/page"
)

func newDemo(g *global) *cobra.Command {
	p := player{global: g, loadPods: 1}
	var listen string
	cmd := &cobra.Command{
		Use: "demo NAME|FOLDER", Short: "Present a scenario: step by step, on a page with buttons", Args: oneScenario,
		ValidArgsFunction: completeScenarios,
		Long: `Demo plays a scenario as scenario run does, and leaves it to a page in your browser when the next step
comes: next and back, going on by itself, back to the beginning, and changes of your own by sliders. The page shows
what to type in place of each button, and has notes for the speaker. Its address has a token, and is printed first.

Finish ends the run. Then there is a report of it as of any other; it says which steps were left out.`,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			s, err := find(args[0])
			if err != nil {
				return err
			}
			if err := playable(s); err != nil {
				return err
			}
			if p.out, err = outDir(p.out); err != nil {
				return err
			}
			home, err := lab.Home()
			if err != nil {
				return err
			}
			// The page outlives an interrupted run, to say what became of it.
			ctx := context.WithoutCancel(cmd.Context())
			show, err := newDemoPage(ctx, s, filepath.Join(home, "demo", s.Name), listen)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, show.Close()) }()
			fmt.Fprintf(os.Stderr, "The page: %s\n", show.URL())
			p.live, p.pace = show.livePage, show.presenter
			err = p.runOne(cmd, s)
			if cmd.Context().Err() == nil {
				stay(cmd.Context(), os.Stderr, "The page stays: "+show.URL(), false)
			}
			return err
		},
	}
	p.add(cmd)
	outFlag(cmd, &p.out, "folder for the run's own folder")
	listenFlag(cmd, &listen)
	fullFlag(cmd, &p.full)
	settingFlags(cmd.Flags(), g, true)
	return cmd
}

// A demoPage is a live page with the buttons of a presenter.
type demoPage struct {
	*livePage
	presenter *demo.Presenter
}

// newDemoPage serves the page of a scenario that is to be presented. The files that its lines name are written to dir.
func newDemoPage(ctx context.Context, s harness.Scenario, dir, listen string) (*demoPage, error) {
	d := &demoPage{}
	d.presenter = demo.New(s, dir, d.publish)
	panels, err := d.presenter.Panels()
	if err != nil {
		return nil, err
	}
	d.livePage, err = newLivePage(ctx, page.Options{
		Listen: listen, Panels: panels, Commands: d.presenter.Commands(),
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// publish shows what the presenter shows.
func (d *demoPage) publish(v demo.View) {
	for _, panel := range demo.Published() {
		if err := d.Publish(panel, v); err != nil {
			fmt.Fprintln(os.Stderr, "canarylab:", err)
		}
	}
}
