package loadgen

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/canarylab/canarylab/internal/kebab"
	"github.com/canarylab/canarylab/sampleapp"
	"golang.org/x/net/http/httpguts"
)

// maxName is the longest name of a run or cohort. It is the length of a DNS label, as for most names in Kubernetes.
const maxName = 63

func checkName(name string) error {
	if len(name) > maxName || !kebab.Is(name) {
		return fmt.Errorf("%q is not a kebab-case name of up to %d letters, such as beta-users", name, maxName)
	}
	return nil
}

// reserved has the headers that the agent or HTTP itself sets.
var reserved = map[string]bool{
	"x-request-id": true, "content-length": true, "transfer-encoding": true, "connection": true, "trailer": true,
	"upgrade": true, strings.ToLower(sampleapp.EchoHeader): true,
}

// Validate returns nil, or every wrong field, each on a line of its own and by its JSON name.
func (p Plan) Validate() error {
	var v problems
	if err := checkName(p.Run); err != nil {
		v.add("run", "%w", err)
	}
	p.validateRequest(&v)
	if n := len(p.Cohorts); n < 1 || n > MaxCohorts {
		v.add("cohorts", "got %d, want 1 to %d", n, MaxCohorts)
	}
	for _, err := range p.Shape.validate() {
		v.add("shape", "%w", err)
	}
	if p.Rate < 0 || p.Rate > MaxRate {
		v.add("rate", "%d is not 1 to %d requests a second", p.Rate, MaxRate)
	}
	p.validateCohorts(&v)
	v.protocols(p)
	v.held(p)
	if p.Agents < 0 || p.Agents > MaxAgents {
		v.add("agents", "%d is not 0 to %d", p.Agents, MaxAgents)
	} else if p.Agent < 0 || p.Agent >= max(p.Agents, 1) {
		v.add("agent", "%d is not 0 to %d", p.Agent, max(p.Agents, 1)-1)
	}
	if p.Duration <= 0 || p.Duration > MaxDuration {
		v.add("durationNs", "%s is not more than 0 and up to %s", p.Duration, MaxDuration)
	}
	if p.Timeout < 0 || p.Timeout > MaxTimeout {
		v.add("timeoutNs", "%s is not 0 to %s", p.Timeout, MaxTimeout)
	}
	return errors.Join(v...)
}

// problems are what is wrong with a plan.
type problems []error

func (v *problems) add(field, format string, args ...any) {
	*v = append(*v, fmt.Errorf("plan: "+field+": "+format, args...))
}

func (p Plan) validateRequest(v *problems) {
	v.url("url", p.URL, false)
	v.method("method", p.Method)
	if b := p.Body; b != nil {
		switch {
		case (b.Text == "") == (b.Size == 0):
			v.add("body", "want either a text or a size")
		case len(b.Text) > MaxBody || b.Size < 0 || b.Size > MaxBody:
			v.add("body", "%d bytes are not 1 to %d", max(len(b.Text), b.Size), MaxBody)
		}
	}
}

// url looks at a URL that requests ask for, which may be one for TLS where a gateway ends that.
func (v *problems) url(field, text string, tls bool) {
	switch u, err := url.Parse(text); {
	case err != nil:
		v.add(field, "%w", err)
	case u.Scheme != "http" && (u.Scheme != "https" || !tls):
		// In a mesh the sidecar does TLS. It can't route what a caller encrypts.
		v.add(field, "%q does not start with http://", text)
	case u.Hostname() == "":
		v.add(field, "%q has no host", text)
	case u.User != nil || u.Fragment != "":
		v.add(field, "%q has a user or a fragment, which would not be sent", u.Redacted())
	}
}

// method looks at the method of requests, empty for the default.
func (v *problems) method(field, text string) {
	if text != "" && (!httpguts.ValidHeaderFieldName(text) || text == http.MethodConnect) {
		v.add(field, "%q is not a method that a service takes", text)
	}
}

func (p Plan) validateCohorts(v *problems) {
	seen := map[string]bool{}
	total := 0
	for i, c := range p.Cohorts {
		field := fmt.Sprintf("cohorts[%d].", i)
		if err := checkName(c.Name); err != nil {
			v.add(field+"name", "%w", err)
		}
		if seen[c.Name] {
			v.add(field+"name", "%q is there twice", c.Name)
		}
		seen[c.Name] = true
		switch {
		case p.Rate > 0 && (c.Rate != 0 || !(c.Weight > 0 && c.Weight <= maxFactor)):
			const want = "want a weight of more than 0 and up to %d, and no rate: the plan has one; got weight %g, " +
				"rate %d"
			v.add(field+"weight", want, maxFactor, c.Weight, c.Rate)
		case p.Rate <= 0 && c.Weight != 0:
			v.add(field+"weight", "%g is a part of the plan's rate, which is not set", c.Weight)
		case p.Rate <= 0 && (c.Rate < 1 || c.Rate > MaxRate):
			v.add(field+"rate", "%d is not 1 to %d requests a second", c.Rate, MaxRate)
		default:
			total += c.Rate
		}
		switch c.Entry {
		case "", Sidecar, Plain, Gateway:
		default:
			v.add(field+"entry", "%q is not %s, %s or %s", c.Entry, Sidecar, Plain, Gateway)
		}
		if c.Caller != "" {
			p.validateCaller(v, field, c)
		}
		if c.URL != "" {
			v.url(field+"url", c.URL, c.Via() == Gateway && c.GRPC == nil && !c.Socket)
		}
		v.method(field+"method", c.Method)
		if len(c.Notes) > MaxNotes {
			v.add(field+"notes", "%d are more than %d", len(c.Notes), MaxNotes)
		}
		for _, n := range c.Notes {
			if err := n.validate(); err != nil {
				v.add(field+"notes", "%w", err)
			}
		}
		if c.Copies < 0 || c.Copies > MaxCopies {
			v.add(field+"copies", "%d is not 0 to %d", c.Copies, MaxCopies)
		}
		v.users(field+"users", c)
		v.grpc(field+"grpc", p, c)
		v.tcp(field+"tcp", p, c)
		if c.Socket && (p.method(c) != http.MethodGet || p.Body != nil) {
			v.add(field+"socket", "a WebSocket is asked for by GET without a body")
		}
		for _, err := range c.checkHeader() {
			v.add(field+"header", "%w", err)
		}
	}
	if total > MaxRate {
		v.add("cohorts", "%d requests a second in total, want up to %d", total, MaxRate)
	}
	if top := float64(total+p.Rate) * p.Shape.peak(); total <= MaxRate && p.Rate <= MaxRate && top > MaxRate {
		v.add("shape", "%.0f requests a second at its peak, want up to %d", top, MaxRate)
	}
}

// validateCaller looks at the caller that a cohort names.
func (p Plan) validateCaller(v *problems, field string, c Cohort) {
	if err := checkName(c.Caller); err != nil {
		v.add(field+"caller", "%w", err)
	}
	if c.Via() != Sidecar {
		v.add(field+"caller", "a caller is named where its entry is %s alone, and this one's is %s", Sidecar, c.Entry)
	}
	if p.Agents > 1 {
		v.add(field+"caller", "a named caller is one pod, and the plan has %d agents for each entry", p.Agents)
	}
}

// users looks at a cohort's virtual users.
func (v *problems) users(field string, c Cohort) {
	switch marks := c.marksUsers(); {
	case c.Users < 0 || c.Users > MaxUsers:
		v.add(field, "%d is not 0 to %d", c.Users, MaxUsers)
	case c.Users > 0 && !marks:
		const apart = "no header tells its %d users apart: write %s into a value, for the user's number"
		v.add(field, apart, c.Users, UserMark)
	case c.Users == 0 && marks:
		v.add(field, "a header has %s in its value: say how many users there are", UserMark)
	}
}

// marksUsers tells whether a header's value has the number of a user.
func (c Cohort) marksUsers() bool {
	for _, value := range c.Header {
		if strings.Contains(value, UserMark) {
			return true
		}
	}
	return false
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
			errs = append(errs, fmt.Errorf("%q has a value that can't be sent: %q", name, Shown(name, value)))
		}
	}
	return errs
}
