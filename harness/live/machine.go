package live

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/procfs"

	"github.com/canarylab/canarylab/harness/environment"
)

// Machine implements training.Machine by /proc, for the machine that canarylab runs on.
type Machine struct{}

// Use implements training.Machine. Processor time that the hypervisor gave to other machines counts as used.
func (Machine) Use(ctx context.Context, over time.Duration) (u environment.Use, err error) {
	p := &processors{}
	_, _ = p.Used() // what was before does not count
	timer := time.NewTimer(over)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return u, context.Cause(ctx)
	}
	used, err := p.Used()
	if err != nil {
		return u, err
	}
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return u, fmt.Errorf("read how much memory is free: %w", err)
	}
	memory, err := fs.Meminfo()
	if err != nil {
		return u, fmt.Errorf("read how much memory is free: %w", err)
	}
	if memory.MemTotalBytes == nil || memory.MemAvailableBytes == nil {
		return u, errors.New("read how much memory is free: the kernel does not say")
	}
	u = environment.Use{CPU: used.Busy() * float64(used.Cores), Cores: used.Cores, Total: int64(*memory.MemTotalBytes)}
	u.Memory = u.Total - int64(*memory.MemAvailableBytes)
	return u, nil
}
