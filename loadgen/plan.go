package loadgen

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// Bounds of a Plan.
const (
	MaxCohorts = 16
	// MaxRate is for all cohorts together, in requests a second. One agent on two cores keeps about a tenth of it with
	// sidecars beside it; the bound is there to catch a slip of the finger.
	MaxRate     = 20000
	MaxDuration = time.Hour
	// MaxTimeout is longer than any timeout that Envoy has by default, so that the mesh gives up first.
	MaxTimeout     = time.Minute
	DefaultTimeout = 10 * time.Second
	// MaxBody bounds a request's body, in bytes.
	MaxBody = 1 << 20
	// MaxAgents bounds how many agents share a plan.
	MaxAgents = 64
	// MaxLead is how long before its Start an agent may be given a plan.
	MaxLead = 5 * time.Minute
)

// A Plan is one unbroken open-loop run: every cohort sends at its own rate from the first request to the last, whatever the
// mesh answers.
type Plan struct {
	// Run names the run, in kebab case. It is the prefix of every request's x-request-id, so that a proxy's access log
	// can be joined. RunID makes one.
	Run string `json:"run"`
	// URL is what every request asks for, such as http://my-service/. Redirects are not followed.
	URL string `json:"url"`
	// Method is that of every request. Empty means GET.
	Method string `json:"method,omitempty"`
	// Body is that of every request, nil for none.
	Body *Body `json:"body,omitempty"`
	// FreshConnections opens a connection for each request (no keep-alive). Otherwise they are used again.
	FreshConnections bool `json:"freshConnections,omitempty"`
	// Rate is that of all cohorts together, in requests a second, where it is shared out by their weights. It is 0 where
	// each cohort has a rate of its own.
	Rate int `json:"rate,omitempty"`
	// Shape moves the rates over time. Nil keeps them as they are.
	Shape *Shape `json:"shape,omitempty"`
	// Seed is that of all that is drawn by chance, which is a Body of a Size. The same Seed draws the same, and 0 is one
	// like any other: the agent draws none of its own, so that a plan that was written down says which it was.
	Seed uint64 `json:"seed,omitempty"`
	// Cohorts run side by side. Their names are unique; at least one is needed.
	Cohorts []Cohort `json:"cohorts"`
	// Duration is the most that the run lasts. It is a safety bound: a run is normally stopped earlier, by its client.
	Duration time.Duration `json:"durationNs"`
	// Timeout is how long one request may take before it counts as unanswered. Zero means 10 s.
	Timeout time.Duration `json:"timeoutNs,omitempty"`
	// Agents is how many agents share the plan. Agent number Agent, counted from 0, sends of each cohort every Agents-th request,
	// beginning with request number Agent, each when the whole plan has it due. Together they send what one agent would. 0 and
	// 1 both mean that one sends all of it.
	Agents int `json:"agents,omitempty"`
	Agent  int `json:"agent,omitempty"`
	// Start is the moment that all due times count from, by the agent's own clock. It lies ahead, by MaxLead at most. Zero is the
	// moment in which the agent begins.
	Start time.Time `json:"start,omitzero"`
}

// share is which requests of a plan an agent sends: those whose number leaves the rest agent when divided by agents.
// Zero is one agent that sends all of them.
type share struct{ agent, others uint64 }

func (p Plan) share() share { return share{uint64(p.Agent), uint64(max(p.Agents, 1) - 1)} }

// agents is how many there are.
func (s share) agents() uint64 { return s.others + 1 }

// number is the whole plan's number of an agent's n-th request, both counted from 0.
func (s share) number(n uint64) uint64 { return s.agent + n*s.agents() }

// count is the inverse of number. It is not ok for a request that is another agent's.
func (s share) count(number uint64) (n uint64, ok bool) {
	return number / s.agents(), number%s.agents() == s.agent
}

// A Cohort is a group of callers that look alike to the mesh.
type Cohort struct {
	// Name tells the cohort's samples apart, such as "everyone" or "beta".
	Name string `json:"name"`
	// Rate is in requests a second. Weight is the cohort's part of the plan's Rate, relative to the weights of the others;
	// each cohort sends its part evenly. Exactly one of the two is set, the same for all cohorts.
	Rate   int     `json:"rate,omitempty"`
	Weight float64 `json:"weight,omitempty"`
	// Header is sent with each of the cohort's requests. Names keep the case that they are written in. "Host" sets the
	// request's host.
	Header map[string]string `json:"header,omitempty"`
	// Entry is the way into the mesh that the cohort takes; zero is Sidecar. The agent itself does not look at it: it
	// says in which pod the agent has to run.
	Entry Entry `json:"entry,omitempty"`
	// Socket has each request ask for a WebSocket, and read its messages until the server closes it. The sample's Code is 101
	// then, its Bytes those of the messages, and Done is when the socket was closed. An answer that grants none is an answer.
	Socket bool `json:"socket,omitempty"`
}

// A Body is what a request carries: Text, or Size bytes that are drawn by the plan's Seed, the same for every request.
type Body struct {
	Text string `json:"text,omitempty"`
	Size int    `json:"size,omitempty"`
}

// bytes are the body's, nil for none.
func (b *Body) bytes(seed uint64) []byte {
	switch {
	case b == nil:
		return nil
	case b.Text != "":
		return []byte(b.Text)
	}
	all := make([]byte, b.Size)
	// Seeded on purpose: this is filler that can be made again, and no secret.
	source := mathrand.New(mathrand.NewPCG(seed, 0))
	for i := range all {
		all[i] = byte('a' + source.IntN(26))
	}
	return all
}

// Via is Entry with its default.
func (c Cohort) Via() Entry { return cmp.Or(c.Entry, Sidecar) }

// An Entry is the way that a cohort's requests take into the mesh.
type Entry string

// The entries. A zero Entry is Sidecar.
const (
	// Sidecar: the callers' pod has a sidecar, which routes.
	Sidecar Entry = "sidecar"
	// Plain: the callers' pod has no sidecar, so that nothing routes but the Service.
	Plain Entry = "plain"
	// Gateway: callers outside of the mesh come in through an ingress gateway, which routes.
	Gateway Entry = "gateway"
)

// RunID makes up a Run: six letters and digits, a name for people to type and not one to guard a secret.
func RunID() string { return strings.ToLower(rand.Text()[:6]) }

// maxName is the longest name of a run or cohort: the length of a DNS label, as for most names in Kubernetes.
const maxName = 63

var kebab = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

func checkName(name string) error {
	if len(name) > maxName || !kebab.MatchString(name) {
		return fmt.Errorf("%q is not a kebab-case name of up to %d letters, such as beta-users", name, maxName)
	}
	return nil
}

// reserved are the headers that the agent or HTTP itself decides on.
var reserved = map[string]bool{
	"x-request-id": true, "content-length": true, "transfer-encoding": true, "connection": true, "trailer": true, "upgrade": true,
}

// Validate returns nil, or every field that is wrong, each on a line of its own and by its JSON name.
func (p Plan) Validate() error {
	var errs []error
	wrong := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("plan: "+field+": "+format, args...))
	}
	if err := checkName(p.Run); err != nil {
		wrong("run", "%w", err)
	}
	switch u, err := url.Parse(p.URL); {
	case err != nil:
		wrong("url", "%w", err)
	case u.Scheme != "http":
		// Inside a mesh the sidecar does TLS; what a caller encrypts, it can't route.
		wrong("url", "%q does not start with http://", p.URL)
	case u.Hostname() == "":
		wrong("url", "%q has no host", p.URL)
	case u.User != nil || u.Fragment != "":
		wrong("url", "%q has a user or a fragment, which would not be sent", p.URL)
	}
	if n := len(p.Cohorts); n < 1 || n > MaxCohorts {
		wrong("cohorts", "got %d, want 1 to %d", n, MaxCohorts)
	}
	if p.Method != "" && (!httpguts.ValidHeaderFieldName(p.Method) || p.Method == http.MethodConnect) {
		wrong("method", "%q is not a method that a service takes", p.Method)
	}
	if b := p.Body; b != nil {
		switch {
		case (b.Text == "") == (b.Size == 0):
			wrong("body", "want either a text or a size")
		case len(b.Text) > MaxBody || b.Size < 0 || b.Size > MaxBody:
			wrong("body", "%d bytes are not 1 to %d", max(len(b.Text), b.Size), MaxBody)
		}
	}
	for _, err := range p.Shape.validate() {
		wrong("shape", "%w", err)
	}
	if p.Rate < 0 || p.Rate > MaxRate {
		wrong("rate", "%d is not 1 to %d requests a second", p.Rate, MaxRate)
	}
	seen := map[string]bool{}
	total := 0
	for i, c := range p.Cohorts {
		if err := checkName(c.Name); err != nil {
			wrong(fmt.Sprintf("cohorts[%d].name", i), "%w", err)
		}
		if seen[c.Name] {
			wrong(fmt.Sprintf("cohorts[%d].name", i), "%q is there twice", c.Name)
		}
		seen[c.Name] = true
		switch {
		case p.Rate > 0 && (c.Rate != 0 || !(c.Weight > 0 && c.Weight <= maxFactor)):
			wrong(fmt.Sprintf("cohorts[%d].weight", i), "want a weight of more than 0 and up to %d, and no rate: the plan has one; got weight %g, rate %d",
				maxFactor, c.Weight, c.Rate)
		case p.Rate <= 0 && c.Weight != 0:
			wrong(fmt.Sprintf("cohorts[%d].weight", i), "%g is a part of the plan's rate, which is not set", c.Weight)
		case p.Rate <= 0 && (c.Rate < 1 || c.Rate > MaxRate):
			wrong(fmt.Sprintf("cohorts[%d].rate", i), "%d is not 1 to %d requests a second", c.Rate, MaxRate)
		default:
			total += c.Rate
		}
		switch c.Entry {
		case "", Sidecar, Plain, Gateway:
		default:
			wrong(fmt.Sprintf("cohorts[%d].entry", i), "%q is not %s, %s or %s", c.Entry, Sidecar, Plain, Gateway)
		}
		if c.Socket && (p.method() != http.MethodGet || p.Body != nil) {
			wrong(fmt.Sprintf("cohorts[%d].socket", i), "a WebSocket is asked for by GET without a body")
		}
		for _, err := range c.checkHeader() {
			wrong(fmt.Sprintf("cohorts[%d].header", i), "%w", err)
		}
	}
	if total > MaxRate {
		wrong("cohorts", "%d requests a second in total, want up to %d", total, MaxRate)
	}
	if top := float64(total+p.Rate) * p.Shape.peak(); total <= MaxRate && p.Rate <= MaxRate && top > MaxRate {
		wrong("shape", "%.0f requests a second at its peak, want up to %d", top, MaxRate)
	}
	if p.Agents < 0 || p.Agents > MaxAgents {
		wrong("agents", "%d is not 0 to %d", p.Agents, MaxAgents)
	} else if p.Agent < 0 || p.Agent >= max(p.Agents, 1) {
		wrong("agent", "%d is not 0 to %d", p.Agent, max(p.Agents, 1)-1)
	}
	if p.Duration <= 0 || p.Duration > MaxDuration {
		wrong("durationNs", "%s is not more than 0 and up to %s", p.Duration, MaxDuration)
	}
	if p.Timeout < 0 || p.Timeout > MaxTimeout {
		wrong("timeoutNs", "%s is not 0 to %s", p.Timeout, MaxTimeout)
	}
	return errors.Join(errs...)
}

func (c Cohort) checkHeader() (errs []error) {
	seen := map[string]bool{}
	for name, value := range c.Header {
		lower := strings.ToLower(name)
		switch {
		case !httpguts.ValidHeaderFieldName(name):
			errs = append(errs, fmt.Errorf("%q is not a header name", name))
		case reserved[lower] || strings.HasPrefix(lower, "x-vegeta-"):
			errs = append(errs, fmt.Errorf("%q is set by the agent", name))
		case seen[lower]:
			errs = append(errs, fmt.Errorf("%q is there twice, in different case", name))
		}
		seen[lower] = true
		if !httpguts.ValidHeaderFieldValue(value) {
			errs = append(errs, fmt.Errorf("%q has a value that can't be sent: %q", name, value))
		}
	}
	return errs
}

// method is Method with its default.
func (p Plan) method() string { return cmp.Or(p.Method, http.MethodGet) }

// timeout is Timeout with its default.
func (p Plan) timeout() time.Duration {
	if p.Timeout == 0 {
		return DefaultTimeout
	}
	return p.Timeout
}

// RateOf is a cohort's rate in requests a second, without the plan's Shape. It is 0 for a cohort that the plan does not have.
func (p Plan) RateOf(cohort string) float64 {
	weights := 0.0
	for _, c := range p.Cohorts {
		weights += c.Weight
	}
	for _, c := range p.Cohorts {
		if c.Name != cohort {
			continue
		}
		if p.Rate > 0 {
			return float64(p.Rate) * c.Weight / weights
		}
		return float64(c.Rate)
	}
	return 0
}

// Expected is how many requests a cohort is to send from one moment to another, both counted from the start of the load: its
// rate times the integral of the Shape. The number of requests that are due from the first moment on and before the second differs from it
// by less than 1, or by 1 where the second is a request's own: it is not counted, as it ends the time that it is due after.
func (p Plan) Expected(cohort string, from, to time.Duration) float64 {
	return p.RateOf(cohort) * (p.Shape.area(to.Seconds()) - p.Shape.area(from.Seconds()))
}

// peak is the highest rate of all cohorts together, of what one agent sends.
func (p Plan) peak() float64 {
	sum := 0.0
	for _, c := range p.Cohorts {
		sum += p.RateOf(c.Name)
	}
	return sum * p.Shape.peak() / float64(p.share().agents())
}

// StopLine ends a run when it is written to the agent after the plan.
const StopLine = "stop\n"

// WritePlan writes p as the one line that Serve reads.
func WritePlan(w io.Writer, p Plan) error {
	b, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("write the load plan: %w", err)
	}
	if _, err := w.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("write the load plan: %w", err)
	}
	return nil
}
