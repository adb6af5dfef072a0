package live

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/prometheus/procfs"

	"github.com/canarylab/canarylab/reports/trace"
)

// processors implements environment.Processors by /proc. What it does not see, such as the processes of another
// container's host, is in what others used.
type processors struct {
	at time.Time
	// stat is the machine's processor time, of is each process', by process and the moment of its start.
	stat procfs.CPUStat
	of   map[life]float64
}

// A life is one of a process: a number is given again.
type life struct {
	pid   int
	start uint64
}

// A look at one process takes some 50 µs. One at all of them without a pause keeps a processor for 10 ms, in which
// requests that are due wait.
const (
	burst = 10
	pause = 5 * time.Millisecond
)

// names are what programs are called that the kernel cuts or calls otherwise: it keeps 15 letters.
var names = map[string]string{"pilot-discovery": "istiod", "kube-controller": "kube-controller-manager"}

func (p *processors) Used() (used trace.Processor, err error) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return used, fmt.Errorf("read who uses the processors: %w", err)
	}
	all, err := fs.AllProcs()
	if err != nil {
		return used, fmt.Errorf("read who uses the processors: %w", err)
	}
	of, by := make(map[life]float64, len(all)), map[string]float64{}
	for i, process := range all {
		if i%burst == burst-1 {
			time.Sleep(pause)
		}
		stat, err := process.Stat()
		if err != nil {
			continue // it has ended meanwhile
		}
		l := life{stat.PID, stat.Starttime}
		of[l] = stat.CPUTime()
		// A process that began since then has used all that it used.
		if more := of[l] - p.of[l]; more > 0 {
			name := stat.Comm
			if known := names[name]; known != "" {
				name = known
			}
			by[name] += more
		}
	}
	stat, err := fs.Stat()
	if err != nil {
		return used, fmt.Errorf("read who uses the processors: %w", err)
	}
	now := time.Now()
	first := p.of == nil
	before, at := p.stat, p.at
	p.of, p.stat, p.at = of, stat.CPUTotal, now
	if first {
		return used, errors.New("nobody looked before")
	}
	used.Took, used.Cores = now.Sub(at), max(len(stat.CPU), runtime.NumCPU())
	used.Stolen = seconds(stat.CPUTotal.Steal - before.Steal)
	rest := busy(stat.CPUTotal) - busy(before)
	var more trace.Processor
	for name, s := range by {
		more.Programs = append(more.Programs, trace.Program{Name: name, CPU: seconds(s)})
		rest -= s
	}
	more.Other = seconds(max(rest, 0))
	used.Add(more)
	return used, nil
}

// busy is what somebody used of this machine's processors. A guest's time is in its user's.
func busy(s procfs.CPUStat) float64 { return s.User + s.Nice + s.System + s.IRQ + s.SoftIRQ }

func seconds(s float64) time.Duration { return time.Duration(max(s, 0) * float64(time.Second)) }
