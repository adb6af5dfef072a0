package sampleapp

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"
)

// DefaultErrorCode is the status of a failed request if nothing else is set. Envoy uses it for its own failures
// too, so a scenario shows that only the response flag tells the two apart.
const DefaultErrorCode = http.StatusServiceUnavailable

// maxDelay bounds every duration of Faults. Ten times Envoy's usual longest request timeout of 15 s is more
// than any scenario needs. The bound catches a slip of the unit ("50m" for "50ms").
const maxDelay = 150 * time.Second

// Faults says how the app misbehaves. The zero value is a healthy app. Values can be compared with ==. The
// README's table has each field's name in JSON and as a flag.
type Faults struct {
	// ErrorRate is the share of requests that get ErrorCode, from 0 to 1, chosen at random for each request.
	ErrorRate float64
	// ErrorCode is the status of those answers, from 400 to 599. Zero means DefaultErrorCode.
	ErrorCode int
	// ErrorCodes replaces ErrorCode: each of those answers has one of them, drawn evenly.
	ErrorCodes Codes
	// CloseRate is the share of requests that the app reads and does not answer: it closes their connection. No
	// request has two fates, so each share is one of all requests, and ErrorRate, CloseRate and ResetRate add
	// up to 1 at most.
	CloseRate float64
	// ResetRate is CloseRate with a reset (RST) instead of an orderly close.
	ResetRate float64
	// Latency delays every answer, errors, closes and resets included.
	Latency time.Duration
	// Jitter is the size of a further delay, drawn for each request from Distribution.
	Jitter time.Duration
	// Distribution says how Jitter's delays are spread.
	Distribution Distribution
	// Stream is how long every answer takes from its header, which is sent at once, to the last byte of its
	// body. It is also how long a WebSocket is open.
	Stream time.Duration
	// Concurrency is how many requests the app processes at once. Overflow says what happens to one more. A
	// request is processed from its arrival to its answer, the time of Stream included. Zero means no limit.
	Concurrency int
	// Overflow says what happens to requests over Concurrency.
	Overflow Overflow
	// Queue is how many requests may wait if Overflow is Enqueue. One more is rejected. Zero means no bound.
	Queue int
	// Unready makes the pod say that it is not ready. The app port goes on serving.
	Unready bool
	// Drain replaces Config.DrainDelay if it is set when the app is told to stop. Zero does not replace it. 1ms
	// is as good as none.
	Drain time.Duration
}

// MarshalJSON writes the four oldest fields always, and all others that are set, such as
// {"errorRate":0.1,"errorCode":503,"closeRate":0.05,"latency":"50ms","jitter":"0s"}. ErrorCodes stand in for
// errorCode.
func (f Faults) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	for _, k := range knobs {
		if !k.shown(f) {
			continue
		}
		b, err := json.Marshal(k.show(f))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.name, err)
		}
		fmt.Fprintf(&out, ",%q:%s", k.name, b)
	}
	return append(append([]byte("{"), out.Bytes()[1:]...), '}'), nil
}

// UnmarshalJSON accepts any of the fields and sets the others to zero. An unknown name is an error, because it
// would be a fault that never happens. UnmarshalJSON does not call Validate.
func (f *Faults) UnmarshalJSON(b []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(b, &fields); err != nil || fields == nil {
		return fmt.Errorf("want one JSON object, got %.40q", b)
	}
	var got Faults
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		k, err := knobOf(name)
		if err != nil {
			return err
		}
		text, err := k.text(fields[name])
		if err != nil {
			return err
		}
		if err := k.set(&got, text); err != nil {
			return err
		}
	}
	*f = got
	return nil
}

// Args are the flags that set the same faults at a pod's start.
func (f Faults) Args() (all []string) {
	for _, k := range knobs {
		if v := k.show(f); v != k.show(Faults{}) {
			all = append(all, fmt.Sprintf("--%s=%v", k.flag, v))
		}
	}
	return all
}

// Validate says which field is out of bounds or contradicts another one, by its JSON name.
func (f Faults) Validate() error {
	for _, k := range knobs {
		if err := k.check(f); err != nil {
			return err
		}
	}
	// Shares that people write as decimal fractions, such as 0.7, 0.2 and 0.1, may add up to a little more than 1.
	const rounding = 1e-9
	switch sum := f.ErrorRate + f.CloseRate + f.ResetRate; {
	case sum > 1+rounding:
		return fmt.Errorf("errorRate, closeRate and resetRate: their sum %v is above 1, and no request has two fates",
			sum)
	case f.ErrorCode != 0 && f.ErrorCodes != Codes{}:
		return errors.New("errorCodes: takes the place of errorCode; set one of them")
	case f.Overflow != Reject && f.Concurrency == 0:
		return errors.New("overflow: has no effect without concurrency")
	case f.Queue != 0 && f.Overflow != Enqueue:
		return errors.New(`queue: has no effect unless overflow is "queue"`)
	}
	return nil
}

func (f Faults) code() int { return cmp.Or(f.ErrorCode, DefaultErrorCode) }

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
	var f Faults
	if err := f.UnmarshalJSON(raw); err != nil {
		return Faults{}, err
	}
	return f, f.Validate()
}
