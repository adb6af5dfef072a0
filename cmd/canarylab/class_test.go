package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/harness/training"
)

// Whoever asks for a class that can't be is told so before anything is begun.
func TestClassIsUsedWrongly(t *testing.T) {
	home := t.TempDir()
	t.Setenv("CANARYLAB_HOME", home)
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"train", "class"}, "0 learners"},
		{[]string{"train", "class", "--learners", "-1"}, "-1 learners"},
		{[]string{"train", "class", "--learners", "1000"}, "1 to 32"},
		{[]string{"train", "class", "label-missmatch", "--learners", "2"}, "label-mismatch"},
		{[]string{"train", "class", "label-mismatch", "--learners", "2", "--rate", "10"}, "the judge is never sure"},
		{[]string{"train", "class", "source-ip-routing", "--learners", "2"}, "one ingress gateway"},
		{[]string{"train", "class", "--learners", "2", "--rate", "0"}, "no number of requests"},
		{[]string{"train", "game-day", "label-mismatch"}, "two missions or none"},
		{[]string{"train", "status", "--learner", "two"}, "no number of a learner"},
		{[]string{"train", "status", "--learner", "2"}, "learner 2 has no mission yet: canarylab train"},
		{[]string{"shell", "--learner", "2"}, "learner 2 has no mission yet"},
		{[]string{"kubectl", "--learner", "2", "get", "pods"}, "learner 2 has no mission yet"},
		{[]string{"kubectl", "--learner"}, "wants the number"},
	} {
		_, code, err := run(t, tc.args...)
		if code != exitUsage || err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: got %d and %v, want %d and %q in it", tc.args, code, err, exitUsage, tc.want)
		}
	}
	answering(t, filepath.Join(home, "train", "lab.sock"))
	answering(t, filepath.Join(home, "train", "lab.2.sock"))
	for _, args := range [][]string{
		{"train", "class", "--learners", "2"}, {"train", "game-day"},
	} {
		if _, code, err := run(t, args...); code != exitUsage || !strings.Contains(err.Error(), "under way already") {
			t.Errorf("%q: got %d and %v, want that one is under way", args, code, err)
		}
	}
	out, code, err := run(t, "train", "hint", "--learner", "2")
	if code != exitOK || !strings.Contains(out, "asked to hint") {
		t.Errorf("got %q, %d, %v, want what the learner's trainer says", out, code, err)
	}
	t.Setenv(learnerVariable, "3")
	if _, code, err := run(t, "train", "hint"); code != exitUsage || !strings.Contains(err.Error(), "learner 3 has") {
		t.Errorf("got %d and %v, want the learner of the environment", code, err)
	}
}

// A learner whose mission is over is told so, and how to read what it was; nobody is told of sockets, or that the
// program was used wrongly.
func TestALearnerIsToldThatItIsOver(t *testing.T) {
	home := t.TempDir()
	t.Setenv("CANARYLAB_HOME", home)
	path := filepath.Join(home, "train", "lab.2.sock")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"train", "status"}, {"train", "hint", "--learner", "2"}} {
		_, code, err := run(t, args...)
		text := fmt.Sprint(err)
		if code != exitUsage || strings.Contains(text, "usage") || strings.Contains(text, ".sock") {
			t.Errorf("%q: got %d and %q, want %d, and nothing but what a learner can use", args, code, text, exitUsage)
		}
	}
	trainer := &training.Trainer{}
	keep(trainer, path)
	trainer.Ended(training.Ended{Explanation: training.Explanation{Story: &training.Story{Cause: "A label."}}})
	for _, args := range [][]string{
		{"train", "hint", "--learner", "2"}, {"train", "reset", "--learner", "2"},
		{"train", "diagnose", "app", "-", "app", "--learner", "2"}, {"kubectl", "--learner", "2", "get", "pods"},
		{"shell", "--learner", "2"},
	} {
		_, code, err := run(t, args...)
		text := fmt.Sprint(err)
		if code != exitUsage || !strings.HasPrefix(text, "the mission is over") ||
			!strings.Contains(text, "canarylab train explain") {
			t.Errorf("%q: got %d and %q, want that it is over, and who tells of it", args, code, text)
		}
	}
	for do, want := range map[string]string{"status": "The mission is over", "explain": "A label."} {
		out, code, err := run(t, "train", do, "--learner", "2")
		if code != exitOK || !strings.Contains(out, want) {
			t.Errorf("%s: got %q, %d, %v, want %q in it", do, out, code, err, want)
		}
	}
}

// Help needs no learner, and what canarylab adds to a program is told also where no cluster has that program.
func TestHelpOfTheTools(t *testing.T) {
	t.Setenv("CANARYLAB_HOME", t.TempDir())
	out, code, err := run(t, "kubectl", "--help")
	if code != exitUnavailable || !strings.Contains(out, "--learner K") {
		t.Errorf("got %q, %d, %v, want what canarylab adds to kubectl", out, code, err)
	}
	for args, want := range map[string]bool{
		"": false, "--help": true, "help get": true, "get pods -h": true, "get pods": false, "exec x -- ls -h": false,
	} {
		if got := asksForHelp(strings.Fields(args)); got != want {
			t.Errorf("%q: got %t, want %t", args, got, want)
		}
	}
	out, code, err = run(t, "train", "diagnose", "--help")
	for hop, means := range training.Hops() {
		if code != exitOK || !strings.Contains(out, hop+" ") || !strings.Contains(out, means) {
			t.Errorf("got %q, %d, %v, want %s explained", out, code, err, hop)
		}
	}
}

// Missions that are named are dealt in turn; else the seed draws, each mission once before any comes again, and none
// that takes the room of several.
func TestAClassIsDealt(t *testing.T) {
	dealt := func(seed uint64, learners int, names ...string) (all []string) {
		c := teacher{coach: coach{global: &global{}, Options: training.Options{Seed: seed}}, learners: learners}
		c.Bound, c.out = training.DefaultBound, t.TempDir()
		cmd := newTrainClass(&global{})
		if err := cmd.Flags().Set("seed", "1"); err != nil {
			t.Fatal(err)
		}
		missions, err := c.deal(cmd, names)
		if err != nil {
			t.Fatal(err)
		}
		class, err := c.class(missions)
		if err != nil {
			t.Fatal(err)
		}
		for i, l := range class.Learners {
			all = append(all, l.Mission.Name())
			o := l.Options
			if o.Namespace != training.LearnerNamespace(i+1) || o.Rate == 0 || o.Seed != seed+uint64(i) {
				t.Errorf("got %+v, want a namespace, a rate and a seed of its own", o)
			}
		}
		return all
	}
	got := dealt(5, 3, "label-mismatch", "circuit-breaker-overflow")
	if want := []string{"label-mismatch", "circuit-breaker-overflow", "label-mismatch"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	drawn := dealt(5, 5)
	if again := dealt(5, 5); !slices.Equal(drawn, again) {
		t.Errorf("got %q and %q, want one seed to draw the same", drawn, again)
	}
	if other := dealt(6, 5); slices.Equal(drawn, other) {
		t.Errorf("two seeds draw %q", other)
	}
	slices.Sort(drawn)
	once := slices.Compact(slices.Clone(drawn))
	if len(once) != 5 || slices.Contains(drawn, "circuit-breaker-overflow") {
		t.Errorf("got %q, want five missions, and none that is about its load", drawn)
	}
}

func TestPortsOfAClass(t *testing.T) {
	for listen, want := range map[string]string{
		"": "", "127.0.0.1:8080": "127.0.0.1:8082", "127.0.0.1:0": "127.0.0.1:0", "nonsense": "nonsense",
	} {
		if got := nextPort(listen, 2); got != want {
			t.Errorf("%q: got %q, want %q", listen, got, want)
		}
	}
}

// Whoever asks a class without saying for whom learns how all stand, and nothing is done to anybody.
func TestAClassAnswers(t *testing.T) {
	class := &training.Class{Learners: []*training.Trainer{
		{Options: training.Options{Namespace: "shop-1"}}, {Options: training.Options{Namespace: "shop-2"}},
	}}
	h := classHandler{class}
	r := h.Handle(t.Context(), training.Request{Do: training.DoStatus})
	if !strings.Contains(r.Text, "learner 2 (shop-2)") {
		t.Errorf("got %+v, want how both stand", r)
	}
	r = h.Handle(t.Context(), training.Request{Do: training.DoGiveUp})
	if !strings.Contains(r.Error, "--learner 1 to 2") {
		t.Errorf("got %+v, want to be asked for whom", r)
	}
}
