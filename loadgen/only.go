package loadgen

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
)

// Entries returns the entries that the plan's cohorts take, each once, in the order of their names.
func (p Plan) Entries() []Entry {
	var all []Entry
	for _, c := range p.Cohorts {
		all = append(all, c.Via())
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Only returns the plan with the cohorts of one entry. Where that leaves cohorts out, those that share the
// plan's Rate get rates of their own: agents at different entries cannot share one.
func (p Plan) Only(e Entry) (Plan, error) {
	return p.only(func(c Cohort) bool { return c.Via() == e })
}

// A Stand is where cohorts are sent from: a way into the mesh, and which of its callers, empty for the lab's own.
type Stand struct {
	Entry  Entry
	Caller string
}

// Stand is where the cohort is sent from.
func (c Cohort) Stand() Stand { return Stand{c.Via(), c.Caller} }

// Stands returns where the plan's cohorts are sent from, each once, in the order of their names.
func (p Plan) Stands() []Stand {
	var all []Stand
	for _, c := range p.Cohorts {
		all = append(all, c.Stand())
	}
	slices.SortFunc(all, func(a, b Stand) int {
		return cmp.Or(cmp.Compare(a.Entry, b.Entry), cmp.Compare(a.Caller, b.Caller))
	})
	return slices.Compact(all)
}

// From returns the plan with the cohorts that are sent from one stand, as Only does for an entry.
func (p Plan) From(s Stand) (Plan, error) {
	return p.only(func(c Cohort) bool { return c.Stand() == s })
}

func (p Plan) only(mine func(Cohort) bool) (Plan, error) {
	whole := p
	p.Cohorts = nil
	for _, c := range whole.Cohorts {
		if mine(c) {
			p.Cohorts = append(p.Cohorts, c)
		}
	}
	if len(p.Cohorts) == len(whole.Cohorts) || whole.Rate == 0 {
		return p, nil
	}
	p.Rate = 0
	for i, c := range p.Cohorts {
		rate := whole.RateOf(c.Name)
		if rate != float64(int(rate)) {
			const uneven = "cohort %s gets %g of the plan's %d requests a second: where cohorts take different " +
				"entries, each needs a whole number"
			return p, fmt.Errorf(uneven, c.Name, rate, whole.Rate)
		}
		p.Cohorts[i].Rate, p.Cohorts[i].Weight = int(rate), 0
	}
	return p, nil
}

// Through returns the plan with its requests sent to a gateway's host. They ask it for the host that their URL
// names, unless their cohort's Header names another one. The plan's own URL goes to the gateway's usual port. A
// cohort's keeps the port that it names, as a gateway may listen on several.
func (p Plan) Through(gateway string) (Plan, error) {
	to, host, err := through(p.URL, func(string) string { return gateway })
	if err != nil {
		return p, fmt.Errorf("plan: url: %w", err)
	}
	p.URL, p.Cohorts = to, slices.Clone(p.Cohorts)
	for i, c := range p.Cohorts {
		asks := host
		if c.URL != "" {
			p.Cohorts[i].URL, asks, err = through(c.URL, func(port string) string { return withPort(gateway, port) })
			if err != nil {
				return p, fmt.Errorf("plan: cohorts[%d].url: %w", i, err)
			}
		}
		if c.namesHost() {
			continue
		}
		header := map[string]string{"Host": asks}
		maps.Copy(header, c.Header)
		p.Cohorts[i].Header = header
	}
	return p, nil
}

// through returns a URL with another host, which may depend on its port, and the host that it had.
func through(from string, other func(port string) string) (to, host string, err error) {
	u, err := url.Parse(from)
	if err != nil {
		return "", "", err
	}
	host = u.Host
	u.Host = other(u.Port())
	return u.String(), host, nil
}

// withPort is a host with a port, or alone where port is empty.
func withPort(host, port string) string {
	if port == "" {
		return host
	}
	return net.JoinHostPort(host, port)
}

// namesHost tells whether the cohort's header names a host.
func (c Cohort) namesHost() bool {
	for name := range c.Header {
		if strings.EqualFold(name, "Host") {
			return true
		}
	}
	return false
}
