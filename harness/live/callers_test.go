package live

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/canarylab/canarylab/loadgen"
)

// Every agent gets every order.
func TestOrdersArePassedOn(t *testing.T) {
	stages, stop := make(chan loadgen.Stage), make(chan struct{})
	var got sync.WaitGroup
	got.Add(3)
	go func() {
		for factor := range 3 {
			stages <- loadgen.Stage{Factor: float64(factor)}
		}
		got.Wait()
		close(stop)
	}()
	orders := loadgen.Orders{Stop: stop, Stages: stages}
	err := sideBySide(t.Context(), orders, 3, func(_ context.Context, _ int, to loadgen.Orders) error {
		for factor := range 3 {
			if s := <-to.Stages; s.Factor != float64(factor) {
				t.Errorf("got %+v, want stage %d", s, factor)
			}
		}
		got.Done()
		<-to.Stop
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestSideBySide(t *testing.T) {
	broke := errors.New("it broke")
	for _, tc := range []struct {
		name    string
		stopped bool
		// first is how number 0 ends. The others go on until they are told to stop, or until ctx ends.
		first func(stop <-chan struct{}) error
		want  error
	}{
		{"told to stop", true, func(stop <-chan struct{}) error { <-stop; return nil }, nil},
		{"one ends", false, func(<-chan struct{}) error { return nil }, nil},
		{"one fails", false, func(<-chan struct{}) error { return broke }, broke},
	} {
		t.Run(tc.name, func(t *testing.T) {
			stop := make(chan struct{})
			if tc.stopped {
				close(stop)
			}
			orders := loadgen.Orders{Stop: stop}
			err := sideBySide(t.Context(), orders, 3, func(ctx context.Context, i int, to loadgen.Orders) error {
				if i == 0 {
					return tc.first(to.Stop)
				}
				select {
				case <-to.Stop:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			})
			if !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}
