package loadgen

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/canarylab/canarylab/internal/bitset"
)

// The agent's stream is lines of JSON: one Begin, any number of batches of samples and words on its health, one End. encoding/json is
// quick enough for it: BenchmarkEncode and BenchmarkDecode say about 1 µs and 3 µs for a sample, so 1000 requests a second take a
// thousandth of a core here and three there.

// A line is one line of the stream: exactly one of its fields is set.
type line struct {
	Begin   *Begin   `json:"begin,omitempty"`
	Samples []Sample `json:"samples,omitempty"`
	Health  *Health  `json:"health,omitempty"`
	End     *End     `json:"end,omitempty"`
}

// Begin opens the stream, before the first request is sent.
type Begin struct {
	Run string `json:"run"`
	// Pod is where the agent runs.
	Pod string `json:"pod"`
	// Start is the moment that all cohorts count their due times from.
	Start time.Time `json:"start"`
	// Agents and Agent are the plan's.
	Agents int `json:"agents,omitempty"`
	Agent  int `json:"agent,omitempty"`
	// Go and MaxProcs are the agent's Go version and how many cores it may use.
	Go       string `json:"go"`
	MaxProcs int    `json:"maxProcs"`
	// Clock is how the agent's clock stands to the client's. The agent leaves it out; who measured it adds it.
	Clock Clock `json:"clock,omitzero"`
}

// A Why says what ended a run.
type Why string

// The reasons why a run ends.
const (
	// Duration: the plan was sent to its end.
	Duration Why = "duration"
	// Stopped: the client said so, or went away.
	Stopped Why = "stopped"
	// Signal: the agent's process was told to end.
	Signal Why = "signal"
	// Overflow: the client read more slowly than samples came, until the agent could hold no more of them.
	Overflow Why = "overflow"
)

// End closes the stream, after the last answer.
type End struct {
	Why Why `json:"why"`
	// Cohorts are in the plan's order.
	Cohorts []Count `json:"cohorts"`
	// MaxLag and P99Lag are of Sent-Due, over all requests: how late the generator itself was. The quantile is
	// within 0.1 %, or 1 µs.
	MaxLag time.Duration `json:"maxLagNs"`
	P99Lag time.Duration `json:"p99LagNs"`
	// Dropped counts the samples that are missing from the stream because of an Overflow.
	Dropped uint64 `json:"dropped,omitempty"`
}

// A Count is a cohort's sum.
type Count struct {
	Cohort string `json:"cohort"`
	Sent   uint64 `json:"sent"`
	// Answered counts the requests that got any HTTP status.
	Answered uint64 `json:"answered"`
}

// maxLine bounds what Decode takes as one line: more than a full batch whose every sample has the longest error and
// headers, all of it escaped.
const maxLine = 4 << 20

// A Handler takes what Decode reads, in the order of the stream. Nil functions are not called.
type Handler struct {
	Begin func(Begin)
	// Samples are in the order in which the requests finished. The slice is the handler's to keep.
	Samples func([]Sample)
	// Health comes about once a second, and once more before the end.
	Health func(Health)
}

// Decode reads an agent's stream to its end and checks that it is whole: it has a begin and an end, and each cohort's
// samples are numbered without gap or duplicate, as the agent's part of the plan wants it, and are as many as the agent says that it sent and got answered. An
// error says what was seen instead; the End that came with it, if one did, is returned too.
func Decode(r io.Reader, h Handler) (*End, error) {
	var (
		begun bool
		end   *End
		books = ledger{accounts: map[string]*account{}}
		lines = bufio.NewScanner(r)
	)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	for n := 1; lines.Scan(); n++ {
		var l line
		dec := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&l); err != nil {
			// The last line of a stream that was cut looks like this too.
			return end, fmt.Errorf("load agent's stream, line %d, after %s: %w: %.80q", n, books, err, lines.Bytes())
		}
		switch {
		case end != nil:
			return end, fmt.Errorf("load agent's stream, line %d: there is more after the end line: %.80q", n, lines.Bytes())
		case l.Begin != nil && !begun:
			begun = true
			books.share = Plan{Agents: l.Begin.Agents, Agent: l.Begin.Agent}.share()
			if h.Begin != nil {
				h.Begin(*l.Begin)
			}
		case len(l.Samples) > 0 && begun:
			for _, s := range l.Samples {
				if err := books.add(s); err != nil {
					return nil, fmt.Errorf("load agent's stream, line %d: %w", n, err)
				}
			}
			if h.Samples != nil {
				h.Samples(l.Samples)
			}
		case l.Health != nil && begun:
			if h.Health != nil {
				h.Health(*l.Health)
			}
		case l.End != nil && begun:
			end = l.End
		default:
			return nil, fmt.Errorf("load agent's stream, line %d: want one begin line, then samples, then an end line, got %.80q", n, lines.Bytes())
		}
	}
	if err := lines.Err(); err != nil {
		return end, fmt.Errorf("read the load agent's stream after %s: %w", books, err)
	}
	if !begun {
		return nil, fmt.Errorf("load agent's stream was cut before its begin line: %w; the agent's stderr says why", io.ErrUnexpectedEOF)
	}
	if end == nil {
		return nil, fmt.Errorf("load agent's stream was cut before its end line, after %s: %w", books, io.ErrUnexpectedEOF)
	}
	return end, books.check(*end)
}

// A ledger is what Decode saw of each cohort.
type ledger struct {
	share    share
	accounts map[string]*account
}

type account struct {
	samples, answered uint64
	// seen has one bit for each of the agent's requests.
	seen bitset.Set
}

// maxSeq is above every sequence number that a valid plan can lead to.
const maxSeq = uint64(MaxRate) * uint64(MaxDuration/time.Second)

func (l ledger) add(s Sample) error {
	a := l.accounts[s.Cohort]
	if a == nil {
		if len(l.accounts) == MaxCohorts {
			return fmt.Errorf("sample of cohort %q: there are %d others already", s.Cohort, MaxCohorts)
		}
		a = &account{}
		l.accounts[s.Cohort] = a
	}
	if s.Seq >= maxSeq {
		return fmt.Errorf("cohort %s: sequence number %d is out of bounds", s.Cohort, s.Seq)
	}
	n, own := l.share.count(s.Seq)
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

// gap is the lowest number that is missing, in the agent's own count. Without one it is the number of samples.
func (a *account) gap() uint64 {
	seq := uint64(0)
	for a.seen.Has(seq) {
		seq++
	}
	return seq
}

func (l ledger) check(end End) error {
	var errs []error
	if end.Dropped > 0 {
		errs = append(errs, fmt.Errorf("%d samples were dropped: the stream was read too slowly", end.Dropped))
	}
	known := map[string]bool{}
	for _, want := range end.Cohorts {
		known[want.Cohort] = true
		got := l.accounts[want.Cohort]
		if got == nil {
			got = &account{}
		}
		if gap := got.gap(); gap < got.samples {
			errs = append(errs, fmt.Errorf("cohort %s: sequence number %d is missing", want.Cohort, l.share.number(gap)))
		}
		if got.samples != want.Sent || got.answered != want.Answered {
			errs = append(errs, fmt.Errorf("cohort %s: saw %d samples, %d of them answered; the agent sent %d, %d of them answered",
				want.Cohort, got.samples, got.answered, want.Sent, want.Answered))
		}
	}
	for name := range l.accounts {
		if !known[name] {
			errs = append(errs, fmt.Errorf("cohort %s: has samples, but is not in the end line", name))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("load agent's stream is not whole: %w", err)
	}
	return nil
}

// String is the ledger's sum, for errors.
func (l ledger) String() string {
	var n uint64
	for _, a := range l.accounts {
		n += a.samples
	}
	return fmt.Sprintf("%d samples", n)
}
