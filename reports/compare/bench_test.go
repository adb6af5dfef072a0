package compare

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// tenMinutes writes a run of ten minutes at 1,000 requests a second, with a timeline such as it has, and
// returns its folder.
func tenMinutes(b *testing.B, seed uint64) string {
	b.Helper()
	w := alike(seed)
	w.requests = 150_000
	r := w.run().Report
	t := &analysis.Timeline{Start: day, BinMS: 100, Bins: 6000}
	for _, version := range []string{"v1", "v2"} {
		s := analysis.Series{Version: version}
		for i := range t.Bins {
			s.Counts = append(s.Counts, 50+i%7)
		}
		t.Series = append(t.Series, s)
	}
	r.Timeline = t
	dir := filepath.Join(b.TempDir(), "run")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	if err := r.Save(dir); err != nil {
		b.Fatal(err)
	}
	return dir
}

// BenchmarkCompareTenMinutes compares two such runs, from their folders to the HTML, and says how many times as
// long as it takes to decode both reports alone.
func BenchmarkCompareTenMinutes(b *testing.B) {
	dirs := []string{tenMinutes(b, 1), tenMinutes(b, 2)}
	decode := func() time.Duration {
		begun := time.Now()
		for _, dir := range dirs {
			text, err := os.ReadFile(filepath.Join(dir, reports.ReportFile))
			if err != nil {
				b.Fatal(err)
			}
			if err := json.Unmarshal(text, &reports.Report{}); err != nil {
				b.Fatal(err)
			}
		}
		return time.Since(begun)
	}
	var decoding, comparing time.Duration
	for b.Loop() {
		decoding += decode()
		begun := time.Now()
		var sides []Side
		for _, dir := range dirs {
			r, err := reports.OpenRun(dir)
			if err != nil {
				b.Fatal(err)
			}
			sides = append(sides, Side{r})
		}
		c, err := New(sides...)
		if err != nil {
			b.Fatal(err)
		}
		if err := HTML(io.Discard, c); err != nil {
			b.Fatal(err)
		}
		comparing += time.Since(begun)
	}
	b.ReportMetric(comparing.Seconds()/decoding.Seconds(), "times-decoding")
	b.ReportMetric(comparing.Seconds()/float64(b.N), "s/comparison")
}
