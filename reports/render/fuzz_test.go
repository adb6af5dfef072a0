package render_test

import (
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/compare"
	"github.com/canarylab/canarylab/reports/render"
	"github.com/canarylab/canarylab/reports/terminal"
)

// soon is how much of a processor's time a small report may take to be drawn in all formats, by a fuzzer's slow code.
const soon = 5 * time.Second

// used is the processor's time that this process has had.
func used(t *testing.T) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// FuzzReport takes anything for a report.json: whatever can be read can be drawn, in every format, and compared with
// itself. Its corpus has small reports: a fuzzer of large ones tries a few a second.
func FuzzReport(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		began := used(t)
		r, err := reports.Decode(b, "it")
		if err != nil {
			return
		}
		run := &reports.Run{Dir: t.TempDir(), Report: r}
		for _, format := range render.Formats() {
			_ = format.Write(io.Discard, run) // an error is an answer, a panic is none
		}
		if c, err := compare.New(compare.Side{run}, compare.Side{run}); err == nil {
			_ = compare.Text(io.Discard, c, terminal.Options{})
		}
		if took := used(t) - began; took > soon {
			t.Errorf("got %s for %d bytes, want %s at most", took, len(b), soon)
		}
	})
}
