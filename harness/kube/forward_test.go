package kube

import (
	"errors"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/httpstream"
)

// A fakeStream is one half of a pipe. Reset breaks it.
type fakeStream struct {
	io.Reader
	io.Writer
	headers http.Header
	reset   func(error) error
}

func (s *fakeStream) Close() error         { return nil }
func (s *fakeStream) Reset() error         { return s.reset(errors.New("stream reset")) }
func (s *fakeStream) Headers() http.Header { return s.headers }
func (s *fakeStream) Identifier() uint32   { return 0 }

// A fakeSession returns streams whose far ends the test holds.
type fakeSession struct {
	streams []*io.PipeWriter
	headers []http.Header
	removed int
}

func (s *fakeSession) CreateStream(h http.Header) (httpstream.Stream, error) {
	r, w := io.Pipe()
	s.streams = append(s.streams, w)
	s.headers = append(s.headers, h.Clone())
	return &fakeStream{Reader: r, Writer: io.Discard, headers: h, reset: w.CloseWithError}, nil
}
func (s *fakeSession) Close() error                               { return nil }
func (s *fakeSession) CloseChan() <-chan bool                     { return nil }
func (s *fakeSession) SetIdleTimeout(time.Duration)               {}
func (s *fakeSession) RemoveStreams(streams ...httpstream.Stream) { s.removed += len(streams) }

func TestPodConn(t *testing.T) {
	s := &fakeSession{}
	c, err := newPodConn(s, "demo/web-1", 15000, 7)
	if err != nil {
		t.Fatal(err)
	}
	errorStream, data := s.streams[0], s.streams[1]
	for i, want := range []string{"error", "data"} {
		h := s.headers[i]
		if h.Get("streamType") != want || h.Get("port") != "15000" || h.Get("requestID") != "7" {
			t.Errorf("got stream %d with %v, want type %s, port 15000, request 7", i, h, want)
		}
	}
	go func() { _, _ = data.Write([]byte("hello")) }()
	b := make([]byte, 5)
	if _, err := io.ReadFull(c, b); err != nil || string(b) != "hello" {
		t.Errorf("got %q, %v, want hello", b, err)
	}
	_ = errorStream.Close()
	if err := c.Close(); err != nil || s.removed != 2 {
		t.Errorf("got %v and %d streams removed, want both", err, s.removed)
	}
}

func TestPodConnTellsTheKubeletsError(t *testing.T) {
	s := &fakeSession{}
	c, err := newPodConn(s, "demo/web-1", 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = s.streams[0].Write([]byte("connection refused\n"))
		_ = s.streams[0].Close()
	}()
	<-c.errorRead
	if _, err := c.Read(make([]byte, 1)); err == nil || err.Error() != "connection refused" {
		t.Errorf("got error %v, want connection refused", err)
	}
}

func TestPodConnDeadline(t *testing.T) {
	s := &fakeSession{}
	c, err := newPodConn(s, "demo/web-1", 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got error %v, want %v", err, os.ErrDeadlineExceeded)
	}
}
