package live

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports/trace"
)

// What this process uses is told by its name.
func TestProcessorsNameWhoUsesThem(t *testing.T) {
	p := &processors{}
	if _, err := p.Used(); err == nil {
		t.Error("the first look says something")
	}
	// A processor's time is counted in steps of 10 ms.
	self := func() time.Duration {
		used, err := p.Used()
		if err != nil {
			t.Fatal(err)
		}
		if used.Took <= 0 || used.Cores < 1 {
			t.Fatalf("got %+v, want a time and processors", used)
		}
		name := filepath.Base(os.Args[0])
		name = name[:min(len(name), 15)]
		i := slices.IndexFunc(used.Programs, func(q trace.Program) bool { return strings.HasPrefix(q.Name, name) })
		if i < 0 {
			return 0
		}
		return used.Programs[i].CPU
	}
	for sum, end := 0, time.Now().Add(10*time.Second); time.Now().Before(end); {
		for i := range 100_000_000 {
			sum += i
		}
		if self() > 0 {
			return
		}
	}
	t.Error("this process is not among the programs")
}

func BenchmarkProcessors(b *testing.B) {
	p := &processors{}
	_, _ = p.Used()
	for b.Loop() {
		if _, err := p.Used(); err != nil {
			b.Fatal(err)
		}
	}
}
