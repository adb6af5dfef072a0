package sampleapp

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// DefaultErrorCode is what a failed request is answered with if nothing else is asked for: it is the code that Envoy uses
// for its own failures too, so a scenario shows that only the response flag tells the two apart.
const DefaultErrorCode = http.StatusServiceUnavailable

// maxDelay bounds Latency and Jitter: ten times Envoy's usual longest request timeout of 15 s is more than any scenario
// needs, and a slip of the unit ("50m" for "50ms") is refused.
const maxDelay = 150 * time.Second

// Faults is how the app misbehaves. The zero value is a healthy app.
type Faults struct {
	// ErrorRate is the share of requests that get ErrorCode, from 0 to 1, chosen at random for each request.
	ErrorRate float64
	// ErrorCode is the status of those answers, from 400 to 599. Zero means DefaultErrorCode.
	ErrorCode int
	// Latency is added to every answer, errors included.
	Latency time.Duration
	// Jitter is the upper bound of a further delay, drawn evenly from 0 to Jitter for each request.
	Jitter time.Duration
}

// faultsJSON is the form of Faults on the wire: durations as people write them.
type faultsJSON struct {
	ErrorRate float64 `json:"errorRate"`
	ErrorCode int     `json:"errorCode"`
	Latency   string  `json:"latency"`
	Jitter    string  `json:"jitter"`
}

// MarshalJSON gives all four fields, such as {"errorRate":0.1,"errorCode":503,"latency":"50ms","jitter":"0s"}.
func (f Faults) MarshalJSON() ([]byte, error) {
	return json.Marshal(faultsJSON{f.ErrorRate, f.code(), f.Latency.String(), f.Jitter.String()})
}

// UnmarshalJSON takes any of the four fields and sets the others to zero. It does not call Validate.
func (f *Faults) UnmarshalJSON(b []byte) error {
	var j faultsJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	got := Faults{ErrorRate: j.ErrorRate, ErrorCode: j.ErrorCode}
	for _, d := range []struct {
		field, text string
		to          *time.Duration
	}{{"latency", j.Latency, &got.Latency}, {"jitter", j.Jitter, &got.Jitter}} {
		if d.text == "" {
			continue
		}
		v, err := time.ParseDuration(d.text)
		if err != nil {
			return fmt.Errorf("%s: %q is not a duration such as 50ms", d.field, d.text)
		}
		*d.to = v
	}
	*f = got
	return nil
}

// Validate tells which field is out of bounds, by its JSON name.
func (f Faults) Validate() error {
	if !(f.ErrorRate >= 0 && f.ErrorRate <= 1) { // written so that NaN fails too
		return fmt.Errorf("errorRate: %v is not between 0 and 1", f.ErrorRate)
	}
	if f.ErrorCode != 0 && (f.ErrorCode < 400 || f.ErrorCode > 599) {
		return fmt.Errorf("errorCode: %d is not an HTTP error (400 to 599)", f.ErrorCode)
	}
	if f.Latency < 0 || f.Latency > maxDelay {
		return fmt.Errorf("latency: %s is not between 0s and %s", f.Latency, maxDelay)
	}
	if f.Jitter < 0 || f.Jitter > maxDelay {
		return fmt.Errorf("jitter: %s is not between 0s and %s", f.Jitter, maxDelay)
	}
	return nil
}

func (f Faults) code() int {
	if f.ErrorCode == 0 {
		return DefaultErrorCode
	}
	return f.ErrorCode
}

// readFaults reads exactly one JSON object with no unknown field, and validates it.
func readFaults(r io.Reader) (Faults, error) {
	var raw json.RawMessage
	dec := json.NewDecoder(r)
	if err := dec.Decode(&raw); err != nil {
		return Faults{}, fmt.Errorf("read faults: want one JSON object: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Faults{}, errors.New("read faults: want one JSON object and nothing after it")
	}
	// A Faults decodes itself, which hides its fields from DisallowUnknownFields, so the names are checked here. A
	// misspelt name would otherwise be a fault that never happens.
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil || fields == nil {
		return Faults{}, fmt.Errorf("read faults: want one JSON object, got %.40q", raw)
	}
	for name, value := range fields {
		switch name {
		case "errorRate", "errorCode", "latency", "jitter":
			if string(value) == "null" {
				return Faults{}, fmt.Errorf("%s: null is not a value; leave the field out", name)
			}
		default:
			return Faults{}, fmt.Errorf("%s: unknown field; there are errorRate, errorCode, latency and jitter", name)
		}
	}
	var f Faults
	if err := json.Unmarshal(raw, &f); err != nil {
		var wrongType *json.UnmarshalTypeError
		if errors.As(err, &wrongType) {
			return Faults{}, fmt.Errorf("%s: want a %s, got a %s", wrongType.Field, wrongType.Type, wrongType.Value)
		}
		return Faults{}, err
	}
	return f, f.Validate()
}

// An injector holds the faults in force and decides for each request what they mean for it.
type injector struct {
	mu     sync.Mutex
	faults Faults
	rng    *rand.Rand
}

// newInjector makes the decisions of equal seeds equal, in the order in which requests come. Seed 0 stands for a random one.
func newInjector(f Faults, seed uint64) *injector {
	if seed == 0 {
		seed = rand.Uint64()
	}
	return &injector{faults: f, rng: rand.New(rand.NewPCG(seed, seed))}
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
}

// next is the fate of one request.
func (i *injector) next() (code int, delay time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	code, delay = http.StatusOK, i.faults.Latency
	// Float64 is below 1, so a rate of 1 is every request and a rate of 0 is none.
	if i.rng.Float64() < i.faults.ErrorRate {
		code = i.faults.code()
	}
	if i.faults.Jitter > 0 {
		delay += time.Duration(i.rng.Int64N(int64(i.faults.Jitter) + 1))
	}
	return code, delay
}
