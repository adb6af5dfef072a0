package loadgen

import (
	"bytes"
	"fmt"
	"io"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/sampleapp"
)

// BenchmarkAgentCost compares the processor time of the agent with that of plain `vegeta attack`, on the same
// machine, at the same rate: agent, vegeta, vegeta, agent in each iteration, so that a machine that gets slower
// or faster counts for both. The app is in this process and so in neither's time. Both programs are built
// first. -benchtime=5x is 200 seconds.
func BenchmarkAgentCost(b *testing.B) {
	const rate, each = 1000, 10 * time.Second
	folder := b.TempDir()
	build := func(name, pkg string) string {
		file := filepath.Join(folder, name)
		if out, err := exec.CommandContext(b.Context(), "go", "build", "-o", file, pkg).CombinedOutput(); err != nil {
			b.Fatalf("build %s: %v: %s", pkg, err, out)
		}
		return file
	}
	agent := build("loadgen", "github.com/canarylab/canarylab/cmd/loadgen")
	vegeta := build("vegeta", "github.com/tsenart/vegeta/v12")
	app := httptest.NewServer(sampleapp.New(sampleapp.Config{Version: "v1", Pod: "pod-a"}).Handler())
	defer app.Close()

	// cpu runs a program to its end, and drains what it writes.
	cpu := func(stdin io.Reader, stdout io.Writer, program string, args ...string) time.Duration {
		cmd := exec.CommandContext(b.Context(), program, args...)
		var stderr bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, &stderr
		if err := cmd.Run(); err != nil {
			b.Fatalf("%s: %v: %s", program, err, &stderr)
		}
		return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	ours := func() time.Duration {
		var stdin bytes.Buffer
		p := plan(app.URL+"/", each, Cohort{Name: "everyone", Rate: rate})
		p.Timeout = DefaultTimeout
		if err := WritePlan(&stdin, p); err != nil {
			b.Fatal(err)
		}
		// The end of stdin would end the run, and the agent waits for it at its end.
		open, end := io.Pipe()
		out, to := io.Pipe()
		decoded := make(chan error, 1)
		go func() {
			_, err := Decode(out, Handler{End: func(End) { _ = end.Close() }})
			decoded <- err
		}()
		took := cpu(io.MultiReader(&stdin, open), to, agent, "attack")
		_ = to.Close()
		if err := <-decoded; err != nil {
			b.Fatal(err)
		}
		return took
	}
	theirs := func() time.Duration {
		// Nil would be a file that discards everything, and not a pipe.
		return cpu(strings.NewReader("GET "+app.URL+"/\n"), struct{ io.Writer }{io.Discard},
			vegeta, "attack", fmt.Sprintf("-rate=%d", rate),
			"-duration="+each.String(), "-timeout="+DefaultTimeout.String())
	}
	var ratios, mine, plain []float64
	for b.Loop() {
		a1, v1, v2, a2 := ours(), theirs(), theirs(), ours()
		ratios = append(ratios, float64(a1+a2)/float64(v1+v2))
		mine = append(mine, (a1+a2).Seconds()/2)
		plain = append(plain, (v1+v2).Seconds()/2)
	}
	median := func(all []float64) float64 {
		slices.Sort(all)
		return all[len(all)/2]
	}
	perRequest := 1e6 / (rate * each.Seconds())
	b.ReportMetric(median(ratios), "agent/vegeta")
	b.ReportMetric(median(mine)*perRequest, "agent-µs/request")
	b.ReportMetric(median(plain)*perRequest, "vegeta-µs/request")
	b.Logf("ratios %.2f", ratios)
}
