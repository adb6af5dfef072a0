package realmesh

import (
	"context"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/canarylab/canarylab/harness/judge"
	"github.com/canarylab/canarylab/harness/lab/labrun"
	"github.com/canarylab/canarylab/harness/lab/labtest"
	"github.com/canarylab/canarylab/harness/training"
	"github.com/canarylab/canarylab/scenarios/missions"
)

// playClass plays a class of some missions, while learn does what learners do.
func playClass(
	t *testing.T, names []string, learn func(ctx context.Context, c *training.Class, pupils []*pupil),
) []training.Seat {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	in := newSchool(ctx, t)
	// Whether this machine carries them is not what is tested.
	c := &training.Class{Over: true, Measured: func(m training.Capacity) { t.Logf("%s", m) }}
	var pupils []*pupil
	all := &attempts{}
	for i, name := range names {
		m, err := missions.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		o := training.Options{Namespace: training.LearnerNamespace(i + 1), Seed: uint64(i)}
		if o.Rate, err = m.ClassRate(); err != nil {
			t.Fatal(err)
		}
		p := in.pupil(t, all, &training.Trainer{Mission: m, Options: o})
		pupils, c.Learners = append(pupils, p), append(c.Learners, p.trainer)
	}
	var seats []training.Seat
	done := make(chan error, 1)
	go func() {
		var err error
		seats, err = labrun.Class(ctx, in.lab, c, in.out, labtest.Steps{})
		done <- err
	}()
	learn(ctx, c, pupils)
	if err := <-done; err != nil {
		t.Error(err)
	}
	for _, s := range seats {
		t.Logf("%s in %s", strings.Join(s.Row(), "  "), s.Dir)
		if s.Err != nil {
			t.Errorf("learner %d: %v", s.Learner, s.Err)
		}
		if v, err := judge.Verify(s.Dir, ""); err != nil || !v.Same() {
			t.Errorf("learner %d: the report made again from the trace: got %+v, %v, want the same", s.Learner, v, err)
		}
		_, err := in.lab.Kube().Kubernetes().CoreV1().Namespaces().Get(t.Context(), s.Namespace, metav1.GetOptions{})
		if !apierrors.IsNotFound(err) {
			t.Errorf("namespace %s: got %v, want it gone", s.Namespace, err)
		}
	}
	if len(seats) != len(names) {
		t.Fatalf("got %d seats, want one for each of %d learners", len(seats), len(names))
	}
	return seats
}

// Two learners have different missions at once. One gives up, and the other mends, untouched by that.
func TestClass(t *testing.T) {
	labtest.ByTurns(t, turnOfClass)
	seats := playClass(t, []string{"label-mismatch", "missing-default-route"},
		func(ctx context.Context, c *training.Class, pupils []*pupil) {
			for _, p := range pupils {
				if !p.await(ctx, training.Broken) {
					t.Errorf("%s never was broken: %+v", p.namespace(), p.state())
				}
			}
			pupils[1].trainer.Handle(ctx, training.Request{Do: training.DoGiveUp})
			pupils[0].learn(ctx, nil, c.Learners[0].Mission.Right[0])
		})
	if got := seats[0].State(); got != "mended" {
		t.Errorf("learner 1: got %s, want mended", got)
	}
	if got := seats[1].State(); got != "not mended" {
		t.Errorf("learner 2: got %s, want not mended", got)
	}
	// The judge was as quick as docs/training.md says of a class.
	if s := seats[0].Explanation.Standing.State; s.At.Sub(s.CleanSince) > watched {
		t.Errorf("it took %s from the last failed request to the verdict, want %s", s.At.Sub(s.CleanSince), watched)
	}
}

// Two services break at once. An abort has callers of both served again, and ends both.
func TestGameDay(t *testing.T) {
	labtest.ByTurns(t, turnOfGameDay)
	seats := playClass(t, []string{"subset-undefined", "canary-without-sidecar"},
		func(ctx context.Context, c *training.Class, pupils []*pupil) {
			for _, p := range pupils {
				if !p.await(ctx, training.Broken) {
					t.Errorf("%s never was broken: %+v", p.namespace(), p.state())
				}
			}
			if err := c.Abort(ctx); err != nil {
				t.Error(err)
			}
		})
	var broke []time.Time
	for _, s := range seats {
		if s.State() != "aborted" {
			t.Errorf("learner %d: got %s, want it aborted", s.Learner, s.State())
		}
		if v := s.Explanation.Standing.State.Verdict; v != training.Mended {
			t.Errorf("learner %d: got %s at the end, want callers served as before", s.Learner, v)
		}
		broke = append(broke, s.Explanation.Broke)
	}
	if apart := broke[0].Sub(broke[1]).Abs(); apart > 30*time.Second {
		t.Errorf("they broke %s apart, want half a minute at most", apart)
	}
	timeline := training.Timeline(seats)
	t.Log(timeline)
	for _, want := range []string{"shop-1   it breaks", "shop-2   it breaks", "everything was aborted"} {
		if !strings.Contains(timeline, want) {
			t.Errorf("the timeline lacks %q", want)
		}
	}
}
