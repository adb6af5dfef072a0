package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/harness/lab/labrun"
	"github.com/canarylab/canarylab/harness/training"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/render"
	"github.com/canarylab/canarylab/scenarios/missions"
)

// A teacher is the command that begins a class and stays until each mission is over.
type teacher struct {
	coach
	learners, rate int
	over           bool
}

func newTrainClass(g *global) *cobra.Command {
	c := teacher{coach: coach{global: g}}
	cmd := &cobra.Command{
		Use: "class [MISSION...]", Short: "Play a mission for each learner of a class, all at once on one cluster",
		Long: `Class plays as many missions at once as there are learners, each in a namespace of its own, with a load,
a judge and a page of its own. Missions that are named are dealt out in turn; else they are drawn.

The first learner's service comes up alone: what it takes says how many learners this machine carries. If that is fewer
than were asked for, nothing begins. The others come up one after the other, and nothing breaks before all are well.`,
		Example:           "  canarylab train class --learners 4\n  canarylab train status --learner 2",
		ValidArgsFunction: completeMissions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := training.CheckLearners(c.learners); err != nil {
				return usage("--learners: %w", err)
			}
			dealt, err := c.deal(cmd, args)
			if err != nil {
				return err
			}
			return c.teach(cmd, dealt, nil)
		},
	}
	cmd.Flags().IntVar(&c.learners, "learners", 0, "how many there are")
	c.classFlags(cmd)
	return cmd
}

// classFlags adds the flags that class and game day have.
func (c *teacher) classFlags(cmd *cobra.Command) {
	c.flags(cmd)
	cmd.Flags().IntVar(&c.rate, rateFlag, 0, "requests a second of each learner (default: the lowest at which the "+
		"judge is as quick as it has to be)")
	cmd.Flags().BoolVar(&c.over, "over", false, "begin also where the machine does not carry so many")
	cmd.Flags().BoolVar(&c.json, "json", false, "tell what happens in lines of JSON on standard output")
}

// deal chooses each learner's mission, and its rate.
func (c *teacher) deal(cmd *cobra.Command, names []string) ([]training.Mission, error) {
	if !cmd.Flags().Changed("seed") {
		c.Seed = newSeed()
	}
	if cmd.Flags().Changed(rateFlag) && c.rate < 1 {
		return nil, usage("--%s %d is no number of requests a second", rateFlag, c.rate)
	}
	var from []training.Mission
	for _, name := range names {
		m, err := missions.Find(name)
		if err != nil {
			return nil, usage("%w", err)
		}
		from = append(from, m)
	}
	if len(from) == 0 {
		// What is about its load goes at no lower rate, and takes the room of several learners.
		from = slices.DeleteFunc(missions.All(), func(m training.Mission) bool {
			return m.FixedRate() || m.ThroughGateway()
		})
		random := mathrand.New(mathrand.NewPCG(c.Seed, 1))
		random.Shuffle(len(from), func(i, j int) { from[i], from[j] = from[j], from[i] })
	}
	dealt := training.Deal(from, c.learners)
	through := ""
	for _, m := range dealt {
		if m.ThroughGateway() && through != "" {
			return nil, usage("callers of %s and of %s come in through the one ingress gateway: one learner can have "+
				"such a mission", through, m.Name())
		}
		if m.ThroughGateway() {
			through = m.Name()
		}
		if _, err := m.RateFor(c.rate); errors.Is(err, training.ErrRate) {
			return nil, usage("--%s: mission %s: %w", rateFlag, m.Name(), err)
		} else if err != nil {
			return nil, err
		}
	}
	return dealt, c.check(dealt...)
}

// class makes the trainers of a class. Each breaks at a moment of its own.
func (c *teacher) class(dealt []training.Mission) (*training.Class, error) {
	class := &training.Class{Over: c.over}
	for i, m := range dealt {
		o := c.Options
		o.Seed += uint64(i)
		o.Namespace = training.LearnerNamespace(i + 1)
		var err error
		if o.Rate, err = m.RateFor(c.rate); err != nil {
			return nil, err
		}
		class.Learners = append(class.Learners, &training.Trainer{Mission: m, Options: o})
	}
	return class, nil
}

// teach plays a class until each mission is over. lead is for whoever leads a game day, nil for a class.
func (c *teacher) teach(cmd *cobra.Command, dealt []training.Mission, lead *facilitator) error {
	ctx := cmd.Context()
	class, err := c.class(dealt)
	if err != nil {
		return err
	}
	room, err := openRoom(ctx, c, class, lead)
	if err != nil {
		return err
	}
	defer room.close()
	lines := training.NewLines(cmd.OutOrStdout())
	var seats []training.Seat
	err = player{global: c.global}.onLab(ctx, func(ctx context.Context, l *lab.Lab, d *display) (err error) {
		c.tellers(class, d, l, lines)
		room.list(d.Say)
		seats, err = labrun.Class(ctx, l, class, c.out, d)
		return err
	})
	if errors.Is(err, training.ErrTooMany) {
		return usage("%w", err)
	}
	if len(seats) == 0 {
		return err
	}
	room.conclude(seats)
	if errors.Is(err, training.ErrAborted) {
		err = nil // somebody pressed the button for it
	}
	err = errors.Join(err, c.conclude(cmd.OutOrStdout(), lines, seats, lead))
	if lead != nil {
		advanceGameDay(seats)
	}
	if err == nil && !c.json {
		stay(ctx, os.Stderr, "The live pages stay", false)
	}
	for _, s := range seats {
		if r := s.Explanation.Standing.Result; err == nil && !r.Mended {
			err = outcomeError{reports.Fail}
		}
	}
	return err
}

// A classLine is a line of JSON of a class.
type classLine struct {
	// Learner is whose event it is, 0 where it is the class's: measured, begun, or over.
	Learner int `json:"learner,omitempty"`
	training.Event
	Capacity *training.Capacity `json:"capacity,omitempty"`
	Seats    []training.Seat    `json:"seats,omitempty"`
}

// tellers have a class tell what happens, for people or as lines.
func (c *teacher) tellers(class *training.Class, d *display, l *lab.Lab, lines *training.Lines) {
	tell := func(line classLine, layout string, args ...any) {
		if !c.json {
			if layout != "" {
				d.Say(layout, args...)
			}
			return
		}
		if err := lines.Write(line); err != nil {
			d.Say("nobody reads: %v", err)
		}
	}
	class.Measured = func(m training.Capacity) {
		tell(classLine{Event: training.Event{Event: "measured"}, Capacity: &m}, "%s", m)
	}
	class.Begun = func() {
		tell(classLine{Event: training.Event{Event: "begun"}}, "All are well. Each breaks at a moment of its own.")
	}
	for i, t := range class.Learners {
		learner := i + 1
		t.Told = func(e training.Event) {
			text := e.Text
			switch {
			case e.Event == "ready":
				e.Kubeconfig = l.Cluster().Kubeconfig()
				text = "under load: " + e.Task
			case e.State != nil:
				text = string(e.State.Verdict) + ": " + e.State.Text
			case e.Result != nil:
				text = "it is over: " + e.Result.Text
			}
			tell(classLine{Learner: learner, Event: e}, "learner %d: %s", learner, text)
		}
	}
}

// conclude tells what became of a class, and keeps what was told of each mission in its run's folder.
func (c *teacher) conclude(w io.Writer, lines *training.Lines, seats []training.Seat, lead *facilitator) error {
	var errs []error
	rows := [][]string{training.Head()}
	timeline := ""
	if lead != nil {
		timeline = training.Timeline(seats)
	}
	for _, s := range seats {
		rows = append(rows, s.Row())
		if s.Err != nil && !errors.Is(s.Err, training.ErrAborted) {
			errs = append(errs, fmt.Errorf("learner %d (%s): %w", s.Learner, s.Namespace, s.Err))
		}
		if s.Report == nil {
			continue
		}
		if err := keepTold(s.Dir, s.Explanation); err != nil {
			errs = append(errs, err)
		}
		if timeline != "" {
			err := os.WriteFile(filepath.Join(s.Dir, timelineFile), []byte(timeline), 0o644)
			if err != nil {
				errs = append(errs, fmt.Errorf("keep the timeline of the game day: %w", err))
			}
		}
		_, _, err := render.All(s.Dir)
		errs = append(errs, err)
		fmt.Fprintf(os.Stderr, "All of learner %d is in %s\n", s.Learner, s.Dir)
	}
	if c.json {
		errs = append(errs, lines.Write(classLine{Event: training.Event{Event: "over"}, Seats: seats}))
		return errors.Join(errs...)
	}
	fmt.Fprintln(w)
	errs = append(errs, printTable(w, rows...))
	fmt.Fprintf(w, "drawn by seed %d\n", c.Seed)
	if timeline != "" {
		fmt.Fprintf(w, "\n%s", format.Printable(timeline))
	}
	return errors.Join(errs...)
}

// timelineFile has the timeline of a game day, in the folder of each of its runs.
const timelineFile = "game-day.txt"
