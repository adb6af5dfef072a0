package kube

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
)

// A slowServer takes long over a write: it accepts it after so many reads, and answers after one more.
type slowServer struct {
	reads      int
	generation atomic.Int64
	// read has the moments of reads, for a write that waits for them.
	read chan time.Time
	// asked and accepted are the moments of the last read before the write was accepted, and of that.
	asked, accepted time.Time
	// get is the last read.
	get atomic.Pointer[http.Request]
}

func (s *slowServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	came := time.Now()
	if r.Method != http.MethodGet {
		for range s.reads {
			s.asked = <-s.read
		}
		s.accepted = time.Now()
		s.generation.Add(1)
		if s.reads > 0 {
			<-s.read
		}
	}
	_, _ = fmt.Fprintf(w, `{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"d","generation":%d}}`,
		s.generation.Load())
	if r.Method == http.MethodGet {
		s.get.Store(r)
		select {
		case s.read <- came:
		default:
		}
	}
}

// What was read while a write was under way tells since when it can have been accepted.
func TestWatchWrite(t *testing.T) {
	s := &slowServer{read: make(chan time.Time)}
	server := httptest.NewServer(s)
	defer server.Close()
	c, err := New(&rest.Config{Host: server.URL, BearerToken: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	scale := func(ctx context.Context, reads int) {
		s.reads = reads
		_, err := c.Kubernetes().AppsV1().Deployments("ns").Patch(ctx, "d", types.MergePatchType, []byte("{}"),
			metav1.PatchOptions{}, "scale")
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, after := c.WatchWrite(t.Context())
	if at := after(); !at.IsZero() {
		t.Errorf("got %s before any write, want zero", at)
	}
	began := time.Now()
	scale(ctx, 0)
	quick := after()
	if quick.Before(began) || quick.After(s.accepted) {
		t.Errorf("a quick write: got %s, want from %s to %s", quick, began, s.accepted)
	}
	if scale(ctx, 0); after() != quick {
		t.Errorf("a second write: got %s, want the first one's %s", after(), quick)
	}

	ctx, after = c.WatchWrite(t.Context())
	began = time.Now()
	scale(ctx, 3)
	if at := after(); at.Sub(began) < 3*lookEvery || at.After(s.asked) || at.After(s.accepted) {
		t.Errorf("a slow write: got %s after it began, want the third read, seen after %s", at.Sub(began),
			s.asked.Sub(began))
	}
	get := s.get.Load()
	if get.URL.Path != "/apis/apps/v1/namespaces/ns/deployments/d" || get.URL.RawQuery != "" ||
		get.Header.Get("Authorization") != "Bearer secret" {
		t.Errorf("got a read of %s with %v", get.URL, get.Header)
	}
}
