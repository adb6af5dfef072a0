package loadgen

import (
	"bytes"
	"io"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"
)

// What a run keeps must not grow with it: ten times the requests leave the heap as it was, except for noise, such as
// the stacks and buffers of running goroutines.
const (
	few, many = 10_000, 10 * 10_000
	// noise is a tenth of what the samples themselves would take.
	noise = (many - few) * 250 / 10
)

// heap returns the bytes in use after collections.
func heap() int64 {
	var m runtime.MemStats
	// A second collection frees what the first one's finalizers released.
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestAgentKeepsNoSamples(t *testing.T) {
	p := plan("http://a/", many*time.Second/MaxRate, Cohort{Name: "a", Rate: MaxRate})
	// This gives as many workers as 20,000 requests a second need whose answers take a millisecond.
	p.Timeout = time.Millisecond
	var (
		// Whoever measures the heap holds still, because it would count what others allocate meanwhile.
		still    sync.Mutex
		requests int
		at       [2]int64
	)
	// All requests were due an hour ago and are sent as fast as possible. No more are sent than written, so
	// that nothing accumulates that would not in a run that keeps its time.
	unwritten := make(chan struct{}, 4*batchSize)
	answers := roundTripper(func(*http.Request) (*http.Response, error) {
		unwritten <- struct{}{}
		still.Lock()
		defer still.Unlock()
		switch requests++; requests {
		case few:
			at[0] = heap()
		case many:
			at[1] = heap()
		}
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody}, nil
	})
	out := newSampleBuffer(writer(func(frame []byte) {
		frame = bytes.TrimPrefix(frame, []byte(streamLine+streamVersion+"\n"))
		for range count(frame[4:]) {
			<-unwritten
		}
	}), many)
	alarm, err := newAlarm(nil)
	if err != nil {
		t.Fatal(err)
	}
	pace := &pacer{begin: time.Now().Add(-time.Hour), rate: MaxRate, cohorts: 1, duration: p.Duration, alarm: alarm}
	a, err := newAttack(p, p.Cohorts[0], answers, out, pace, newLags())
	if err != nil {
		t.Fatal(err)
	}
	go out.write()
	a.run()
	out.close(End{})
	if err := <-out.done; err != nil {
		t.Fatal(err)
	}
	if a.count.Sent != many {
		t.Fatalf("got %d requests sent, want %d", a.count.Sent, many)
	}
	checkKept(t, at)
}

func checkKept(t *testing.T, at [2]int64) {
	t.Helper()
	t.Logf("%d kB after %d requests, %d kB after %d", at[0]>>10, few, at[1]>>10, many)
	if kept := at[1] - at[0]; kept > noise {
		t.Errorf("got %d kB more after %d requests than after %d, want up to %d", kept>>10, many, few, noise>>10)
	}
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }

func TestDecodeKeepsNoSamples(t *testing.T) {
	var at [2]int64
	n := 0
	end, err := Decode(&longStream{requests: many}, Handler{Samples: func(batch []Sample) {
		for range batch {
			switch n++; n {
			case few:
				at[0] = heap()
			case many:
				at[1] = heap()
			}
		}
	}})
	if err != nil || end.Cohorts[0].Sent != many {
		t.Fatalf("got %+v, %v, want %d requests", end, err, many)
	}
	checkKept(t, at)
}

// A longStream is an agent's stream that is generated while it is read.
type longStream struct {
	requests, sent int
	begun, ended   bool
	frames         bytes.Buffer
	enc            *encoder
}

func (s *longStream) Read(p []byte) (int, error) {
	if s.enc == nil {
		s.enc = newEncoder(&s.frames)
	}
	if s.frames.Len() == 0 {
		var m message
		switch {
		case !s.begun:
			m.Begin, s.begun = &Begin{}, true
		case s.sent < s.requests:
			batch := aBatch()[:min(batchSize, s.requests-s.sent)]
			for i := range batch {
				batch[i].Seq = uint64(s.sent + i)
			}
			m.Samples = batch
			s.sent += len(batch)
		case !s.ended:
			m.End, s.ended = &End{Cohorts: []Count{{"everyone", uint64(s.sent), uint64(s.sent)}}}, true
		default:
			return 0, io.EOF
		}
		if err := s.enc.write(m); err != nil {
			return 0, err
		}
	}
	return s.frames.Read(p)
}
