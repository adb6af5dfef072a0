package loadgen

import (
	"bytes"
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
		if err := out.enc.write(message{Samples: batch}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batchSize), "ns/sample")
}

// BenchmarkDecode measures the client's cost of one sample, checks included.
func BenchmarkDecode(b *testing.B) {
	var stream bytes.Buffer
	enc := newEncoder(&stream)
	batch := aBatch()
	for _, m := range []message{{Begin: &Begin{Run: "k3x9q2"}}, {Samples: batch}, {
		End: &End{Cohorts: []Count{{"everyone", batchSize, batchSize}}},
	}} {
		if err := enc.write(m); err != nil {
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
	b.ReportMetric(float64(stream.Len())/batchSize, "bytes/sample")
}

// streamOf is a stream of messages.
func streamOf(t *testing.T, all ...message) string {
	t.Helper()
	var b bytes.Buffer
	enc := newEncoder(&b)
	for _, m := range all {
		if err := enc.write(m); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestDecode(t *testing.T) {
	begin := message{Begin: &Begin{Run: "abc", Pod: "pod-a"}}
	batch := func(seqs ...uint64) message {
		l := message{}
		for _, q := range seqs {
			l.Samples = append(l.Samples, Sample{Cohort: "a", Seq: q, Code: 200})
		}
		return l
	}
	end := func(sent, answered uint64) message {
		return message{End: &End{Why: Stopped, Cohorts: []Count{{"a", sent, answered}}}}
	}
	unanswered := message{Samples: []Sample{{Cohort: "a", Seq: 0, Err: "refused"}}}
	whole := streamOf(t, begin, batch(0, 2), batch(1), end(3, 3))
	var words bytes.Buffer
	if err := WriteFailure(&words, "out of memory"); err != nil {
		t.Fatal(err)
	}
	failure := words.String()
	for _, c := range []struct {
		name, stream, want string // want "": no error
		ended              bool   // an End is returned
	}{
		{"in any order", whole, "", true},
		{"without load", streamOf(t, begin, end(0, 0)), "", true},
		{"unanswered", streamOf(t, begin, unanswered, end(1, 0)), "", true},
		{"nothing", "", "cut before its begin", false},
		{"cut after the begin", streamOf(t, begin), "cut before its end, after 0 samples", false},
		{"cut between lines", streamOf(t, begin, batch(0, 1)), "cut before its end, after 2 samples", false},
		{
			"cut in a batch", whole[:len(streamOf(t, begin, batch(0, 2)))+5],
			"frame 3, after 2 samples: unexpected EOF", false,
		},
		{"cut in the end", whole[:len(whole)-5], "frame 4, after 3 samples: unexpected EOF", false},
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
			"cohort that nobody sent", streamOf(t, begin, batch(0), message{End: &End{}}),
			"cohort a: has samples, but is not in the end", true,
		},
		{
			"dropped",
			streamOf(t, begin, batch(0), message{End: &End{Why: Overflow, Dropped: 7, Cohorts: []Count{{"a", 1, 1}}}}),
			"7 samples were dropped", true,
		},
		{"no begin", streamOf(t, batch(0), end(1, 1)), "frame 1: want one begin", false},
		{"two begins", streamOf(t, begin, begin), "frame 2: want one begin", false},
		{"more after the end", whole + framesOf(t, batch(3)), "frame 5: there is more", true},
		{"seq out of bounds", streamOf(t, begin, batch(1<<60)), "out of bounds", false},
		{"no frame", streamOf(t, begin) + "panic: oh\n", "is too long", false},
		{"unknown field", streamOf(t, begin) + "\x00\x00\x00\x02\x7a\x00", "it has a field 15", false},
		{
			"unknown field of a sample", streamOf(t, begin) + "\x00\x00\x00\x05\x12\x03\xf8\x01\x01",
			"a sample has a field 31", false,
		},
		{"half a field", streamOf(t, begin) + "\x00\x00\x00\x02\x12\x7f", errFrame.Error(), false},
		{"unknown message", streamOf(t, begin) + "\x00\x00\x00\x0d\x1a\x0b{\"hello\":1}", "unknown field", false},
		{"empty frame", streamOf(t, begin) + "\x00\x00\x00\x00", "frame 2: want one begin", false},
		{"too long a frame", streamOf(t, begin) + "\x7f\x00\x00\x00", "too long", false},
		{"no agent", "Usage: pause\n", `no load agent writes this: "Usage`, false},
		{"no agent, for long", strings.Repeat("x", 1<<20), "no load agent writes this", false},
		{"older build", `{"begin":{"run":"abc"}}` + "\n", "version 1 of the stream, this canarylab reads", false},
		{"newer build", streamLine + "3\n\x00", "version 3 of the stream, this canarylab reads version 2;", false},
		{"failed at once", failure, "frame 1, after 0 samples: the load agent failed: out of memory", false},
		{
			"failed", streamOf(t, begin, batch(0)) + failure, "frame 3, after 1 samples: the load agent failed: out",
			false,
		},
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

// framesOf are messages without the line that begins a stream.
func framesOf(t *testing.T, all ...message) string {
	t.Helper()
	return strings.TrimPrefix(streamOf(t, all...), streamLine+streamVersion+"\n")
}

func TestSamplesSurviveTheWire(t *testing.T) {
	batch := aBatch()
	begin := batch[0].Due.Add(-time.Second)
	batch[7] = Sample{
		Cohort: "beta", Seq: 7, ID: "k3x9q2-beta-7", Unsent: true, Due: batch[6].Due.Add(-time.Hour),
		Sent: batch[6].Due, Done: batch[5].Due,
		Err: "dial tcp: lookup <my-service>: \"no\nsuch host\" \x00 é",
	}
	for i, serial := range []string{
		"k3x9qa-17", "a-b-18", "a-018", "a-", "-1", "a-+1", "17", "a-99999999999999999999",
	} {
		batch[10+i].Serial = serial
	}
	batch[30].Notes = map[string]string{"the path that the app sees": "/a", "header x of the answer": ""}
	in := streamOf(t, message{Begin: &Begin{Run: "k3x9q2", Start: begin}}, message{Samples: batch[:100]},
		message{Samples: batch[100:]}, message{End: &End{Cohorts: []Count{
			{"everyone", batchSize - 1, batchSize - 1}, {"beta", 1, 0},
		}}})
	var got []Sample
	_, err := Decode(strings.NewReader(in), Handler{Samples: func(b []Sample) { got = append(got, b...) }})
	if err != nil && !strings.Contains(err.Error(), "number 7 is missing") { // beta's has its place
		t.Fatal(err)
	}
	if len(got) != len(batch) {
		t.Fatalf("got %d samples, want %d", len(got), len(batch))
	}
	for i := range batch {
		if !reflect.DeepEqual(got[i], batch[i]) {
			t.Errorf("got %+v, want %+v", got[i], batch[i])
		}
	}
}

// A field that is added to Sample has to be added to the wire.
func TestEveryFieldCrossesTheWire(t *testing.T) {
	want := Sample{ID: "r-text-1"}
	v := reflect.ValueOf(&want).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Interface().(type) {
		case string:
			if f.String() == "" {
				f.SetString("text")
			}
		case int:
			f.SetInt(1)
		case uint64:
			f.SetUint(1)
		case bool:
			f.SetBool(true)
		case time.Time:
			f.Set(reflect.ValueOf(time.Unix(int64(i), 7).UTC()))
		case map[string]string:
			f.Set(reflect.ValueOf(map[string]string{"a": "b"}))
		default:
			t.Fatalf("field %s is a %s: have this test fill it", v.Type().Field(i).Name, f.Type())
		}
	}
	var got []Sample
	begin := message{Begin: &Begin{Run: "r", Start: time.Unix(0, 0).UTC()}}
	stream := streamOf(t, begin, message{Samples: []Sample{want}})
	_, _ = Decode(strings.NewReader(stream), Handler{Samples: func(b []Sample) { got = b }})
	if len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Names without end, as an attacker's server makes them up, don't fill the memory of either side.
func TestTableOfNamesIsBounded(t *testing.T) {
	var stream bytes.Buffer
	e := newEncoder(&stream)
	if err := e.write(message{Begin: &Begin{Run: "r"}}); err != nil {
		t.Fatal(err)
	}
	const n = 3 * maxTexts
	for i := range uint64(n) {
		pod := fmt.Sprintf("pod-%d", i)
		if err := e.write(message{Samples: []Sample{{Cohort: "a", Seq: i, Code: 200, Pod: pod}}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.write(message{End: &End{Cohorts: []Count{{"a", n, n}}}}); err != nil {
		t.Fatal(err)
	}
	if len(e.texts) > maxTexts {
		t.Errorf("the table has %d names, want %d at most", len(e.texts), maxTexts)
	}
	_, err := Decode(&stream, Handler{Samples: func(b []Sample) {
		if want := fmt.Sprintf("pod-%d", b[0].Seq); b[0].Pod != want {
			t.Fatalf("got %q, want %q", b[0].Pod, want)
		}
	}})
	if err != nil {
		t.Error(err)
	}
}

func TestFullBatchFitsAFrame(t *testing.T) {
	var b bytes.Buffer
	worst := strings.Repeat("x", maxText)
	m := message{}
	for i := range batchSize {
		s := Sample{
			Cohort: strings.Repeat("c", maxName), Err: worst, Version: worst, Pod: worst, Serial: worst,
			Notes: map[string]string{},
		}
		for n := range MaxNotes {
			s.Notes[fmt.Sprintf("%s%d", worst, n)] = worst
		}
		s.Version += fmt.Sprint(i)
		m.Samples = append(m.Samples, s)
	}
	if err := newEncoder(&b).write(m); err != nil {
		t.Fatal(err)
	}
	if b.Len() > maxFrame {
		t.Errorf("got %d bytes, Decode takes %d", b.Len(), maxFrame)
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
	end, err := Decode(strings.NewReader(framesIn(t, g.got.String())), Handler{})
	if end == nil || end.Dropped != extra || err == nil || !strings.Contains(err.Error(), "5 samples were dropped") {
		t.Errorf("got %+v, %v, want that 5 samples were dropped", end, err)
	}
}

// framesIn gives a stream without a beginning one.
func framesIn(t *testing.T, stream string) string {
	t.Helper()
	head := streamLine + streamVersion + "\n"
	return streamOf(t, message{Begin: &Begin{}}) + strings.TrimPrefix(stream, head)
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
	frames := newFrameReader(r)
	for _, n := range []int{1, batchSize} {
		began := time.Now()
		for i := range n {
			o.add(Sample{Seq: uint64(i)})
		}
		for got := 0; got < n; {
			m, err := frames.next()
			if err != nil {
				t.Fatal(err)
			}
			got += len(m.Samples)
		}
		// Twice the bound, for a busy machine.
		if took := time.Since(began); took > 2*flushEvery {
			t.Errorf("%d samples: written after %s, want %s at most", n, took, flushEvery)
		}
	}
}
