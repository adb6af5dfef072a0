package live

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/canarylab/canarylab/harness/fleet"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/loadgen"
)

// simulated implements environment.Fleet.
type simulated struct {
	k  *kube.Client
	mu sync.Mutex
	// parts are the pods that were ever asked.
	parts map[types.UID]*fleetPart
}

// A fleetPart is the proxies of one pod.
type fleetPart struct {
	fleet.Reader

	clock loadgen.Clock
	// kept are the receipts that may be asked for again.
	kept []fleet.Receipt
}

func (f *simulated) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, part := range f.parts {
		part.HTTP.CloseIdleConnections()
	}
	clear(f.parts)
}

// each calls do for each pod of a namespace's fleet, side by side, with the pod's number and how many there are. One
// call at a time may do so.
func (f *simulated) each(
	ctx context.Context, ns string, do func(ctx context.Context, part *fleetPart, i, of int) error,
) error {
	pods, err := f.k.Pods(ctx, ns, "app="+fleet.App)
	if err != nil {
		return err
	}
	if len(pods) == 0 {
		return fmt.Errorf("no pod %s in namespace %s is ready", fleet.App, ns)
	}
	slices.SortFunc(pods, func(a, b corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	g, ctx := errgroup.WithContext(ctx)
	for i, pod := range pods {
		part := f.parts[pod.UID]
		if part == nil {
			part = &fleetPart{Reader: fleet.Reader{HTTP: f.k.PodHTTP(ns, pod.Name, fleet.Port)}}
			if part.clock, err = f.measureClock(ctx, ns, pod.Name); err != nil {
				return err
			}
			part.Offset = part.clock.Offset
			f.parts[pod.UID] = part
		}
		g.Go(func() error { return do(ctx, part, i, len(pods)) })
	}
	return g.Wait()
}

// measureClock measures how the clock of a pod stands to this process's.
func (f *simulated) measureClock(ctx context.Context, ns, pod string) (clock loadgen.Clock, err error) {
	command := []string{"/fleet", "clock"}
	measure := func(from io.Reader, to io.WriteCloser) (err error) {
		clock, err = loadgen.MeasureClock(from, to, clockRounds)
		return err
	}
	err = converseByExec(ctx, f.k, ns, pod, fleet.Container, command, measure)
	if err != nil {
		return clock, fmt.Errorf("measure the clock of pod %s/%s: %w", ns, pod, err)
	}
	return clock, nil
}

func (f *simulated) Status(ctx context.Context, ns string) (sum fleet.Status, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var mu sync.Mutex
	err = f.each(ctx, ns, func(ctx context.Context, part *fleetPart, _, _ int) error {
		s, err := part.Status(ctx)
		mu.Lock()
		defer mu.Unlock()
		sum = sum.Add(s)
		return err
	})
	return sum, err
}

func (f *simulated) Receipts(
	ctx context.Context, ns string, since time.Time,
) (all []fleet.Receipt, clocks time.Duration, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var mu sync.Mutex
	err = f.each(ctx, ns, func(ctx context.Context, part *fleetPart, _, _ int) error {
		fresh, err := part.Receipts(ctx)
		if err != nil {
			return err
		}
		old := func(r fleet.Receipt) bool { return r.At.Before(since) }
		part.kept = slices.DeleteFunc(append(part.kept, fresh...), old)
		mu.Lock()
		defer mu.Unlock()
		all, clocks = append(all, part.kept...), max(clocks, part.clock.Error)
		return nil
	})
	return all, clocks, err
}

func (f *simulated) Resize(ctx context.Context, ns string, n int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.each(ctx, ns, func(ctx context.Context, part *fleetPart, i, of int) error {
		return part.Resize(ctx, (n+i)/of)
	})
}
