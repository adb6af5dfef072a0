package loadgen

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/canarylab/canarylab/internal/bitset"
)

// A message is one of the stream: one Begin, any number of batches of samples, health reports and stages, one End.
// Exactly one of its fields is set.
type message struct {
	Begin   *Begin   `json:"begin,omitempty"`
	Samples []Sample `json:"-"`
	Health  *Health  `json:"health,omitempty"`
	Stage   *Stage   `json:"stage,omitempty"`
	End     *End     `json:"end,omitempty"`
}

// Begin opens the stream, before the first request is sent.
type Begin struct {
	Run string `json:"run"`
	// Pod is where the agent runs.
	Pod string `json:"pod"`
	// Start is the moment from which all cohorts count their due times.
	Start time.Time `json:"start"`
	// Agents and Agent are the plan's.
	Agents int `json:"agents,omitempty"`
	Agent  int `json:"agent,omitempty"`
	// Go is the agent's Go version, MaxProcs how many cores it may use.
	Go       string `json:"go"`
	MaxProcs int    `json:"maxProcs"`
	// RealTime tells that the agent runs before every ordinary program of its machine: see BeRealTime.
	RealTime bool `json:"realTime,omitempty"`
	// Clock compares the agent's clock with the client's. The agent leaves it out, and the client that measured
	// it adds it.
	Clock Clock `json:"clock,omitzero"`
}

// A Why says what ended a run.
type Why string

// The reasons why a run ends.
const (
	// Duration: the plan was sent completely.
	Duration Why = "duration"
	// Stopped: the client asked for it, or went away.
	Stopped Why = "stopped"
	// Signal: the agent's process got a signal to end.
	Signal Why = "signal"
	// Overflow: the client read more slowly than samples came, until the agent could keep no more of them.
	Overflow Why = "overflow"
)

// End closes the stream, after the last answer.
type End struct {
	Why Why `json:"why"`
	// Cohorts are in the plan's order.
	Cohorts []Count `json:"cohorts"`
	// MaxLag and P99Lag are how late the generator itself was: Sent-Due, over all requests. The quantile is
	// within 0.1 %, or 1 µs.
	MaxLag time.Duration `json:"maxLagNs"`
	P99Lag time.Duration `json:"p99LagNs"`
	// Dropped counts the samples that are missing from the stream because of an Overflow.
	Dropped uint64 `json:"dropped,omitempty"`
}

// A Count has a cohort's totals.
type Count struct {
	Cohort string `json:"cohort"`
	Sent   uint64 `json:"sent"`
	// Answered counts the requests that got any HTTP status.
	Answered uint64 `json:"answered"`
}

// A Handler gets what Decode reads, in the order of the stream. Nil functions are not called.
type Handler struct {
	Begin func(Begin)
	// Samples gets them in the order in which the requests finished. It may keep the slice.
	Samples func([]Sample)
	// Health is called about once a second, and once more before the end.
	Health func(Health)
	// Stage is called when the agent has taken an order for another rate, with the moment from which that holds.
	Stage func(Stage)
	// End is called when the end has come. The agent waits until its input ends: whoever holds that closes it then.
	End func(End)
}

// Decode reads an agent's stream to its end and checks that it is whole: it has a begin and an end, each
// cohort's samples are numbered without gap or duplicate, as in the agent's part of the plan, and the agent
// says that it sent and got answered just as many. An error says what Decode saw instead. Decode also returns
// the End if there was one.
func Decode(r io.Reader, h Handler) (*End, error) {
	d := decoder{handler: h, seen: streamCheck{cohorts: map[string]*cohortCheck{}}}
	frames := newFrameReader(r)
	const cut = "load agent's stream was cut"
	for n := 1; ; n++ {
		m, err := frames.next()
		switch {
		case errors.Is(err, io.EOF) && !d.begun:
			return nil, fmt.Errorf(cut+" before its begin: %w; the agent's stderr says why", io.ErrUnexpectedEOF)
		case errors.Is(err, io.EOF) && d.end == nil:
			return nil, fmt.Errorf(cut+" before its end, after %s: %w", d.seen, io.ErrUnexpectedEOF)
		case errors.Is(err, io.EOF):
			return d.end, d.seen.check(*d.end)
		case errors.Is(err, io.ErrUnexpectedEOF):
			return d.end, fmt.Errorf(cut+" in frame %d, after %s: %w", n, d.seen, err)
		case err != nil:
			return d.end, fmt.Errorf("load agent's stream, frame %d, after %s: %w", n, d.seen, err)
		}
		if err := d.take(m); err != nil {
			return d.end, fmt.Errorf("load agent's stream, frame %d: %w", n, err)
		}
	}
}

// A decoder decodes one stream.
type decoder struct {
	handler Handler
	begun   bool
	seen    streamCheck
	end     *End
}

// unmarshalStrict decodes JSON, and fails on fields that v does not have.
func unmarshalStrict(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}

func (d *decoder) take(l message) error {
	h := d.handler
	switch {
	case d.end != nil:
		return errors.New("there is more after the end")
	case l.Begin != nil && !d.begun:
		d.begun = true
		d.seen.share = Plan{Agents: l.Begin.Agents, Agent: l.Begin.Agent}.share()
		if h.Begin != nil {
			h.Begin(*l.Begin)
		}
	case len(l.Samples) > 0 && d.begun:
		for _, s := range l.Samples {
			if err := d.seen.add(s); err != nil {
				return err
			}
		}
		if h.Samples != nil {
			h.Samples(l.Samples)
		}
	case l.Health != nil && d.begun:
		if h.Health != nil {
			h.Health(*l.Health)
		}
	case l.Stage != nil && d.begun:
		if h.Stage != nil {
			h.Stage(*l.Stage)
		}
	case l.End != nil && d.begun:
		d.end = l.End
		if h.End != nil {
			h.End(*l.End)
		}
	default:
		return errors.New("want one begin, then samples, then an end")
	}
	return nil
}

// A streamCheck has what Decode saw of each cohort.
type streamCheck struct {
	share   share
	cohorts map[string]*cohortCheck
}

type cohortCheck struct {
	samples, answered uint64
	// seen has one bit for each of the agent's requests.
	seen bitset.Set
}

// MaxSeq is above every sequence number that a valid plan can have.
const MaxSeq = uint64(MaxRate) * uint64(MaxDuration/time.Second)

func (c streamCheck) add(s Sample) error {
	a := c.cohorts[s.Cohort]
	if a == nil {
		if len(c.cohorts) == MaxCohorts {
			return fmt.Errorf("sample of cohort %q: there are %d others already", s.Cohort, MaxCohorts)
		}
		a = &cohortCheck{}
		c.cohorts[s.Cohort] = a
	}
	if s.Seq >= MaxSeq {
		return fmt.Errorf("cohort %s: sequence number %d is out of bounds", s.Cohort, s.Seq)
	}
	n, own := c.share.count(s.Seq)
	if !own {
		return fmt.Errorf("cohort %s: sequence number %d is another agent's", s.Cohort, s.Seq)
	}
	if a.seen.Set(n) {
		return fmt.Errorf("cohort %s: sequence number %d came twice", s.Cohort, s.Seq)
	}
	a.samples++
	if s.Code != 0 {
		a.answered++
	}
	return nil
}

// gap returns the lowest missing number, in the agent's own count. If none is missing, it is the number of samples.
func (a *cohortCheck) gap() uint64 {
	seq := uint64(0)
	for a.seen.Has(seq) {
		seq++
	}
	return seq
}

func (c streamCheck) check(end End) error {
	var errs []error
	if end.Dropped > 0 {
		errs = append(errs, fmt.Errorf("%d samples were dropped: the stream was read too slowly", end.Dropped))
	}
	known := map[string]bool{}
	for _, want := range end.Cohorts {
		known[want.Cohort] = true
		got := c.cohorts[want.Cohort]
		if got == nil {
			got = &cohortCheck{}
		}
		if gap := got.gap(); gap < got.samples {
			missing := c.share.number(gap)
			errs = append(errs, fmt.Errorf("cohort %s: sequence number %d is missing", want.Cohort, missing))
		}
		if got.samples != want.Sent || got.answered != want.Answered {
			const differ = "cohort %s: saw %d samples, %d of them answered; the agent sent %d, %d of them answered"
			errs = append(errs, fmt.Errorf(differ, want.Cohort, got.samples, got.answered, want.Sent, want.Answered))
		}
	}
	for name := range c.cohorts {
		if !known[name] {
			errs = append(errs, fmt.Errorf("cohort %s: has samples, but is not in the end", name))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("load agent's stream is not whole: %w", err)
	}
	return nil
}

// String is the total, for errors.
func (c streamCheck) String() string {
	var n uint64
	for _, a := range c.cohorts {
		n += a.samples
	}
	return fmt.Sprintf("%d samples", n)
}
