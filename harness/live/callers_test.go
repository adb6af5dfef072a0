package live

import (
	"context"
	"errors"
	"testing"
)

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
			err := sideBySide(t.Context(), stop, 3, func(ctx context.Context, i int, stop <-chan struct{}) error {
				if i == 0 {
					return tc.first(stop)
				}
				select {
				case <-stop:
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
