package depot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// stalled is how long a registry may say nothing before it is given up. Registries that fetch from elsewhere take
// seconds to their first byte.
const stalled = 30 * time.Second

// errStalled is why a call of a registry was given up.
var errStalled = errors.New("the registry stands still")

// impatient is a transport that gives up where nothing has moved for a while, in either direction, and that reads no
// more of a manifest than one may have: the library reads 100 MB.
type impatient struct {
	next  http.RoundTripper
	after time.Duration
}

// RoundTrip implements http.RoundTripper.
func (t impatient) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	watch := time.AfterFunc(t.after, func() { cancel(fmt.Errorf("%w: nothing in %s", errStalled, t.after)) })
	moved := func() { watch.Reset(t.after) }
	why := func(err error) error {
		if cause := context.Cause(ctx); err != nil && errors.Is(cause, errStalled) {
			return cause
		}
		return err
	}
	r = r.Clone(ctx)
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &watched{r.Body, moved, why, func() {}}
	}
	answer, err := t.next.RoundTrip(r)
	if err != nil {
		watch.Stop()
		err = why(err)
		cancel(nil)
		return nil, err
	}
	moved()
	answer.Body = &watched{answer.Body, moved, why, func() { watch.Stop(); cancel(nil) }}
	if strings.Contains(r.URL.Path, "/manifests/") {
		answer.Body = &bounded{answer.Body, maxManifest}
	}
	return answer, nil
}

// watched is a body that tells when something moved, and when it is over.
type watched struct {
	io.ReadCloser
	moved func()
	why   func(error) error
	over  func()
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	if n > 0 {
		w.moved()
	}
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	return n, w.why(err)
}

func (w *watched) Close() error {
	defer w.over()
	return w.ReadCloser.Close()
}

// bounded is a body that must not have more bytes than left.
type bounded struct {
	io.ReadCloser
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, fmt.Errorf("%w: a manifest of more than %d bytes", ErrWrong, maxManifest)
	}
	return n, err
}
