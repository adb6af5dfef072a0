package trace_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports/trace"
)

// recorded are the lines about 1,000 requests of a run of label-mismatch at 500 a second on the embedded cluster, in
// the order in which they came: of each the sample and the entries of both proxies, or of the first where it met 503
// UH.
func recorded(t testing.TB) (lines []trace.Line, requests int) {
	t.Helper()
	if _, err := trace.FileSource("testdata/requests.jsonl.zst").Lines(false, func(l *trace.Line) error {
		if lines = append(lines, *l); l.Sample != nil {
			requests++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return lines, requests
}

// A counter counts what is written to it.
type counter int

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

func (c *counter) Close() error { return nil }

// plainWriter writes lines as they are, as every trace was before there were frames.
type plainWriter struct{ out *bufio.Writer }

func (w plainWriter) Append(l trace.Line) error {
	b, err := json.Marshal(l)
	if err != nil {
		return err
	}
	_, err = w.out.Write(append(b, '\n'))
	return err
}

func (w plainWriter) Close() error { return w.out.Flush() }

// A cost is that of one request.
type cost struct{ bytes, us float64 }

// costs are those of plain lines and of frames, of the best of some rounds over the lines of real requests.
func costs(t testing.TB, rounds int) (plain, frames cost) {
	t.Helper()
	lines, requests := recorded(t)
	const times = 5 // frames share nothing: what was in one before is new to the next
	write := func(n *counter, w interface {
		Append(l trace.Line) error
		io.Closer
	},
	) cost {
		began := time.Now()
		for i := range times * len(lines) {
			if err := w.Append(lines[i%len(lines)]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		took, all := time.Since(began), float64(times*requests)
		return cost{float64(*n) / all, float64(took.Nanoseconds()) / 1000 / all}
	}
	for i := range rounds {
		var a, b counter
		one, two := write(&a, plainWriter{bufio.NewWriter(&a)}), write(&b, trace.NewWriter(&b))
		if i == 0 {
			plain, frames = one, two
		}
		plain.us, frames.us = min(plain.us, one.us), min(frames.us, two.us)
	}
	return plain, frames
}

// A request takes 100 bytes at most, and a few microseconds more than the plain lines of before. The bound of time is
// wide, as another program may have the processor: ten times the cost of frames breaks it.
func TestCost(t *testing.T) {
	plain, frames := costs(t, 20)
	t.Logf("plain %.0f B and %.1f us a request, frames %.1f B and %.1f us", plain.bytes, plain.us, frames.bytes,
		frames.us)
	if frames.bytes > 100 || plain.bytes < 800 {
		t.Errorf("got %.1f bytes a request of %.0f, want 100 at most of about 950", frames.bytes, plain.bytes)
	}
	if frames.us > 5*plain.us {
		t.Errorf("got %.1f us a request, %.1f times that of plain lines, want 5 at most", frames.us, frames.us/plain.us)
	}
}

// What a frame of a second costs where there are few requests in it.
func TestCostOfSlowRuns(t *testing.T) {
	lines, requests := recorded(t)
	for rate, most := range map[int]float64{10: 130, 50: 90, 200: 80} {
		var n counter
		w := trace.NewWriter(&n)
		second := 0
		for _, l := range lines {
			if l.Sample != nil {
				if second++; second%rate == 0 {
					if err := w.Flush(); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := w.Append(l); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got := float64(n) / float64(requests)
		t.Logf("%d requests a second: %.1f B each", rate, got)
		if got > most {
			t.Errorf("%d requests a second: got %.1f bytes each, want %.0f at most", rate, got, most)
		}
	}
}

// BenchmarkWriter holds frames against plain lines, in one run: bytes and time a request, and their ratios.
func BenchmarkWriter(b *testing.B) {
	var plain, frames cost
	rounds := 0
	for b.Loop() {
		p, f := costs(b, 1)
		plain.bytes, frames.bytes = p.bytes, f.bytes
		plain.us, frames.us = plain.us+p.us, frames.us+f.us
		rounds++
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(frames.bytes, "B/request")
	b.ReportMetric(plain.bytes/frames.bytes, "times-smaller")
	b.ReportMetric(plain.us/float64(rounds), "plain-us/request")
	b.ReportMetric(frames.us/float64(rounds), "us/request")
	b.ReportMetric(frames.us/plain.us, "times-plain")
}

// BenchmarkReader reads the same from frames and from plain lines: with every line decoded, and facts alone.
func BenchmarkReader(b *testing.B) {
	lines, requests := recorded(b)
	var framed bytes.Buffer
	w := trace.NewWriter(nopCloser{&framed})
	for range 20 {
		for _, l := range lines {
			if err := w.Append(l); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	path := save(b, framed.Bytes())
	for name, facts := range map[string]bool{"all": false, "facts": true} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := trace.FileSource(path).Lines(facts, func(*trace.Line) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*20*requests), "us/request")
			b.ReportMetric(0, "ns/op")
		})
	}
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
