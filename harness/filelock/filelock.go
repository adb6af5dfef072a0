// Package filelock keeps two canarylabs on one machine from doing the same thing at once.
package filelock

import (
	"context"
	"fmt"
	"time"

	"github.com/gofrs/flock"

	"github.com/canarylab/canarylab/harness/progress"
)

// lookEvery is how often a lock that is taken is tried again.
const lookEvery = 20 * time.Millisecond

// Lock takes the lock of the file at path, which is made if need be, and returns how to let go of it. The kernel
// lets go of it with the process, however that ends. If another process holds the lock, Lock tells steps (which may
// be nil) what it waits for, and waits until ctx ends.
func Lock(ctx context.Context, path, what string, steps progress.Progress) (unlock func(), err error) {
	lock := flock.New(path, flock.SetPermissions(0o600))
	release := func() { _ = lock.Close() } // closing lets go; there is nothing to do about a failure
	taken, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if taken {
		return release, nil
	}
	done := progress.Begin(steps, "wait for another canarylab: "+what)
	_, err = lock.TryLockContext(ctx, lookEvery)
	done(err)
	if err != nil {
		return nil, fmt.Errorf("wait for another canarylab: %s (%s): %w", what, path, err)
	}
	return release, nil
}

// Share takes the lock of the file at path together with others that share it, and returns how to let go of it.
// It waits for whoever holds it alone.
func Share(ctx context.Context, path string) (unlock func(), err error) {
	lock := flock.New(path, flock.SetPermissions(0o600))
	if _, err := lock.TryRLockContext(ctx, lookEvery); err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { _ = lock.Close() }, nil
}

// Try takes the lock of the file at path alone, if nobody holds it.
func Try(path string) (unlock func(), taken bool, err error) {
	lock := flock.New(path, flock.SetPermissions(0o600))
	taken, err = lock.TryLock()
	if err != nil {
		return nil, false, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { _ = lock.Close() }, taken, nil
}

// Held tells whether somebody holds the lock of the file at path alone, and takes nothing. Several may ask at once.
func Held(path string) (bool, error) {
	lock := flock.New(path, flock.SetPermissions(0o600))
	taken, err := lock.TryRLock()
	if err != nil {
		return false, fmt.Errorf("look at the lock %s: %w", path, err)
	}
	_ = lock.Close()
	return !taken, nil
}
