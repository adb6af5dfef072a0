// Package loadgen puts load on a service in the mesh and records what each request met: a Plan says what to send, an agent
// in a pod sends it with Vegeta and streams Samples, and its client decodes them while they come.
package loadgen

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/canarylab/canarylab/sampleapp"
)

const (
	// maxInFlight bounds the requests without an answer, over all cohorts. Open loop means that a mesh that hangs does not
	// slow the sending down, so they grow to rate x timeout: 10,000 at 1000 a second and the default timeout. Each needs
	// some 30 kB, and a port of the 28,000 that Linux has for one destination, so there has to be a bound, and this one is
	// below both limits. Where it is reached, requests are late, which End's lags and each Latency show.
	maxInFlight = 10000
	// maxBody is how much of an answer's body is read into memory, and the most that Sample.Bytes can say. The rest is
	// read and thrown away, so that the connection can be used again.
	maxBody = 64 << 10
	// maxText bounds the text that a sample takes over from others: errors and headers.
	maxText = 300
	// endGrace is how long a reader that stands still may hold up a run that is over.
	endGrace = 10 * time.Second
)

// Attack runs p and writes the stream that Decode reads to w. It ends as Serve says; stop is the client's wish to.
func Attack(ctx context.Context, p Plan, pod string, stop <-chan struct{}, w io.Writer) error {
	if err := p.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrPlan, err)
	}
	transport := newTransport(p)
	defer transport.CloseIdleConnections()

	// On top of what a standing reader leaves, all that is in flight may end at the same moment.
	out := newOutbox(w, int(p.peak()*holdFor.Seconds())+maxInFlight)
	halt := make(chan struct{})
	begin, err := p.begin(time.Now())
	if err != nil {
		return err
	}
	// Before any load: what nobody reads is not sent.
	if err := out.line(line{Begin: &Begin{Run: p.Run, Pod: pod, Start: begin, Agents: p.Agents, Agent: p.Agent, Go: runtime.Version(), MaxProcs: runtime.GOMAXPROCS(0)}}); err != nil {
		return err
	}
	cohorts := make([]*attack, len(p.Cohorts))
	for i, c := range p.Cohorts {
		alarm, err := newAlarm(halt)
		if err != nil {
			return err
		}
		cohorts[i] = newAttack(p, c, transport, out, &pacer{
			begin: begin, rate: p.RateOf(c.Name), shape: p.Shape, cohort: i, cohorts: len(p.Cohorts), duration: p.Duration, share: p.share(), alarm: alarm,
		})
	}
	go out.write()
	finished := make(chan struct{})
	var running sync.WaitGroup
	for _, a := range cohorts {
		running.Go(a.run)
	}
	go func() {
		running.Wait()
		close(finished)
	}()

	heart := newPulse(begin, func(h Health) {
		h.Pod = pod
		out.say(h)
	})
	rest, rested := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(rested)
		heart.run(rest)
	}()

	why := Duration
	select {
	case <-finished:
	case <-stop:
		why = Stopped
	case <-ctx.Done():
		why = Signal
	case <-out.overflow:
		why = Overflow
	case err := <-out.done:
		close(rest)
		haltAll(halt, cohorts)
		return err
	}
	haltAll(halt, cohorts)
	select {
	case <-finished:
	case err := <-out.done:
		close(rest)
		return err
	}
	close(rest)
	<-rested
	out.close(endOf(why, cohorts))
	grace := time.NewTimer(endGrace)
	defer grace.Stop()
	select {
	case err := <-out.done:
		return err
	case <-grace.C:
		return fmt.Errorf("write the results: nobody read them for %s", endGrace)
	}
}

// begin is the moment that due times count from, with both clocks in it.
func (p Plan) begin(now time.Time) (time.Time, error) {
	if p.Start.IsZero() {
		return now.UTC(), nil
	}
	lead := p.Start.Sub(now.Round(0)) // by the wall clock alone
	if lead < 0 || lead > MaxLead {
		return time.Time{}, fmt.Errorf("%w: start: %s is not between now (%s) and %s later", ErrPlan, p.Start, now, MaxLead)
	}
	return now.Add(lead).UTC(), nil
}

// haltAll ends the sending. What is in flight goes on.
func haltAll(halt chan struct{}, cohorts []*attack) {
	close(halt)
	for _, a := range cohorts {
		a.pacer.alarm.interrupt()
		// The pacer has stopped; this frees an attack that waits for one of its workers.
		a.attacker.Stop()
	}
}

func endOf(why Why, cohorts []*attack) End {
	e := End{Why: why}
	lags := newLags()
	for _, a := range cohorts {
		e.Cohorts = append(e.Cohorts, a.count)
		e.MaxLag = max(e.MaxLag, a.maxLag)
		lags.Merge(a.lags)
	}
	// A quantile is the upper edge of its class, which may lie above the true maximum.
	e.P99Lag = min(time.Duration(lags.ValueAtQuantile(99))*time.Microsecond, e.MaxLag)
	return e
}

// An attack is one cohort's run. A vegeta.Attacker is good for one attack only, and so is this.
type attack struct {
	plan     Plan
	pacer    *pacer
	attacker *vegeta.Attacker
	out      *outbox
	trim     string
	// unsent is the sender's.
	unsent *sync.Map

	count  Count
	maxLag time.Duration
	lags   *hdrhistogram.Histogram
}

func newAttack(p Plan, c Cohort, transport http.RoundTripper, out *outbox, pace *pacer) *attack {
	unsent := &sync.Map{}
	var sends http.RoundTripper = &sender{
		next: transport, run: p.Run, cohort: c, share: p.share(), timeout: p.timeout(), body: p.Body.bytes(p.Seed), unsent: unsent,
	}
	if c.Socket {
		sends = &socket{next: sends, timeout: p.timeout()}
	}
	client := &http.Client{
		Transport: sends,
		// A redirect is an answer like any other. Followed, it would send load to who knows where.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &attack{
		plan: p, pacer: pace, out: out, count: Count{Cohort: c.Name}, lags: newLags(), unsent: unsent,
		// net/http opens each error with it, and a sample's reader knows it anyway.
		trim: fmt.Sprintf("%s %q: ", verb(p.method()), p.URL),
		attacker: vegeta.NewAttacker(
			vegeta.Client(client),
			vegeta.MaxWorkers(workers(p, c)),
			vegeta.MaxBody(maxBody),
		),
	}
}

// workers is the cohort's part of maxInFlight: as many as it can need, and no more than its share of the plan's rate.
func workers(p Plan, c Cohort) uint64 {
	rate := p.RateOf(c.Name) * p.Shape.peak() / float64(p.share().agents())
	need := rate * p.timeout().Seconds()
	share := float64(maxInFlight) * rate / p.peak()
	// 10 is what Vegeta starts with.
	return max(10, uint64(min(need, share)))
}

// run sends all of the cohort's requests and returns after the last answer.
func (a *attack) run() {
	// The attack's channel is closed after the pacer's last call.
	defer a.pacer.alarm.close()
	target := vegeta.NewStaticTargeter(vegeta.Target{Method: a.plan.method(), URL: a.plan.URL})
	// Duration 0: the pacer ends the attack.
	for res := range a.attacker.Attack(target, a.pacer, 0, "") {
		s := a.sample(res)
		a.count.Sent++
		if s.Code != 0 {
			a.count.Answered++
		}
		lag := s.Sent.Sub(s.Due)
		a.maxLag = max(a.maxLag, lag)
		// Fails only beyond the histogram's hour, which is a plan's longest duration; maxLag has it then.
		_ = a.lags.RecordValue(lag.Microseconds())
		a.out.add(s)
	}
}

func (a *attack) sample(res *vegeta.Result) Sample {
	// All times are put on the one clock reading of begin, whose wall time is what the sample carries: Sent and Due
	// can then be compared even if the machine's clock is set during the run.
	sent := onBegin(a.pacer.begin, res.Timestamp)
	seq := a.pacer.share.number(res.Seq)
	s := Sample{
		Cohort: a.count.Cohort, Seq: seq, ID: requestID(a.plan.Run, a.count.Cohort, seq),
		Due: a.pacer.due(seq), Sent: sent, Done: sent.Add(res.Latency),
		Code: int(res.Code), Bytes: res.BytesIn,
	}
	if s.Code == 0 {
		s.Err = clip(strings.TrimPrefix(res.Error, a.trim))
		_, s.Unsent = a.unsent.LoadAndDelete(res.Seq)
		return s
	}
	// For an answer of 400 or more, Vegeta's Error is the status once more.
	s.Version = clip(res.Headers.Get(sampleapp.VersionHeader))
	s.Pod = clip(res.Headers.Get(sampleapp.PodHeader))
	s.Serial = clip(res.Headers.Get(sampleapp.SerialHeader))
	return s
}

// verb is a method as net/http writes it into errors: Get for GET.
func verb(method string) string { return method[:1] + strings.ToLower(method[1:]) }

func clip(s string) string {
	if len(s) > maxText {
		return strings.ToValidUTF8(s[:maxText], "")
	}
	return s
}

// newLags is a histogram of microseconds, up to a plan's longest duration, within 0.1 %.
func newLags() *hdrhistogram.Histogram { return hdrhistogram.New(1, MaxDuration.Microseconds(), 3) }
