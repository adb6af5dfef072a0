package loadgen

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/canarylab/canarylab/sampleapp"
)

const (
	// maxBody is how much of a response body is read into memory, and the most that Sample.Bytes can say. The
	// rest is read and discarded, so that the connection can be used again.
	maxBody = 64 << 10
	// maxText bounds the text that a sample takes from others: errors and headers.
	maxText = 300
)

// An attack is one cohort's run. Like a vegeta.Attacker, it is used once.
type attack struct {
	plan     Plan
	target   vegeta.Target
	pacer    *pacer
	attacker *vegeta.Attacker
	buf      *sampleBuffer
	trim     string
	cohort   Cohort
	// unsent is the sender's.
	unsent *sync.Map
	// grpc makes the calls of a cohort with GRPC, nil for others.
	grpc *grpcCaller
	// drop closes the connections that are the cohort's own.
	drop func()
	// tcp makes the connections of a cohort with TCP, nil for others.
	tcp *tcpCaller

	count Count
	lags  *lags
}

func newAttack(
	p Plan, c Cohort, transport http.RoundTripper, buf *sampleBuffer, pace *pacer, all *lags,
) (*attack, error) {
	unsent := &sync.Map{}
	drop := func() {}
	if strings.HasPrefix(p.url(c), "https:") {
		secure, err := overTLS(p, c)
		if err != nil {
			return nil, fmt.Errorf("cohort %s: %w", c.Name, err)
		}
		transport, drop = secure, secure.CloseIdleConnections
	}
	var sends http.RoundTripper = &sender{
		next: transport, run: p.Run, cohort: c, share: p.share(), timeout: p.timeout(), body: p.Body.bytes(p.Seed),
		unsent: unsent,
	}
	var calls *grpcCaller
	var connections *tcpCaller
	switch {
	case c.GRPC != nil:
		var err error
		if calls, err = newGRPCCaller(p, c, unsent); err != nil {
			return nil, fmt.Errorf("cohort %s: %w", c.Name, err)
		}
		sends = calls
	case c.TCP != nil:
		var err error
		if connections, err = newTCPCaller(p, c, unsent, pace); err != nil {
			return nil, fmt.Errorf("cohort %s: %w", c.Name, err)
		}
		sends = connections
	case c.Socket:
		sends = &socket{next: sends, timeout: p.timeout()}
	}
	client := &http.Client{Transport: sends, CheckRedirect: noRedirects}
	return &attack{
		plan: p, cohort: c, pacer: pace, buf: buf, count: Count{Cohort: c.Name}, lags: all, unsent: unsent,
		grpc: calls, tcp: connections, drop: drop,
		// net/http begins each error with it, and a sample's reader knows it anyway.
		trim:     fmt.Sprintf("%s %q: ", verb(p.method(c)), p.url(c)),
		target:   vegeta.Target{Method: p.method(c), URL: p.url(c)},
		attacker: vegeta.NewAttacker(vegeta.Client(client), vegeta.MaxWorkers(workers(p, c)), vegeta.MaxBody(maxBody)),
	}, nil
}

// workers returns the cohort's part of maxInFlight: as many workers as it can need, and no more than its share
// of the plan's rate.
func workers(p Plan, c Cohort) uint64 {
	rate := p.RateOf(c.Name) * p.Shape.peak() / float64(p.share().agents())
	need := rate * p.timeout().Seconds()
	share := float64(maxInFlight) * rate / p.peak()
	held := 0.0
	if c.TCP != nil {
		// They are few, by maxHeld, and wait for nothing.
		held = rate * min(c.TCP.Hold, p.Duration).Seconds()
	}
	// Vegeta starts with 10.
	return max(10, uint64(min(need, share)+held))
}

// run sends all of the cohort's requests and returns after the last answer.
func (a *attack) run() {
	// Vegeta closes the attack's channel after the pacer's last call.
	defer a.pacer.alarm.close()
	defer a.drop()
	if a.grpc != nil {
		// There is nobody to tell of a connection that broke before it was closed.
		defer func() { _ = a.grpc.close() }()
	}
	target := vegeta.NewStaticTargeter(a.target)
	// The duration is 0 because the pacer ends the attack.
	for res := range a.attacker.Attack(target, a.pacer, 0, "") {
		s := a.sample(res)
		a.count.Sent++
		if s.Code != 0 {
			a.count.Answered++
		}
		a.lags.add(s.Sent.Sub(s.Due))
		a.buf.add(s)
	}
}

func (a *attack) sample(res *vegeta.Result) Sample {
	// All times are relative to the one clock reading of begin, whose wall time is what the sample has. So Sent
	// and Due can be compared even if the machine's clock is set during the run.
	sent := onRunClock(a.pacer.begin, res.Timestamp)
	seq := a.pacer.share.number(res.Seq)
	s := Sample{
		// The reader of the stream gives it its id.
		Cohort: a.count.Cohort, Seq: seq,
		Due: a.pacer.due(seq), Sent: sent, Done: sent.Add(res.Latency),
		Code: int(res.Code), Bytes: res.BytesIn,
	}
	if a.grpc != nil {
		if end, ok := a.grpc.ended.LoadAndDelete(res.Seq); ok {
			s.GRPC, s.Messages = end.(grpcEnd).status, end.(grpcEnd).messages
		}
	}
	if a.tcp != nil {
		if call, ok := a.tcp.ended.LoadAndDelete(res.Seq); ok {
			call.(*tcpCall).into(&s)
		}
	}
	if s.Code == 0 {
		s.Err = clip(strings.TrimPrefix(res.Error, a.trim))
		_, s.Unsent = a.unsent.LoadAndDelete(res.Seq)
		return s
	}
	if a.tcp != nil {
		return s
	}
	// For an answer of 400 or more, Vegeta's Error only repeats the status.
	s.Notes = a.cohort.note(res)
	s.Version = clip(res.Headers.Get(sampleapp.VersionHeader))
	s.Pod = clip(res.Headers.Get(sampleapp.PodHeader))
	s.Serial = clip(res.Headers.Get(sampleapp.SerialHeader))
	return s
}

// verb returns a method as net/http writes it into errors: Get for GET.
func verb(method string) string { return method[:1] + strings.ToLower(method[1:]) }

func clip(s string) string {
	if len(s) > maxText {
		return strings.ToValidUTF8(s[:maxText], "")
	}
	return s
}

// lags are how much later than due the requests of all cohorts were sent. Cohorts share one: a histogram takes 200 kB.
type lags struct {
	mu  sync.Mutex
	max time.Duration
	// all is in microseconds, up to a plan's longest duration, within 0.1 %.
	all *hdrhistogram.Histogram
}

func newLags() *lags { return &lags{all: hdrhistogram.New(1, MaxDuration.Microseconds(), 3)} }

func (l *lags) add(lag time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.max = max(l.max, lag)
	// It fails only above the histogram's range. max has the lag then.
	_ = l.all.RecordValue(lag.Microseconds())
}

// p99 is the upper edge of a class, which may lie above the true maximum.
func (l *lags) p99() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return min(time.Duration(l.all.ValueAtQuantile(99))*time.Microsecond, l.max)
}
