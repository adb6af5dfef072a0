package kube

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// lookEvery is how often the object of a write that is under way is looked at, for the first time so long after the
// write began: most writes are over by then, and the API server is left alone.
const lookEvery = 20 * time.Millisecond

// lastLookWithin bounds the look after a write.
const lastLookWithin = time.Second

// WatchWrite returns a context whose first write is watched, and a function that tells the moment before which the API
// server cannot have accepted it. It is to be called when the write has been answered, and returns zero where there
// was none.
//
// That moment is when the write's request was handed to the connection. Where the answer takes longer than lookEvery,
// as it does when a webhook thinks, the object is read meanwhile: the API server accepted the write after it was asked
// for the last state that was still the old one. A read of one object without a resourceVersion has all that was
// accepted before it (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions). An audit log
// would tell less: its stages are the request's receipt and the end of the answer, and the webhook lies between them.
func (c *Client) WatchWrite(ctx context.Context) (context.Context, func() time.Time) {
	w := &write{}
	return context.WithValue(ctx, writeKey{}, w), w.after
}

type writeKey struct{}

// A write is the first one of a context.
type write struct {
	mu    sync.Mutex
	began time.Time
	looks *looks
}

// begin returns false if another write was first.
func (w *write) begin(at time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := w.began.IsZero()
	if first {
		w.began = at
	}
	return first
}

func (w *write) after() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.looks == nil {
		return w.began
	}
	if at := w.looks.lastOld(); !at.IsZero() {
		return at
	}
	return w.began
}

// A writeWatcher is the transport that sees the writes.
type writeWatcher struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t writeWatcher) RoundTrip(r *http.Request) (*http.Response, error) {
	w, _ := r.Context().Value(writeKey{}).(*write)
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		w = nil
	}
	if w == nil || r.URL.Query().Has("dryRun") || !w.begin(time.Now()) {
		return t.RoundTripper.RoundTrip(r)
	}
	if r.Method == http.MethodPost { // the new object's name is not in the path
		return t.RoundTripper.RoundTrip(r)
	}
	l := startLooks(t.RoundTripper, r)
	res, err := t.RoundTripper.RoundTrip(r)
	l.stop()
	w.mu.Lock()
	w.looks = l
	w.mu.Unlock()
	return res, err
}

// looks read an object while it is written.
type looks struct {
	send   http.RoundTripper
	object *http.Request
	cancel context.CancelFunc
	done   chan struct{}
	seen   []look
}

// A look is a state of the object that was asked for at a moment.
type look struct {
	asked time.Time
	state string
}

func startLooks(send http.RoundTripper, written *http.Request) *looks {
	// A look that is under way when the answer comes may end: it is about the same moments.
	ctx, cancel := context.WithCancel(context.WithoutCancel(written.Context()))
	read := written.Clone(context.WithoutCancel(ctx))
	read.Method, read.Body, read.GetBody, read.ContentLength = http.MethodGet, nil, nil, 0
	read.URL.RawQuery = ""
	read.URL.Path, read.URL.RawPath = strings.TrimSuffix(read.URL.Path, "/scale"), ""
	read.Header.Del("Content-Type")
	read.Header.Set("Accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1, application/json")
	l := &looks{send: send, object: read, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if s, ok := l.look(); ok {
					l.seen = append(l.seen, s)
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return l
}

// stop begins no further look.
func (l *looks) stop() { l.cancel() }

// lastOld returns when the last state was asked for that is another than the one after the write; zero if none was.
func (l *looks) lastOld() time.Time {
	<-l.done
	if len(l.seen) == 0 {
		return time.Time{}
	}
	last, ok := l.look()
	if !ok {
		return time.Time{}
	}
	old := time.Time{}
	for _, s := range l.seen {
		if s.state != last.state {
			old = s.asked
		}
	}
	return old
}

// look reads the object once.
func (l *looks) look() (look, bool) {
	ctx, cancel := context.WithTimeout(l.object.Context(), lastLookWithin)
	defer cancel()
	s := look{asked: time.Now()}
	res, err := l.send.RoundTrip(l.object.Clone(ctx))
	if err != nil {
		return s, false
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNotFound {
		return s, true
	}
	var o struct {
		Metadata struct {
			Generation      int64  `json:"generation"`
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
	}
	if res.StatusCode != http.StatusOK || json.NewDecoder(res.Body).Decode(&o) != nil {
		return s, false
	}
	// The generation counts what was asked for, also a deletion. A Service, which has none, has its version change
	// with every write.
	s.state = "generation " + strconv.FormatInt(o.Metadata.Generation, 10)
	if o.Metadata.Generation == 0 {
		s.state = "version " + o.Metadata.ResourceVersion
	}
	return s, true
}
