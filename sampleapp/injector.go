package sampleapp

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// An injector has the current faults and decides what they mean for each request.
//
// Each request takes three numbers from a seeded sequence, whatever the faults are: for its ending, for its
// code and for its delay. So the n-th request fails alike whichever other knobs are set. The first number
// decides between all endings: below errorRate it is an error, in the next closeRate a close, in the next
// resetRate a reset. Requests with faults of their own take their numbers from a second sequence, and do not
// change the pod's.
type injector struct {
	mu       sync.Mutex
	faults   Faults
	pod, own *rand.Rand
	// limiter is set together with the faults.
	limiter limiter
}

// newInjector makes an injector. With equal seeds it makes equal decisions, in the order in which requests
// come. Seed 0 stands for a random one.
func newInjector(f Faults, seed uint64) *injector {
	if seed == 0 {
		seed = rand.Uint64()
	}
	i := &injector{pod: rand.New(rand.NewPCG(seed, seed)), own: rand.New(rand.NewPCG(seed, ^seed))}
	i.set(f)
	return i
}

func (i *injector) get() Faults {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.faults
}

func (i *injector) set(f Faults) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.faults = f
	i.limiter.set(f)
}

// An ending is how a request ends.
type ending int

const (
	answers ending = iota
	closes
	resets
)

// A fate is what the faults mean for one request.
type fate struct {
	ending ending
	// code is the answer's status.
	code int
	// delay comes before the ending. stream is the time of the answer's body.
	delay, stream time.Duration
}

// next returns the fate of one request with these values of FaultsHeader. Most requests have none.
func (i *injector) next(header []string) (fate, error) {
	if len(header) == 0 {
		i.mu.Lock()
		defer i.mu.Unlock()
		return i.faults.draw(i.pod), nil
	}
	f, err := override(i.get(), header)
	if err != nil {
		return fate{}, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return f.draw(i.own), nil
}

// draw always takes three numbers.
func (f *Faults) draw(rng *rand.Rand) fate {
	end, code, delay := rng.Float64(), rng.Float64(), rng.Float64()
	drawn := fate{code: http.StatusOK, delay: f.Latency, stream: f.Stream}
	// Numbers are below 1, so a rate of 1 is every request and a rate of 0 is none.
	switch {
	case end < f.ErrorRate:
		drawn.code = f.code()
		if n := f.ErrorCodes.len(); n > 0 {
			drawn.code = f.ErrorCodes[int(code*float64(n))]
		}
	case end < f.ErrorRate+f.CloseRate:
		drawn.ending = closes
	case end < f.ErrorRate+f.CloseRate+f.ResetRate:
		drawn.ending = resets
	}
	if f.Jitter > 0 {
		drawn.delay += f.Distribution.delay(delay, f.Jitter)
	}
	return drawn
}
