package kube

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// quick is the shortest timing that a Lease can say: it counts seconds.
var quick = leaseTiming{lasts: time.Second, within: 600 * time.Millisecond, every: 50 * time.Millisecond}

// server is a fake API server that gives each write of a Lease a version, and that can be lost.
type server struct {
	*fake.Clientset
	version atomic.Int64
	lost    atomic.Bool
}

func newServer() *server {
	s := &server{Clientset: fake.NewClientset()}
	s.PrependReactor("*", "leases", func(a clienttesting.Action) (bool, runtime.Object, error) {
		if s.lost.Load() {
			return true, nil, errors.New("connection refused")
		}
		if w, ok := a.(interface{ GetObject() runtime.Object }); ok {
			if lease, ok := w.GetObject().(*coordinationv1.Lease); ok {
				// Who has not seen the last write may not write, as with a real one.
				now, err := s.Tracker().Get(a.GetResource(), lease.Namespace, lease.Name)
				if err == nil && now.(*coordinationv1.Lease).ResourceVersion != lease.ResourceVersion {
					return true, nil, apierrors.NewConflict(a.GetResource().GroupResource(), lease.Name, nil)
				}
				lease.ResourceVersion = fmt.Sprint(s.version.Add(1))
			}
		}
		return false, nil, nil
	})
	// It forgets watches: nothing here may need one.
	s.PrependWatchReactor("*", clienttesting.DefaultWatchReactor(nil, errors.New("no watches")))
	return s
}

func (s *server) client() *Client { return &Client{kube: s} }

func claimOf(holder string) Claim {
	return Claim{Namespace: "system", Name: "demo", Holder: holder, Labels: map[string]string{"owner": holder}}
}

// heldBySomebody is a Lease whose holder says that it renewed it at a time.
func (s *server) heldBySomebody(t *testing.T, holder string, renewed time.Time) {
	t.Helper()
	seconds, at := int32(1), metav1.NewMicroTime(renewed)
	_, err := s.CoordinationV1().Leases("system").Create(t.Context(), &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: "system", Name: "demo", Labels: map[string]string{"owner": holder}},
		Spec: coordinationv1.LeaseSpec{
			HolderIdentity: &holder, LeaseDurationSeconds: &seconds, AcquireTime: &at, RenewTime: &at,
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

func TestALeaseIsHeldByOne(t *testing.T) {
	s := newServer()
	held, taken, release, err := s.client().hold(t.Context(), claimOf("jane"), quick)
	if err != nil || taken != nil {
		t.Fatalf("got %v taken over (%v), want a new lease", taken, err)
	}
	_, _, _, err = s.client().hold(t.Context(), claimOf("joe"), quick)
	var other *Held
	if !errors.As(err, &other) || other.Holder != "jane" || other.Labels["owner"] != "jane" || other.Since.IsZero() {
		t.Fatalf("got %v, want jane named, and since when", err)
	}
	if held.Err() != nil {
		t.Errorf("got %v, want jane's held", context.Cause(held))
	}
	release(false)
	if held.Err() == nil || errors.Is(context.Cause(held), ErrLeaseLost) {
		t.Errorf("got %v, want it ended, and not lost", context.Cause(held))
	}
	if left, err := s.client().Lease(t.Context(), "system", "demo"); left != nil || err != nil {
		t.Errorf("got %v (%v) left, want no lease", left, err)
	}
	_, _, release, err = s.client().hold(t.Context(), claimOf("joe"), quick)
	if err != nil {
		t.Fatalf("got %v, want it free", err)
	}
	release(false)
}

// Whatever a dead holder's clock said: who takes the Lease over waits by its own.
func TestALeaseIsTakenOverOnceItsHolderIsDead(t *testing.T) {
	for what, off := range map[string]time.Duration{"right": 0, "ahead": 24 * time.Hour, "behind": -24 * time.Hour} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := newServer()
			s.heldBySomebody(t, "dead", time.Now().Add(off))
			begun := time.Now()
			_, taken, release, err := s.client().hold(t.Context(), claimOf("joe"), quick)
			if err != nil {
				t.Fatal(err)
			}
			defer release(false)
			if took := time.Since(begun); took < quick.lasts {
				t.Errorf("got it after %s, want not before %s", took, quick.lasts)
			}
			if taken == nil || taken.Labels["owner"] != "dead" {
				t.Errorf("got %v, want the lease as it was", taken)
			}
			now, err := s.client().Lease(t.Context(), "system", "demo")
			if err != nil || holderOf(now) != "joe" || now.Labels["owner"] != "joe" || *now.Spec.LeaseTransitions != 1 {
				t.Errorf("got %+v (%v), want joe's", now, err)
			}
		})
	}
}

// A holder whose clock is a day behind, or ahead, and which lives, is left alone.
func TestALivingHolderWhoseClockIsOffKeepsItsLease(t *testing.T) {
	for what, off := range map[string]time.Duration{"ahead": 24 * time.Hour, "behind": -24 * time.Hour} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := newServer()
			s.heldBySomebody(t, "jane", time.Now().Add(off))
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			go func() {
				for ctx.Err() == nil {
					lease, err := s.client().Lease(ctx, "system", "demo")
					if err == nil && lease != nil && holderOf(lease) == "jane" {
						at := metav1.NewMicroTime(time.Now().Add(off))
						lease.Spec.RenewTime = &at
						_, _ = s.CoordinationV1().Leases("system").Update(ctx, lease, metav1.UpdateOptions{})
					}
					time.Sleep(quick.every)
				}
			}()
			var other *Held
			if _, _, _, err := s.client().hold(t.Context(), claimOf("joe"), quick); !errors.As(err, &other) {
				t.Errorf("got %v, want jane's left to her", err)
			}
			lease, err := s.client().Lease(t.Context(), "system", "demo")
			if err != nil {
				t.Fatal(err)
			}
			if lives, err := s.client().LeaseLives(t.Context(), lease); err != nil || !lives {
				t.Errorf("got %t (%v), want it seen that she lives", lives, err)
			}
		})
	}
}

func TestADeadLeaseDoesNotLive(t *testing.T) {
	s := newServer()
	s.heldBySomebody(t, "dead", time.Now().Add(time.Hour))
	lease, err := s.client().Lease(t.Context(), "system", "demo")
	if err != nil {
		t.Fatal(err)
	}
	if lives, err := s.client().LeaseLives(t.Context(), lease); err != nil || lives {
		t.Errorf("got %t (%v), want it dead", lives, err)
	}
}

// An API server that is lost for longer than the Lease lasts ends nothing, where nobody takes it meanwhile.
func TestALostAPIServerEndsNothing(t *testing.T) {
	s := newServer()
	held, _, release, err := s.client().hold(t.Context(), claimOf("jane"), quick)
	if err != nil {
		t.Fatal(err)
	}
	defer release(false)
	s.lost.Store(true)
	select {
	case <-held.Done():
		t.Fatalf("got %v, want it held on to", context.Cause(held))
	case <-time.After(2 * quick.lasts):
	}
	s.lost.Store(false)
	before := s.version.Load()
	await(t, "a renewal", func() bool { return s.version.Load() > before })
	if held.Err() != nil {
		t.Errorf("got %v, want it held", context.Cause(held))
	}
}

// Who has lost it to somebody else is told, however that came.
func TestWhoHasLostTheLeaseIsTold(t *testing.T) {
	s := newServer()
	held, _, release, err := s.client().hold(t.Context(), claimOf("jane"), quick)
	if err != nil {
		t.Fatal(err)
	}
	joe := "joe"
	await(t, "word that it is lost", func() bool {
		lease, err := s.client().Lease(t.Context(), "system", "demo")
		if err == nil && lease != nil && holderOf(lease) != joe {
			lease.Spec.HolderIdentity = &joe
			_, _ = s.CoordinationV1().Leases("system").Update(t.Context(), lease, metav1.UpdateOptions{})
		}
		return held.Err() != nil
	})
	if !errors.Is(context.Cause(held), ErrLeaseLost) {
		t.Errorf("got %v, want ErrLeaseLost", context.Cause(held))
	}
	release(false)
	left, err := s.client().Lease(t.Context(), "system", "demo")
	if err != nil || left == nil || holderOf(left) != joe {
		t.Errorf("got %v (%v), want joe's left alone", left, err)
	}
}

// One that was killed and begins anew has its lease at once.
func TestTheSameHolderNeedNotWait(t *testing.T) {
	s := newServer()
	s.heldBySomebody(t, "jane", time.Now())
	begun := time.Now()
	_, _, release, err := s.client().hold(t.Context(), claimOf("jane"), quick)
	if err != nil || time.Since(begun) > quick.lasts/2 {
		t.Fatalf("got it after %s (%v), want it at once", time.Since(begun), err)
	}
	release(true)
	if left, err := s.client().Lease(t.Context(), "system", "demo"); err != nil || left == nil {
		t.Errorf("got %v (%v), want it left to run out", left, err)
	}
}

func await(t *testing.T, what string, fact func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if fact() {
			return
		}
	}
	t.Fatalf("got no %s in 5 s", what)
}
