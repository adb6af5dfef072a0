package trace

import (
	"net"
	"slices"
	"time"

	"github.com/canarylab/canarylab/loadgen"
)

// A Request is all that was recorded of one request.
type Request struct {
	ID string
	// Sample is the caller's word, nil where there is none.
	Sample *loadgen.Sample
	// Routers are what the proxies logged that routed it: the caller's sidecar, or a gateway. Servers are what
	// the sidecars of the app's pods logged, one entry for each attempt that reached one.
	Routers, Servers []LogEntry
}

// Router is the entry of the proxy that routed the request, nil where none logged it.
func (q *Request) Router() *LogEntry {
	if len(q.Routers) == 0 {
		return nil
	}
	return &q.Routers[0]
}

// A Joiner puts together what is recorded of each request, in whatever order it comes. It is not safe for
// concurrent use.
//
// A request is complete when the caller's sample is there, the entry of the proxy that routed it, unless its
// cohort's callers have none, and the entry of the server's proxy, if an answer came from a pod that has one.
// Where several attempts were made, or one that got no answer, or where the mesh makes copies of the cohort's requests,
// nobody knows how many entries there are to come: such a request waits for the horizon. What is known to lack
// something waits for the horizon too, or as Await says.
type Joiner struct {
	done    func(Request)
	horizon time.Duration
	// patience is how long requests wait that are known to lack something: horizon or more.
	patience time.Duration
	// plain has the cohorts that no proxy routes.
	plain map[string]bool
	// copied has the cohorts of whose requests the mesh may make copies.
	copied map[string]bool
	// sidecars tells of a pod's address whether the pod has a sidecar.
	sidecars map[string]bool
	// named tells the same of a pod's name.
	named   map[string]bool
	pending map[string]*joining
	// queue has the pending requests in the order in which their first part came.
	queue []*joining
	// lacking has those of them that are older than horizon and lack something, in the same order.
	lacking []*joining
	// missing counts those that are known to lack something.
	missing int
	latest  time.Time
}

type joining struct {
	Request
	since   time.Time
	missing bool
	gone    bool
}

// NewJoiner makes a Joiner that hands each request to done as soon as it is complete, or once something came that is
// younger by horizon. Only pending requests are kept in memory.
func NewJoiner(plan loadgen.Plan, horizon time.Duration, done func(Request)) *Joiner {
	j := &Joiner{done: done, horizon: horizon, patience: horizon, plain: map[string]bool{},
		copied: map[string]bool{}, sidecars: map[string]bool{}, named: map[string]bool{}}
	j.pending = map[string]*joining{}
	for _, c := range plan.Cohorts {
		j.plain[c.Name] = c.Via() == loadgen.Plain
		j.copied[c.Name] = c.Copies > 0
	}
	return j
}

// The bounds of a Joiner's memory: how many requests are pending, which is more than a minute of them at 1,000 a
// second, and how many entries one of them has. Beyond, requests are handed on before the horizon.
const (
	maxPending = 100_000
	maxEntries = 1_000
)

// Await has requests that are known to lack something wait for longer than the horizon: on a busy machine entries come
// late, and a request without its entry looks as if it had gone around the mesh.
func (j *Joiner) Await(patience time.Duration) { j.patience = max(patience, j.horizon) }

// Pod says what is known of a pod. What a pod's proxy logs is awaited only once the pod is known.
func (j *Joiner) Pod(p Pod) {
	if p.IP != "" {
		j.sidecars[p.IP] = p.Sidecar
	}
	j.named[p.Name] = p.Sidecar
}

// Sample takes the caller's word. It keeps s.
func (j *Joiner) Sample(s *loadgen.Sample) {
	q := j.get(s.ID, s.Done)
	if q.Sample != nil {
		// Two samples have the same id: both are handed on.
		j.hand(q)
		q = j.get(s.ID, s.Done)
	}
	q.Sample = s
	j.look(q)
}

// Log takes an entry of a proxy's log.
func (j *Joiner) Log(e *LogEntry) {
	q := j.get(e.ID, e.Start.Add(e.Took))
	if e.Side == ServerSide {
		q.Servers = append(q.Servers, *e)
	} else {
		q.Routers = append(q.Routers, *e)
	}
	if len(q.Servers)+len(q.Routers) >= maxEntries {
		j.hand(q)
		return
	}
	j.look(q)
}

// Pending is how many requests are known to lack something.
func (j *Joiner) Pending() int { return j.missing }

// Open is how many requests have not been handed on: the pending ones, and those of which more may come.
func (j *Joiner) Open() int { return len(j.pending) }

// Flush hands on all that is pending.
func (j *Joiner) Flush() {
	for _, queue := range [][]*joining{j.lacking, j.queue} {
		for _, q := range queue {
			if !q.gone {
				j.hand(q)
			}
		}
	}
	j.lacking, j.queue = nil, nil
}

func (j *Joiner) get(id string, at time.Time) *joining {
	if at.After(j.latest) {
		j.latest = at
		j.expire()
	}
	q, ok := j.pending[id]
	if !ok {
		q = &joining{Request: Request{ID: id}, since: j.latest}
		for len(j.pending) >= maxPending {
			if len(j.lacking) > 0 {
				j.drop(&j.lacking)
			} else {
				j.drop(&j.queue)
			}
		}
		j.pending[id] = q
		// In a trace whose clock stands still nothing ever expires.
		if len(j.queue) > 2*len(j.pending)+1024 {
			j.queue = slices.DeleteFunc(j.queue, func(q *joining) bool { return q.gone })
		}
		j.queue = append(j.queue, q)
	}
	return q
}

// expire hands on what is older than the horizon, and of what lacks something, than the patience.
func (j *Joiner) expire() {
	for len(j.lacking) > 0 {
		q := j.lacking[0]
		if !q.gone && j.latest.Sub(q.since) <= j.patience {
			break
		}
		j.drop(&j.lacking)
	}
	for len(j.queue) > 0 {
		q := j.queue[0]
		age := j.latest.Sub(q.since)
		if !q.gone && age <= j.horizon {
			break
		}
		if !q.gone && q.missing && age <= j.patience {
			j.lacking = append(j.lacking, q)
			j.queue[0] = nil
			j.queue = j.queue[1:]
			continue
		}
		j.drop(&j.queue)
	}
}

// drop hands the oldest request of a queue on, and forgets it.
func (j *Joiner) drop(queue *[]*joining) {
	q := (*queue)[0]
	if !q.gone {
		j.hand(q)
	}
	(*queue)[0] = nil // to be collected
	*queue = (*queue)[1:]
}

func (j *Joiner) hand(q *joining) {
	if q.missing {
		j.missing--
	}
	q.gone = true
	delete(j.pending, q.ID)
	whole := q.Request
	q.Request = Request{} // the queue has it for a while yet
	j.done(whole)
}

// look hands the request on if it is complete.
func (j *Joiner) look(q *joining) {
	lacks, certain := j.lacks(&q.Request)
	certain = certain && (q.Sample == nil || q.Sample.Unsent || !j.copied[q.Sample.Cohort])
	switch {
	case lacks && !q.missing:
		j.missing++
	case !lacks && q.missing:
		j.missing--
	}
	q.missing = lacks
	if !lacks && certain {
		j.hand(q)
	}
}

// lacks tells whether something is known to be missing, and whether nothing else can be to come.
func (j *Joiner) lacks(q *Request) (lacks, certain bool) {
	s := q.Sample
	if s == nil {
		return true, false
	}
	if s.Unsent {
		return false, true
	}
	r := q.Router()
	if r == nil {
		if !j.plain[s.Cohort] {
			return true, false
		}
		// Only an answer and the server's own entry say where the request went.
		return false, len(q.Servers) > 0
	}
	if r.Upstream == "" {
		return false, r.Attempts <= 1
	}
	host, _, err := net.SplitHostPort(r.Upstream)
	sidecar, known := j.sidecars[host]
	if err == nil && !known && r.Cluster == passthrough {
		// It is a Service's address: the node picks a pod, and the answer alone says which.
		return j.named[s.Pod] && len(q.Servers) == 0, s.Pod != ""
	}
	if err != nil || !sidecar {
		return false, true
	}
	if !r.PassedOn() {
		return false, false
	}
	return len(q.Servers) == 0, r.Attempts <= 1
}

// passthrough is the cluster by which Istio has a proxy pass through what it knows nothing of, to the address that the
// caller asked (PassthroughCluster in istio.io/istio/pilot/pkg/networking/util).
const passthrough = "PassthroughCluster"

// ViaUpstream is Envoy's response_code_details for an answer that came from upstream and was passed on.
const ViaUpstream = "via_upstream"
