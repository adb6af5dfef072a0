package sampleapp

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// An App is one pod of the service. Its two handlers are for two ports, so that no admin request is ever counted or
// failed on purpose.
type App struct {
	cfg      Config
	injector *injector
	counters counters
	ready    atomic.Bool
	// draining is true from SIGTERM on.
	draining atomic.Bool
}

// New makes an App that is not ready yet: Run makes it so.
func New(cfg Config) *App {
	a := &App{cfg: cfg, injector: newInjector(cfg.Faults, cfg.Seed)}
	// Six letters and digits: a name to tell lives apart, not to guard a secret.
	a.counters.instance = strings.ToLower(rand.Text()[:6])
	a.counters.since = time.Now().UTC()
	return a
}

// Counters is what GET /counters shows.
func (a *App) Counters() Counters { return a.counters.snapshot(a.cfg.Version, a.cfg.Pod) }

// Handler serves the app port: every path and method gets the same answer.
func (a *App) Handler() http.Handler { return http.HandlerFunc(a.serve) }

func (a *App) serve(w http.ResponseWriter, r *http.Request) {
	serial := a.counters.received.Add(1)
	a.counters.inFlight.Add(1)
	defer a.counters.inFlight.Add(-1)

	code, delay := a.injector.next()
	if delay > 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			a.counters.abandoned.Add(1)
			// Nobody is there to answer. Without this net/http would send a 200.
			panic(http.ErrAbortHandler)
		}
	}

	h := w.Header()
	h.Set(VersionHeader, a.cfg.Version)
	h.Set(PodHeader, a.cfg.Pod)
	h.Set(SerialHeader, Serial(a.counters.instance, serial))
	h.Set("Content-Type", "text/plain; charset=utf-8")
	if id := r.Header.Get(requestIDHeader); id != "" {
		h.Set(requestIDHeader, id)
	}
	if a.draining.Load() {
		// A proxy that reads this takes the connection out of its pool. A connection closed under the proxy instead
		// would cost the request that is just being sent on it.
		h.Set("Connection", "close")
	}
	a.counters.answered[code].Add(1)
	w.WriteHeader(code)
	fmt.Fprintf(w, "%s %s (%s)\n", service, a.cfg.Version, a.cfg.Pod)
}

// maxFaultsBody is far more than four short fields need.
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
	// Only a client that left makes this fail, and there is nobody to tell.
	_ = json.NewEncoder(w).Encode(v)
}
