package loadgen

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"
)

// aBatch returns a full batch, as it comes from a healthy run.
func aBatch() []Sample {
	begin := time.Date(2026, 11, 23, 6, 0, 0, 123456789, time.UTC)
	batch := make([]Sample, batchSize)
	for i := range batch {
		due := begin.Add(time.Duration(i) * time.Millisecond)
		batch[i] = Sample{
			Cohort: "everyone", Seq: uint64(i), ID: fmt.Sprintf("k3x9q2-everyone-%d", i),
			Due: due, Sent: due.Add(61 * time.Microsecond), Done: due.Add(1234567),
			Code: 200, Version: "v1", Pod: "my-service-v1-6d4b75cb6d-8x2kp", Bytes: 52,
		}
	}
	return batch
}

// BenchmarkEncode measures the agent's cost of one sample on the wire.
func BenchmarkEncode(b *testing.B) {
	out, batch := newSampleBuffer(io.Discard, 1), aBatch()
	b.ReportAllocs()
	for b.Loop() {
		if err := out.writeLine(line{Samples: batch}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batchSize), "ns/sample")
}

// BenchmarkDecode measures the client's cost of one sample, checks included.
func BenchmarkDecode(b *testing.B) {
	var stream bytes.Buffer
	enc := json.NewEncoder(&stream)
	batch := aBatch()
	for _, l := range []line{{Begin: &Begin{}}, {Samples: batch}, {
		End: &End{Cohorts: []Count{{"everyone", batchSize, batchSize}}},
	}} {
		if err := enc.Encode(l); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(stream.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(bytes.NewReader(stream.Bytes()), Handler{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batchSize), "ns/sample")
}

func streamOf(t *testing.T, lines ...line) string {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, l := range lines {
		if err := enc.Encode(l); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestDecode(t *testing.T) {
	begin := line{Begin: &Begin{Run: "abc", Pod: "pod-a"}}
	batch := func(seqs ...uint64) line {
		l := line{}
		for _, q := range seqs {
			l.Samples = append(l.Samples, Sample{Cohort: "a", Seq: q, Code: 200})
		}
		return l
	}
	end := func(sent, answered uint64) line {
		return line{End: &End{Why: Stopped, Cohorts: []Count{{"a", sent, answered}}}}
	}
	unanswered := line{Samples: []Sample{{Cohort: "a", Seq: 0, Err: "refused"}}}
	whole := streamOf(t, begin, batch(0, 2), batch(1), end(3, 3))
	for _, c := range []struct {
		name, stream, want string // want "": no error
		ended              bool   // an End is returned
	}{
		{"in any order", whole, "", true},
		{"without load", streamOf(t, begin, end(0, 0)), "", true},
		{"unanswered", streamOf(t, begin, unanswered, end(1, 0)), "", true},
		{"nothing", "", "cut before its begin line", false},
		{"cut after the begin", streamOf(t, begin), "cut before its end line, after 0 samples", false},
		{"cut between lines", streamOf(t, begin, batch(0, 1)), "cut before its end line, after 2 samples", false},
		{
			"cut in a batch", whole[:len(streamOf(t, begin, batch(0, 2)))+20],
			"line 3, after 2 samples: unexpected EOF", false,
		},
		{"cut in the end line", whole[:len(whole)-5], "line 4, after 3 samples: unexpected EOF", false},
		{
			"duplicate", streamOf(t, begin, batch(0, 1), batch(1), end(3, 3)), "cohort a: sequence number 1 came twice",
			false,
		},
		{"gap", streamOf(t, begin, batch(0, 1, 3), end(4, 4)), "cohort a: sequence number 2 is missing", true},
		{
			"gap that the counts don't show", streamOf(t, begin, batch(0, 1, 3), end(3, 3)),
			"sequence number 2 is missing", true,
		},
		{
			"last one missing", streamOf(t, begin, batch(0, 1), end(3, 3)),
			"saw 2 samples, 2 of them answered; the agent sent 3", true,
		},
		{"one too many", streamOf(t, begin, batch(0, 1), end(1, 1)), "saw 2 samples", true},
		{"answered differs", streamOf(t, begin, batch(0), unanswered, end(1, 0)), "came twice", false},
		{
			"answers differ", streamOf(t, begin, unanswered, end(1, 1)),
			"saw 1 samples, 0 of them answered; the agent sent 1, 1", true,
		},
		{
			"cohort that nobody sent", streamOf(t, begin, batch(0), line{End: &End{}}),
			"cohort a: has samples, but is not in the end", true,
		},
		{
			"dropped",
			streamOf(t, begin, batch(0), line{End: &End{Why: Overflow, Dropped: 7, Cohorts: []Count{{"a", 1, 1}}}}),
			"7 samples were dropped", true,
		},
		{"no begin", streamOf(t, batch(0), end(1, 1)), "line 1: want one begin line", false},
		{"two begins", streamOf(t, begin, begin), "line 2: want one begin line", false},
		{"more after the end", whole + streamOf(t, batch(3)), "line 5: there is more", true},
		{"seq out of bounds", streamOf(t, begin, batch(1<<60)), "out of bounds", false},
		{"no JSON", streamOf(t, begin) + "panic: oh\n", "line 2, after 0 samples: invalid character", false},
		{"unknown line", streamOf(t, begin) + "{\"hello\":1}\n", "unknown field", false},
		{"empty line", streamOf(t, begin) + "{}\n", "line 2: want one begin line", false},
		{"endless line", streamOf(t, begin) + strings.Repeat("x", maxLine+1), "too long", false},
	} {
		got, err := Decode(strings.NewReader(c.stream), Handler{})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
		if (got != nil) != c.ended {
			t.Errorf("%s: got the end %+v, want one: %v", c.name, got, c.ended)
		}
		if strings.HasPrefix(c.name, "cut") && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: got %v, want an unexpected EOF", c.name, err)
		}
	}
}

func TestSamplesSurviveTheWire(t *testing.T) {
	batch := aBatch()
	batch[7] = Sample{
		Cohort: "everyone", Seq: 7, ID: "x", Unsent: true,
		Err: "dial tcp: lookup <my-service>: \"no\nsuch host\" \x00 é",
	}
	in := streamOf(t, line{Begin: &Begin{Run: "abc"}}, line{Samples: batch}, line{
		End: &End{Cohorts: []Count{{"everyone", batchSize, batchSize - 1}}},
	})
	var got []Sample
	if _, err := Decode(strings.NewReader(in), Handler{
		Samples: func(b []Sample) { got = append(got, b...) },
	}); err != nil {
		t.Fatal(err)
	}
	for i := range batch {
		if !reflect.DeepEqual(got[i], batch[i]) {
			t.Errorf("got %+v, want %+v", got[i], batch[i])
		}
	}
}

func TestFullBatchFitsALine(t *testing.T) {
	var b bytes.Buffer
	worst := strings.Repeat("\x01", maxText) // six bytes each in JSON
	l := line{}
	for range batchSize {
		l.Samples = append(l.Samples, Sample{
			Cohort: strings.Repeat("c", maxName), ID: strings.Repeat("i", 3*maxName), Err: worst, Version: worst,
			Pod: worst,
		})
	}
	if err := newSampleBuffer(&b, 1).writeLine(l); err != nil {
		t.Fatal(err)
	}
	if b.Len() > maxLine {
		t.Errorf("got %d bytes, Decode takes %d", b.Len(), maxLine)
	}
}

// A gate is a reader that takes nothing until it is opened.
type gate struct {
	open chan struct{}
	got  bytes.Buffer
}

func (g *gate) Write(p []byte) (int, error) { <-g.open; return g.got.Write(p) }

func TestOutboxNeverWaits(t *testing.T) {
	const limit, extra = 1000, 5
	g := &gate{open: make(chan struct{})}
	o := newSampleBuffer(g, limit)
	sample := func(i int) Sample { return Sample{Cohort: "a", Seq: uint64(i), Code: 200} }
	// There is no writer yet, as if the reader stood still.
	for i := range limit {
		o.add(sample(i))
	}
	select {
	case <-o.overflow:
		t.Fatal("overflow at the limit, want it beyond")
	default:
	}
	for i := range extra {
		o.add(sample(limit + i))
	}
	select {
	case <-o.overflow:
	default:
		t.Fatal("no overflow beyond the limit")
	}
	o.close(End{Why: Overflow, Cohorts: []Count{{"a", limit + extra, limit + extra}}})
	close(g.open)
	o.write()
	if err := <-o.done; err != nil {
		t.Fatal(err)
	}
	end, err := Decode(strings.NewReader(streamOf(t, line{Begin: &Begin{}})+g.got.String()), Handler{})
	if end == nil || end.Dropped != extra || err == nil || !strings.Contains(err.Error(), "5 samples were dropped") {
		t.Errorf("got %+v, %v, want that 5 samples were dropped", end, err)
	}
}

func TestFullBatchDoesNotWait(t *testing.T) {
	o := newSampleBuffer(io.Discard, 1000)
	for i := range batchSize {
		if got := len(o.full); got != 0 {
			t.Fatalf("the writer is woken after %d samples, want %d", i, batchSize)
		}
		o.add(Sample{Seq: uint64(i)})
	}
	if got := len(o.full); got != 1 {
		t.Errorf("the writer is not woken after %d samples", batchSize)
	}
}

func TestBatchIsWrittenWhenDue(t *testing.T) {
	r, w := io.Pipe()
	defer r.Close()
	o := newSampleBuffer(w, 1000)
	go o.write()
	lines := json.NewDecoder(r)
	for _, n := range []int{1, batchSize} {
		began := time.Now()
		for i := range n {
			o.add(Sample{Seq: uint64(i)})
		}
		for got := 0; got < n; {
			var l line
			if err := lines.Decode(&l); err != nil {
				t.Fatal(err)
			}
			got += len(l.Samples)
		}
		// Twice the bound, for a busy machine.
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("%d samples: written after %s, want 50ms at most", n, took)
		}
	}
}
