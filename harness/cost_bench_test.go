package harness

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports/trace"
)

// BenchmarkCost says what a request costs at a steady rate, COST_RATE (500) a second for COST_SECONDS (20): processor
// time by program, and the sum of what is there only to measure. It tells first what the same programs take without any
// load, as their share of one processor. -benchtime=2x.
func BenchmarkCost(b *testing.B) {
	number := func(name string, otherwise int) int {
		if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
			return n
		}
		return otherwise
	}
	rate, each := number("COST_RATE", 500), time.Duration(number("COST_SECONDS", 20))*time.Second
	x := newBench(b, os.Getenv("COST_UNRECORDED") == "")
	x.load(b, 200, 3*time.Second)
	_, _ = x.env.Processors.Used()
	look := func() trace.Processor {
		b.Helper()
		u, err := x.env.Processors.Used()
		if err != nil {
			b.Fatal(err)
		}
		return u
	}
	time.Sleep(each / 2)
	idle := look()
	b.Logf("idle: %s", costs(idle, func(d time.Duration) string {
		return fmt.Sprintf("%.2f %%", 100*d.Seconds()/idle.Took.Seconds())
	}))
	var sum trace.Processor
	n := 0
	for b.Loop() {
		look()
		x.agentCPU = 0
		x.recordedAll = func() {
			more := look()
			// The agent's process has ended, so that nobody knows of it but itself.
			more.Add(trace.Processor{Programs: []trace.Program{{Name: "load agent", CPU: x.agentCPU}}})
			more.Other = max(more.Other-x.agentCPU, 0)
			sum.Add(more)
		}
		books, o := x.load(b, rate, each)
		n += int(books.Requests)
		why, _ := x.honest(books, o)
		l := o.Settled.Total.Latency["v1"]
		b.Logf("lag p99 %s, latency p50 %s, p99 %s %s", books.Pace[0].LagP99, l.P50, l.P99, why)
	}
	per := func(d time.Duration) string {
		return fmt.Sprintf("%.0f", float64(d.Microseconds())/float64(n))
	}
	b.Logf("µs a request: %s", costs(sum, per))
	measuring := map[string]bool{
		"load agent": true, "loadgen": true,
		"accesslog": true, "harness.test": true, "canarylab": true, "kube-apiserver": true,
		"kubelet": true, "containerd": true, "containerd-shim": true, "etcd": true, "noded": true,
	}
	var all, ours time.Duration
	for _, p := range sum.Programs {
		all += p.CPU
		if measuring[p.Name] {
			ours += p.CPU
		}
	}
	b.ReportMetric(float64(ours.Microseconds())/float64(n), "measuring-µs/request")
	b.ReportMetric(float64((all+sum.Other).Microseconds())/float64(n), "all-µs/request")
	b.ReportMetric(float64(ours)/float64(all-ours), "measuring/rest")
}

// costs tells what programs took, the greediest first.
func costs(p trace.Processor, say func(time.Duration) string) string {
	var all []string
	for _, program := range p.Programs {
		all = append(all, program.Name+" "+say(program.CPU))
	}
	return strings.Join(append(all, "others "+say(p.Other)), ", ")
}
