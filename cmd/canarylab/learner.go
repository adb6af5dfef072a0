package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/harness/training"
	"github.com/canarylab/canarylab/reports/format"
)

// learnerVariable names the learner of a class that commands mean, as learnerName does.
const learnerVariable, learnerName = "CANARYLAB_LEARNER", "learner"

// learnerFlag adds the flag that says whose mission of a class is meant.
func learnerFlag(cmd *cobra.Command, learner *string) {
	cmd.Flags().StringVar(learner, learnerName, os.Getenv(learnerVariable),
		"number of the learner of a class (environment: "+learnerVariable+")")
}

// learnerOf reads a learner's number, 0 where there is none.
func learnerOf(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	k, err := strconv.Atoi(text)
	if err != nil || training.CheckLearners(k) != nil {
		return 0, usage("--%s %q (or %s) is no number of a learner, such as 1", learnerName, text, learnerVariable)
	}
	return k, nil
}

// learnerArgs takes --learner K, in front of all others, from the arguments of a program that has its own flags.
func learnerArgs(args []string) (learner string, rest []string, err error) {
	if len(args) == 0 {
		return os.Getenv(learnerVariable), args, nil
	}
	if k, ok := strings.CutPrefix(args[0], "--"+learnerName+"="); ok {
		return k, args[1:], nil
	}
	if args[0] != "--"+learnerName {
		return os.Getenv(learnerVariable), args, nil
	}
	if len(args) == 1 {
		return "", nil, usage("--%s wants the number of a learner, such as 1", learnerName)
	}
	return args[1], args[2:], nil
}

// learnersNamespace is that of a learner's mission, which has to be under way. It is empty where none is meant, and has
// what this program starts mean the same learner.
func learnersNamespace(ctx context.Context, g *global, text string) (string, error) {
	k, err := learnerOf(text)
	if err != nil || k == 0 {
		return "", err
	}
	path, err := socket(g, k)
	if err != nil {
		return "", err
	}
	if _, err := training.Kept(path); err == nil {
		return "", refusal{fmt.Errorf("%w, and its namespace is gone: canarylab train explain --%s %d tells what it "+
			"was", training.ErrOver, learnerName, k)}
	}
	if !training.UnderWay(ctx, path) {
		return "", neverBegun(k)
	}
	return training.LearnerNamespace(k), os.Setenv(learnerVariable, text)
}

// A refusal is an error of whoever called the program at the wrong time. What it says is for learners, who did nothing
// that "usage" would tell them of; its exit code is that of wrong use.
type refusal struct{ error }

// Unwrap has it be an error of use, beside what it says.
func (r refusal) Unwrap() []error { return []error{cluster.ErrUsage, r.error} }

// neverBegun refuses what is asked of a mission that never began, of a learner of a class, or of none for 0.
func neverBegun(learner int) error {
	if learner == 0 {
		return refusal{fmt.Errorf("%w: canarylab train begins one; whoever is or was in a class asks with --%s K",
			training.ErrNone, learnerName)}
	}
	return refusal{fmt.Errorf("learner %d has no mission yet: canarylab train class begins it, in the trainer's "+
		"terminal. Wait until the trainer says so", learner)}
}

// keep has a trainer keep how its mission ended, beside its socket.
func keep(t *training.Trainer, path string) {
	t.Ended = func(e training.Ended) {
		if err := training.Keep(path, e); err != nil {
			fmt.Fprintln(os.Stderr, "canarylab:", format.Printable(err.Error()))
		}
	}
}

// socket is where the trainer of a cluster is asked, or that of a learner of its class, counted from 1.
func socket(g *global, learner int) (string, error) {
	home := g.Home
	if home == "" {
		var err error
		if home, err = lab.Home(); err != nil {
			return "", err
		}
	}
	name := g.Name
	if name == "" {
		name = lab.DefaultName
	}
	if learner > 0 {
		// No cluster has a name with a dot: lab-1 may be another one than lab.
		name = fmt.Sprintf("%s.%d", name, learner)
	}
	return filepath.Join(home, "train", name+".sock"), nil
}
