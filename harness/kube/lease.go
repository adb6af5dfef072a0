package kube

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"

	"github.com/canarylab/canarylab/harness/patience"
)

// A leaseTiming is how a Lease is kept alive.
type leaseTiming struct {
	// lasts is how long others wait, by their own clocks, from the last sign of life that they saw until they take a
	// Lease. within is how long one renewal is tried, and every the time between two.
	lasts, within, every time.Duration
}

// leaseTimes are those of the lab: a holder shows that it lives every 3 s, and one that shows nothing for 30 s is dead.
// A busy API server, such as one that starts anew, is back within that time.
var leaseTimes = leaseTiming{patience.Of(30 * time.Second), patience.Of(20 * time.Second), patience.Of(3 * time.Second)}

// releasedWithin bounds how long a release takes: whoever it does not reach waits until the Lease has run out.
var releasedWithin = patience.Of(5 * time.Second)

// A Claim is what somebody wants of a Lease.
type Claim struct {
	// Namespace and Name are the Lease's.
	Namespace, Name string
	// Holder names who wants it. Two that live at one time have to have two of them.
	Holder string
	// Labels are put on it, for those who find it held.
	Labels map[string]string
}

// A Held is the error of a Lease that somebody else keeps alive.
type Held struct {
	Namespace, Name string
	// Holder is who has it, and Labels are the Lease's. Since is when it was taken, by the holder's own clock.
	Holder string
	Labels map[string]string
	Since  time.Time
}

// Error implements error.
func (h *Held) Error() string {
	return fmt.Sprintf("lease %s/%s is held by %s since %s (by its clock)", h.Namespace, h.Name, h.Holder,
		h.Since.UTC().Format(time.RFC3339))
}

// ErrLeaseLost is wrapped by the cause that ends a context of Hold: somebody else has the Lease now.
var ErrLeaseLost = errors.New("somebody else has taken the lease")

// Hold takes a Lease (coordination.k8s.io/v1) and keeps it alive until release is called, which deletes it unless it is
// to run out as if its holder had died. The context ends, with a cause that wraps ErrLeaseLost, if somebody else gets
// the Lease before that: an API server that can't be reached for a while is no reason, as long as nobody did. With it
// comes the Lease as it was taken over, nil where there was none.
//
// A Lease that somebody else holds is taken over once the holder has shown no sign of life for as long as the Lease
// says. Both the sign and the time are what Hold sees, by this machine's clock, as in client-go's leader election:
// whatever the holder's clock says, it is neither taken too early nor kept for ever. A sign of life ends the wait; the
// error is a *Held.
func (c *Client) Hold(ctx context.Context, claim Claim) (
	held context.Context, taken *coordinationv1.Lease, release func(runOut bool), err error,
) {
	return c.hold(ctx, claim, leaseTimes)
}

func (c *Client) hold(ctx context.Context, claim Claim, times leaseTiming) (
	held context.Context, taken *coordinationv1.Lease, release func(runOut bool), err error,
) {
	held, end := context.WithCancelCause(ctx)
	lock := &watchedLock{
		LeaseLock: resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: claim.Namespace, Name: claim.Name},
			Client:     c.kube.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: claim.Holder}, Labels: claim.Labels,
		},
		taken: make(chan struct{}), end: end,
	}
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, Name: claim.Name,
		LeaseDuration: times.lasts, RenewDeadline: times.within, RetryPeriod: times.every,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { lock.began() }, OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		end(err)
		return nil, nil, nil, fmt.Errorf("keep the lease %s/%s: %w", claim.Namespace, claim.Name, err)
	}
	var keeping sync.WaitGroup
	keeping.Go(func() {
		// A zero logger says nothing: all that matters is in the errors.
		for ctx := klog.NewContext(held, klog.Logger{}); ctx.Err() == nil; {
			elector.Run(ctx)
		}
	})
	select {
	case <-lock.taken:
	case <-held.Done():
		err := context.Cause(held)
		if h := (*Held)(nil); !errors.As(err, &h) {
			err = fmt.Errorf("take the lease %s/%s: %w%s", claim.Namespace, claim.Name, err, lock.trouble())
		}
		end(err)
		keeping.Wait()
		return nil, nil, nil, err
	}
	return held, lock.takenOver(), func(runOut bool) {
		end(context.Canceled)
		keeping.Wait()
		if runOut {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releasedWithin)
		defer cancel()
		_ = c.dropLease(ctx, claim) // else it runs out
	}, nil
}

// dropLease deletes a Lease that is still its claimer's.
func (c *Client) dropLease(ctx context.Context, claim Claim) error {
	now, err := c.Lease(ctx, claim.Namespace, claim.Name)
	if err != nil || now == nil || holderOf(now) != claim.Holder {
		return err
	}
	return c.DeleteLease(ctx, now)
}

// Lease returns a Lease, nil where there is none.
func (c *Client) Lease(ctx context.Context, ns, name string) (*coordinationv1.Lease, error) {
	got, err := c.kube.CoordinationV1().Leases(ns).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the lease %s/%s: %w", ns, name, err)
	}
	return got, nil
}

// DeleteLease deletes a Lease, unless it was written since it was read.
func (c *Client) DeleteLease(ctx context.Context, lease *coordinationv1.Lease) error {
	err := c.kube.CoordinationV1().Leases(lease.Namespace).Delete(ctx, lease.Name, metav1.DeleteOptions{
		Preconditions: &metav1.Preconditions{UID: &lease.UID, ResourceVersion: &lease.ResourceVersion},
	})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete the lease %s/%s: %w", lease.Namespace, lease.Name, err)
	}
	return nil
}

// LeaseLives tells whether the holder of a Lease shows a sign of life before the Lease runs out, by this machine's
// clock. It takes that long where there is none.
func (c *Client) LeaseLives(ctx context.Context, lease *coordinationv1.Lease) (bool, error) {
	if holderOf(lease) == "" {
		return false, nil
	}
	lasts := time.Duration(valueOr(lease.Spec.LeaseDurationSeconds, 0)) * time.Second
	over := time.NewTimer(lasts)
	defer over.Stop()
	look := time.NewTicker(max(lasts/20, poll))
	defer look.Stop()
	for {
		select {
		case <-over.C:
			return false, nil
		case <-ctx.Done():
			return false, fmt.Errorf("watch the lease %s/%s: %w", lease.Namespace, lease.Name, context.Cause(ctx))
		case <-look.C:
		}
		now, err := c.Lease(ctx, lease.Namespace, lease.Name)
		if err != nil {
			return false, err
		}
		if now == nil || now.UID != lease.UID {
			return now != nil, nil
		}
		if now.ResourceVersion != lease.ResourceVersion {
			return holderOf(now) != "", nil
		}
	}
}

func holderOf(lease *coordinationv1.Lease) string {
	if lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}

// A watchedLock is a lock of client-go's leader election that notices whether somebody else who has it lives, and
// whether somebody else gets it later. One goroutine at a time reads and writes it.
type watchedLock struct {
	resourcelock.LeaseLock
	// taken is closed once it is the claimer's.
	taken chan struct{}
	end   context.CancelCauseFunc

	mu  sync.Mutex
	has bool
	// other is the Lease as it was seen with another holder, nil where it was not.
	other *coordinationv1.Lease
	// last is what went wrong last.
	last error
}

func (l *watchedLock) began() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.has {
		l.has = true
		close(l.taken)
	}
}

// trouble is for the end of an error message.
func (l *watchedLock) trouble() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == nil {
		return ""
	}
	return fmt.Sprintf("; the last try: %v", l.last)
}

// note keeps what went wrong. A right or a namespace that is missing does not come by itself; one that is terminating
// is gone soon.
func (l *watchedLock) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = err
	lacks := apierrors.IsForbidden(err) && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
	if !l.has && (lacks || apierrors.IsNotFound(err)) {
		l.end(err)
	}
}

// Get implements resourcelock.Interface.
func (l *watchedLock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	lease, err := l.Client.Leases(l.LeaseMeta.Namespace).Get(ctx, l.LeaseMeta.Name, metav1.GetOptions{})
	if err == nil {
		l.look(lease)
	}
	// The embedded lock reads for itself, and keeps what it writes next: what it reads is no older.
	record, raw, err := l.LeaseLock.Get(ctx)
	if err != nil && !apierrors.IsNotFound(err) {
		l.note(err)
	}
	return record, raw, err
}

// Create implements resourcelock.Interface.
func (l *watchedLock) Create(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	err := l.LeaseLock.Create(ctx, r)
	l.note(err)
	return err
}

// Update implements resourcelock.Interface.
func (l *watchedLock) Update(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	err := l.LeaseLock.Update(ctx, r)
	l.note(err)
	return err
}

// look ends all where somebody else lives, or has got the Lease.
func (l *watchedLock) look(lease *coordinationv1.Lease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	holder := holderOf(lease)
	if holder == l.LockConfig.Identity || holder == "" {
		return
	}
	if l.has {
		l.end(fmt.Errorf("%w: %w", ErrLeaseLost, heldBy(lease)))
		return
	}
	if l.other != nil && (l.other.UID != lease.UID || l.other.ResourceVersion != lease.ResourceVersion) {
		l.end(heldBy(lease))
	}
	l.other = lease
}

// takenOver is the Lease as its dead holder had left it, nil where there was none.
func (l *watchedLock) takenOver() *coordinationv1.Lease {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.other
}

func heldBy(lease *coordinationv1.Lease) *Held {
	h := &Held{
		Namespace: lease.Namespace, Name: lease.Name, Holder: holderOf(lease), Labels: lease.Labels,
	}
	if lease.Spec.AcquireTime != nil {
		h.Since = lease.Spec.AcquireTime.Time
	}
	return h
}
