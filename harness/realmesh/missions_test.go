package realmesh

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/harness/lab/labrun"
	"github.com/canarylab/canarylab/harness/lab/labtest"
	"github.com/canarylab/canarylab/harness/training"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/scenarios/missions"
)

const (
	// watched is how long a try is judged that does not mend: longer than any verdict takes.
	watched = 20 * time.Second
	// unsureFor is how long the judge may be unsure of what it was certain before.
	unsureFor = 5 * time.Second
	// readyWithin covers the pods that a try makes.
	readyWithin = 20 * time.Second
)

// Each mission is played twice. In one play the judge refuses the untouched break and every wrong try, and after a
// reset accepts the first right one; in the other it accepts another. One mission: -run 'TestMissions/label-mismatch'.
// A mission takes three minutes, so that of three turns one plays a mission, by the day. TURN=all plays all: more than
// a hundred attempts, so that -count=2 has more than 200. The log ends with how many were judged rightly.
func TestMissions(t *testing.T) {
	labtest.ByTurns(t, turnOfMission)
	share := missions.All()
	if turn := labtest.TheTurn(t); turn != (labtest.Turn{}) {
		today := time.Now().UTC().YearDay() % len(share)
		share = share[today : today+1]
		t.Logf("today's mission is %s; TURN=all plays all", share[0].Name())
	}
	all := &attempts{}
	for _, m := range share {
		t.Run(m.Name(), func(t *testing.T) {
			for i, right := range m.Right {
				var wrong []training.Try
				if i == 0 {
					wrong = m.Wrong
				}
				t.Run(right.Name, func(t *testing.T) { playMission(t, all, m, wrong, right) })
			}
		})
	}
	t.Log(all)
}

// attempts are those that were made and judged: breaks that nobody touched, wrong fixes and right ones.
type attempts struct {
	made      int
	misjudged []string
}

// judged counts an attempt.
func (a *attempts) judged(what string, rightly bool) {
	a.made++
	if !rightly {
		a.misjudged = append(a.misjudged, what)
	}
}

// String says how many were judged rightly, and which were not.
func (a *attempts) String() string {
	text := fmt.Sprintf("%d of %d attempts were judged rightly", a.made-len(a.misjudged), a.made)
	return text + format.When(len(a.misjudged) > 0, "; not: "+strings.Join(a.misjudged, "; "))
}

// A school is the lab while missions are played in it, and the folder of their runs.
type school struct {
	lab   *lab.Lab
	out   string
	began time.Time
}

// newSchool opens the lab, which is the test's alone until it ends.
func newSchool(ctx context.Context, t *testing.T) *school {
	t.Helper()
	s := &school{began: time.Now()}
	s.lab = theLab.Open(ctx, t)
	release, err := s.lab.Exclusive(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	if s.out, err = lab.Runs(); err != nil {
		t.Fatal(err)
	}
	return s
}

// pupil is a new one, whom the trainer tells what happens.
func (s *school) pupil(t *testing.T, all *attempts, trainer *training.Trainer) *pupil {
	t.Helper()
	client, err := dynamic.NewForConfig(s.lab.Kube().Config())
	if err != nil {
		t.Fatal(err)
	}
	p := &pupil{
		t: t, attempts: all, mission: trainer.Mission.Name(), lab: s.lab, trainer: trainer, client: client,
		began: s.began, news: make(chan struct{}, 1),
	}
	trainer.Told = p.told
	return p
}

// A pupil is who plays a mission in a test.
type pupil struct {
	t *testing.T
	// attempts are those of all pupils, mission is the name of this one's.
	attempts *attempts
	mission  string

	lab     *lab.Lab
	trainer *training.Trainer
	client  dynamic.Interface
	began   time.Time

	mu sync.Mutex
	// last is what was judged last, mended when that was first Mended.
	last training.State
	news chan struct{}
}

// namespace is where the pupil's mission is played.
func (p *pupil) namespace() string { return cmp.Or(p.trainer.Options.Namespace, training.Namespace) }

func (p *pupil) told(e training.Event) {
	if e.Event == "ready" {
		p.t.Logf("ready after %s", time.Since(p.began))
	}
	if e.State == nil {
		return
	}
	p.t.Logf("%s: %s: %s", p.namespace(), e.State.Verdict, e.State.Text)
	p.mu.Lock()
	p.last = *e.State
	p.mu.Unlock()
	select {
	case p.news <- struct{}{}:
	default:
	}
}

func (p *pupil) state() training.State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

// await waits for a verdict.
func (p *pupil) await(ctx context.Context, v training.Verdict) bool {
	for p.state().Verdict != v {
		select {
		case <-p.news:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// playMission plays m: some wrong tries, each taken back by a reset, and then a right one.
func playMission(t *testing.T, all *attempts, m training.Mission, wrong []training.Try, right training.Try) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	in := newSchool(ctx, t)
	p := in.pupil(t, all, &training.Trainer{Mission: m})
	var e training.Explanation
	done := make(chan error, 1)
	go func() {
		var err error
		e, _, _, err = labrun.Train(ctx, in.lab, p.trainer, in.out, labtest.Steps{})
		done <- err
	}()
	p.learn(ctx, wrong, right)
	if err := <-done; err != nil {
		t.Error(err)
	}
	t.Logf("%s", e)
	r := e.Standing.Result
	if !r.Mended {
		t.Fatalf("got %+v, want it mended", r)
	}
	if len(e.Effects) < len(wrong)+1 {
		t.Errorf("got %d writes in the explanation, want one for each of %d tries", len(e.Effects), len(wrong)+1)
	}
	// It was sure within 10 s of the last request that failed, where a share of half of the requests takes more.
	within := 10 * time.Second
	if slices.ContainsFunc(e.Standing.State.Shares, func(s training.Seen) bool { return s.Percent == 50 }) {
		within = 15 * time.Second
	}
	if s := e.Standing.State; s.At.Sub(s.CleanSince) > within && right.Restart == "" && len(right.Scale) == 0 {
		t.Errorf("it took %s from the last failed request to the verdict, want %s", s.At.Sub(s.CleanSince), within)
	}
}

// learn makes the tries. Where it fails it gives up, so that the mission ends.
func (p *pupil) learn(ctx context.Context, wrong []training.Try, right training.Try) {
	ok := p.learns(ctx, wrong, right)
	if !ok {
		p.t.Error("the mission is given up")
		p.trainer.Handle(ctx, training.Request{Do: training.DoGiveUp})
	}
}

func (p *pupil) learns(ctx context.Context, wrong []training.Try, right training.Try) bool {
	if !p.await(ctx, training.Broken) {
		p.t.Errorf("it never was broken: %+v", p.state())
		return false
	}
	if len(wrong) > 0 && !p.keeps(ctx, training.Try{Name: "nothing is done", Want: training.Broken}) {
		return false
	}
	for _, try := range wrong {
		p.t.Logf("wrong: %s", try.Name)
		if err := p.make(ctx, try); err != nil {
			p.t.Errorf("%s: %v", try.Name, err)
			return false
		}
		if !p.keeps(ctx, try) {
			return false
		}
		began := time.Now()
		r := p.trainer.Handle(ctx, training.Request{Do: training.DoReset})
		p.t.Logf("reset after %s: %s%s", time.Since(began), r.Text, r.Error)
		if r.Error != "" {
			p.t.Errorf("%s: %s", try.Name, r.Error)
			return false
		}
	}
	p.t.Logf("right: %s", right.Name)
	if err := p.make(ctx, right); err != nil {
		p.t.Errorf("%s: %v", right.Name, err)
		return false
	}
	mended, cancel := context.WithTimeout(ctx, watched+readyWithin)
	defer cancel()
	ok := p.await(mended, training.Mended)
	p.attempts.judged(p.mission+": "+right.Name, ok)
	if !ok {
		p.t.Errorf("%s: got %+v after %s, want it mended", right.Name, p.state(), watched+readyWithin)
		return false
	}
	return true
}

// keeps watches what a wrong try comes to.
func (p *pupil) keeps(ctx context.Context, try training.Try) bool {
	within, cancel := context.WithTimeout(ctx, watched)
	defer cancel()
	if p.await(within, training.Mended) {
		p.attempts.judged(p.mission+": "+try.Name, false)
		p.t.Errorf("%s: got mended: %+v", try.Name, p.state())
		return false
	}
	if try.Want != "" && p.state().Verdict == training.Unsure {
		// A break of few requests is not certain at each moment.
		again, cancel := context.WithTimeout(ctx, unsureFor)
		defer cancel()
		p.await(again, try.Want)
	}
	s := p.state()
	rightly := try.Want == "" || s.Verdict == try.Want
	p.attempts.judged(p.mission+": "+try.Name, rightly)
	if !rightly {
		p.t.Errorf("%s: got %s (%s) after %s, want %s", try.Name, s.Verdict, s.Text, watched, try.Want)
	}
	return true
}

// by is the field manager of the tries: a learner's.
const by = "kubectl-edit"

// make does what a learner would type.
func (p *pupil) make(ctx context.Context, try training.Try) error {
	applied, deleted, err := try.Objects(p.namespace())
	if err != nil {
		return err
	}
	for _, o := range applied {
		if err := p.write(ctx, o); err != nil {
			return err
		}
	}
	for _, o := range deleted {
		if err := p.resource(o).Delete(ctx, o.GetName(), metav1.DeleteOptions{}); err != nil {
			return err
		}
	}
	patch := func(deployment, text string) error {
		_, err := p.lab.Kube().Kubernetes().AppsV1().Deployments(p.namespace()).Patch(ctx, deployment,
			types.StrategicMergePatchType, []byte(text), metav1.PatchOptions{FieldManager: by})
		return err
	}
	for name, n := range try.Scale {
		if err := patch(name, fmt.Sprintf(`{"spec":{"replicas":%d}}`, n)); err != nil {
			return err
		}
	}
	if try.Restart == "" {
		return nil
	}
	const again = `{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":%q}}}}}`
	return patch(try.Restart, fmt.Sprintf(again, time.Now().Format(time.RFC3339)))
}

func (p *pupil) resource(o *unstructured.Unstructured) dynamic.ResourceInterface {
	gvr, _ := meta.UnsafeGuessKindToResource(o.GroupVersionKind())
	if o.GetNamespace() == "" {
		return p.client.Resource(gvr)
	}
	return p.client.Resource(gvr).Namespace(o.GetNamespace())
}

// write makes an object, or gives it another spec and other labels, as kubectl edit does.
func (p *pupil) write(ctx context.Context, o *unstructured.Unstructured) error {
	have, err := p.resource(o).Get(ctx, o.GetName(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = p.resource(o).Create(ctx, o, metav1.CreateOptions{FieldManager: by})
		return err
	}
	if err != nil {
		return err
	}
	if spec, ok := o.Object["spec"]; ok {
		kept := map[string]any{}
		if old, ok := have.Object["spec"].(map[string]any); ok && o.GetKind() == "Service" {
			for _, field := range []string{"clusterIP", "clusterIPs"} {
				kept[field] = old[field]
			}
		}
		have.Object["spec"] = spec
		for field, value := range kept {
			_ = unstructured.SetNestedField(have.Object, value, "spec", field)
		}
	}
	if labels := o.GetLabels(); labels != nil {
		all := have.GetLabels()
		for k, v := range labels {
			all[k] = v
		}
		have.SetLabels(all)
	}
	_, err = p.resource(o).Update(ctx, have, metav1.UpdateOptions{FieldManager: by})
	return err
}
