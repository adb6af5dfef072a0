// Package fleet simulates sidecars, many in one process: each has a connection of its own to istiod, asks for what an
// Envoy asks for (clusters, their endpoints, listeners, their routes, by delta xDS as proxies do today), takes the
// whole configuration that istiod has for it, and notes when it was given the routes of one host. It routes nothing
// and keeps nothing, so that a thousand of them fit where one Envoy does.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Image is that of cmd/fleet. It is not among those that every cluster has. App is the label app of its pods, Container
// the name of theirs, and Port where they answer (see Handler).
const (
	Image     = "canarylab/fleet:dev"
	App       = "canarylab-fleet"
	Container = "fleet"
	Port      = 9100
)

// MaxProxies bounds the proxies of one process: more would be more connections than a process may have files by
// many systems' usual limit.
const MaxProxies = 10_000

// ErrPlan is wrapped by the error about a Plan that can't be carried out.
var ErrPlan = errors.New("bad plan")

// A Plan says which proxies are simulated.
type Plan struct {
	// Istiod is its address for plaintext, host and port, such as istiod.istio-system.svc:15010.
	Istiod string
	// First is the number of the first proxy, of all processes of the fleet. Numbers make names and addresses.
	First int
	// Namespace is that of the proxies. Istiod believes what a proxy says on its port for plaintext, and the namespace
	// need not be there.
	Namespace string
	// Host is whose routes are noted, such as my-service.shop.svc.cluster.local.
	Host string
	// Connects bounds how many proxies connect in a second. Istiod takes 25 a second on two processors
	// (PILOT_MAX_REQUESTS_PER_SECOND) and has others come again.
	Connects int
}

func (p Plan) check() error {
	switch {
	case p.Istiod == "":
		return fmt.Errorf("%w: no address of istiod", ErrPlan)
	case p.Namespace == "" || p.Host == "":
		return fmt.Errorf("%w: the proxies have no namespace, or no host whose routes they note", ErrPlan)
	case p.First < 0 || p.First >= addresses:
		return fmt.Errorf("%w: the first proxy's number is %d, want 0 to %d", ErrPlan, p.First, addresses-1)
	case p.Connects < 1:
		return fmt.Errorf("%w: %d proxies may connect in a second, want 1 or more", ErrPlan, p.Connects)
	}
	return nil
}

// A Receipt is one answer of istiod that had the routes of the Plan's host.
type Receipt struct {
	// Proxy is its number.
	Proxy int `json:"proxy"`
	// At is when the answer had come whole, on the clock of the fleet's machine.
	At time.Time `json:"at"`
	// Version and Nonce are the answer's. Bytes is its size.
	Version string `json:"version"`
	Nonce   string `json:"nonce"`
	Bytes   int    `json:"bytes"`
	// Route has the subsets of the host's last route with their weights, such as "v1 90, v2 10".
	Route string `json:"route"`
}

// A Status is how a fleet, or a part of it, stands.
type Status struct {
	// Proxies are those that are to be there, Connected have a stream, Holding have a whole configuration.
	Proxies, Connected, Holding int
	// Dropped counts streams that ended and were opened again, for whatever reason. LastError is the last of these.
	Dropped   int
	LastError string `json:",omitempty"`
	// Clusters, Endpoints, Listeners and Routes are what the proxy that has come last to hold all was given of each, as
	// resources of xDS; Bytes is their size.
	Clusters, Endpoints, Listeners, Routes, Bytes int
	// Received are the bytes of all answers to all proxies, and CPU is what simulating them took of processors: zero
	// where the system does not tell.
	Received int64
	CPU      time.Duration
}

// Add returns the sum of two parts of a fleet.
func (s Status) Add(t Status) Status {
	s.Proxies += t.Proxies
	s.Connected += t.Connected
	s.Holding += t.Holding
	s.Dropped += t.Dropped
	s.Received += t.Received
	s.CPU += t.CPU
	if t.LastError != "" {
		s.LastError = t.LastError
	}
	if t.Bytes > s.Bytes {
		s.Clusters, s.Endpoints, s.Listeners = t.Clusters, t.Endpoints, t.Listeners
		s.Routes, s.Bytes = t.Routes, t.Bytes
	}
	return s
}

// Whole tells whether all proxies that are to be there have a whole configuration.
func (s Status) Whole() bool { return s.Proxies > 0 && s.Holding == s.Proxies }

// maxReceipts bounds what is kept: of 5,000 proxies a hundred rollbacks.
const maxReceipts = 500_000

// A Fleet is simulated proxies. It is safe for concurrent use.
type Fleet struct {
	plan Plan

	mu sync.Mutex
	// wanted is how many proxies are to be there; changed is closed when that changes.
	wanted  int
	changed chan struct{}
	status  Status
	// receipts begin with number first: older ones are gone.
	receipts []Receipt
	first    int
	// names has a number for each name of a resource that any proxy was told of, and texts each version and route that
	// is in receipts, once for all proxies.
	names map[string]uint64
	texts map[string]string
}

// New returns a fleet without a proxy. The error wraps ErrPlan.
func New(p Plan) (*Fleet, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	return &Fleet{plan: p, changed: make(chan struct{}), names: map[string]uint64{}, texts: map[string]string{}}, nil
}

// Resize has n proxies simulated from now on. New ones connect by and by. The error wraps ErrPlan.
func (f *Fleet) Resize(n int) error {
	if n < 0 || n > MaxProxies || f.plan.First+n > addresses {
		return fmt.Errorf("%w: %d proxies, want 0 to %d", ErrPlan, n, MaxProxies)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wanted, f.status.Proxies = n, n
	close(f.changed)
	f.changed = make(chan struct{})
	return nil
}

// Run simulates until ctx ends.
func (f *Fleet) Run(ctx context.Context) {
	var proxies errgroup.Group
	defer func() { _ = proxies.Wait() }()
	pace := time.NewTicker(time.Second / time.Duration(f.plan.Connects))
	defer pace.Stop()
	var stops []context.CancelFunc
	defer func() {
		for _, stop := range stops {
			stop()
		}
	}()
	for ctx.Err() == nil {
		f.mu.Lock()
		wanted, changed := f.wanted, f.changed
		f.mu.Unlock()
		for len(stops) > wanted {
			stops[len(stops)-1]()
			stops = stops[:len(stops)-1]
		}
		if len(stops) == wanted {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		one, stop := context.WithCancel(ctx)
		p := &proxy{fleet: f, number: f.plan.First + len(stops)}
		stops = append(stops, stop)
		proxies.Go(func() error {
			p.run(one)
			return nil
		})
		select {
		case <-pace.C:
		case <-ctx.Done():
		}
	}
}

// Status returns how the fleet stands.
func (f *Fleet) Status() Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.status
	s.CPU = used()
	return s
}

// Receipts returns those from a number on, and the number of the next one that will come. Receipts of one proxy are in
// their order. What is too old is left out.
func (f *Fleet) Receipts(from int) (all []Receipt, next int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	next = f.first + len(f.receipts)
	return slices.Clone(f.receipts[min(max(from-f.first, 0), len(f.receipts)):]), next
}

// note keeps a receipt.
func (f *Fleet) note(r Receipt) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r.Version, r.Route = f.text(r.Version), f.text(r.Route)
	if len(f.receipts) == maxReceipts {
		half := maxReceipts / 2
		f.receipts = append(f.receipts[:0], f.receipts[half:]...)
		f.first += half
		clear(f.texts)
	}
	f.receipts = append(f.receipts, r)
}

// text returns the one copy of a text. The caller holds the lock.
func (f *Fleet) text(s string) string {
	if known, ok := f.texts[s]; ok {
		return known
	}
	f.texts[s] = s
	return s
}

// number is that of a resource's name, for all proxies the same.
func (f *Fleet) number(name []byte) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, known := f.names[string(name)]
	if !known {
		n = uint64(len(f.names))
		f.names[string(name)] = n
	}
	return n
}

// change changes the status.
func (f *Fleet) change(by func(*Status)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	by(&f.status)
}
