package sampleapp

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
)

// An App is one pod of the service. It has one handler for each of its two ports, so that an admin request is
// never counted or failed on purpose.
type App struct {
	cfg      Config
	injector *injector
	counters counters
	// body is every answer's body.
	body string
	// grpc answers calls by gRPC.
	grpc *grpc.Server
	// next is nil if the app calls nobody.
	next  *nextHop
	ready atomic.Bool
	// tcp is the TCP port, with its connections.
	tcp connections
	// sockets counts the open WebSockets, because http.Server forgets a connection that was hijacked.
	sockets sync.WaitGroup
	// draining is true from SIGTERM on.
	draining atomic.Bool
}

// New makes an App. Run makes it ready.
func New(cfg Config) *App {
	a := &App{cfg: cfg, injector: newInjector(cfg.Faults, cfg.Seed)}
	a.grpc = newGRPC(a)
	a.body = fmt.Sprintf("%s %s (%s)\n", service, cfg.Version, cfg.Pod)
	if cfg.Next != "" {
		a.next = newNextHop(cfg.Next, cfg.Propagate)
	}
	// The six letters and digits tell runs of the container apart. They do not guard a secret.
	a.counters.instance = strings.ToLower(rand.Text()[:6])
	a.counters.since = time.Now().UTC()
	return a
}

// Counters returns what GET /counters shows.
func (a *App) Counters() Counters { return a.counters.snapshot(a.cfg.Version, a.cfg.Pod) }

// Handler serves the app port. Every path and method gets the same answer, a request to upgrade to a WebSocket
// gets one, and a call by gRPC is answered as one.
func (a *App) Handler() http.Handler { return http.HandlerFunc(a.serve) }

func (a *App) serve(w http.ResponseWriter, r *http.Request) {
	serial := a.counters.received.Add(1)
	a.counters.inFlight.Add(1)
	defer a.counters.inFlight.Add(-1)
	a.identify(w.Header(), r, serial)

	// This comes first, so that no wait changes the order of decisions.
	fate, err := a.injector.next(r.Header[FaultsHeader])
	if err != nil {
		a.answer(w, r, http.StatusBadRequest, err.Error()+"\n", 0)
		return
	}
	switch a.injector.limiter.acquire(r.Context()) {
	case rejected:
		a.answer(w, r, http.StatusServiceUnavailable, "too many requests at once\n", 0)
		return
	case canceled:
		a.abandon()
	}
	defer a.injector.limiter.release()
	if !sleep(r.Context(), fate.delay) {
		a.abandon()
	}
	switch fate.ending {
	case closes:
		a.counters.closed.Add(1)
		closeAfterReading(r)
	case resets:
		a.counters.reset.Add(1)
		reset(w)
	}

	body := a.body
	if a.next != nil && fate.code == http.StatusOK {
		answered, err := a.next.call(r.Context(), r.Header)
		if r.Context().Err() != nil {
			a.abandon()
		}
		w.Header().Set(NextHeader, answered)
		if err != nil {
			fate.code, body = http.StatusBadGateway, err.Error()+"\n"
		}
	}
	if fate.code == http.StatusOK && asksForSocket(r) {
		a.socket(w, r, fate.stream)
		return
	}
	if seen, ok := echo(r); ok && fate.code == http.StatusOK {
		body = seen
	}
	a.answer(w, r, fate.code, body, fate.stream)
}

// identify sets the headers that every answer has.
func (a *App) identify(h http.Header, r *http.Request, serial uint64) {
	h.Set(VersionHeader, a.cfg.Version)
	h.Set(PodHeader, a.cfg.Pod)
	h.Set(SerialHeader, Serial(a.counters.instance, serial))
	h.Set("Content-Type", "text/plain; charset=utf-8")
	if id := r.Header.Get(requestIDHeader); id != "" {
		h.Set(requestIDHeader, id)
	}
}

// answer counts an answer and sends it. Its body takes the time of stream.
func (a *App) answer(w http.ResponseWriter, r *http.Request, code int, body string, stream time.Duration) {
	if asksForGRPC(r) {
		a.call(w, r, code, body, stream)
		return
	}
	if a.draining.Load() {
		// A proxy that reads this takes the connection out of its pool. To close the connection under the proxy
		// instead would cost the request that it is just sending.
		w.Header().Set("Connection", "close")
	}
	a.counters.answered[code].Add(1)
	w.WriteHeader(code)
	if stream == 0 {
		io.WriteString(w, body)
		return
	}
	trickle(w, r, body, stream)
}

// abandon ends a request whose client left. It does not return: without the panic net/http would send a 200 to nobody.
func (a *App) abandon() {
	a.counters.abandoned.Add(1)
	panic(http.ErrAbortHandler)
}

// maxFaultsBody is far more than all knobs need.
const maxFaultsBody = 4 << 10

// AdminHandler serves the admin port: /livez, /readyz, /counters and /faults.
func (a *App) AdminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		switch {
		case a.draining.Load():
			http.Error(w, "stopping", http.StatusServiceUnavailable)
		case !a.ready.Load():
			http.Error(w, "not listening yet", http.StatusServiceUnavailable)
		case a.injector.get().Unready:
			http.Error(w, "told to be unready", http.StatusServiceUnavailable)
		default:
			io.WriteString(w, "ok\n")
		}
	})
	mux.HandleFunc("GET /counters", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, a.Counters()) })
	mux.HandleFunc("GET /faults", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, a.injector.get()) })
	mux.HandleFunc("PUT /faults", func(w http.ResponseWriter, r *http.Request) {
		f, err := readFaults(http.MaxBytesReader(w, r.Body, maxFaultsBody))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		a.injector.set(f)
		writeJSON(w, f)
	})
	mux.HandleFunc("DELETE /faults", func(w http.ResponseWriter, _ *http.Request) {
		a.injector.set(Faults{})
		writeJSON(w, Faults{})
	})
	return mux
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	// This fails only if the client left, and then there is nobody to tell.
	_ = json.NewEncoder(w).Encode(v)
}
