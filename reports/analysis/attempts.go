package analysis

import "github.com/canarylab/canarylab/reports/trace"

// Attempts is what the pods of one version were asked by some requests, by the entries of the proxies in these pods:
// one for each attempt that reached one. A proxy that routes makes several attempts for one request where it retries,
// and Envoy counts each of them at the pod (https://istio.io/latest/docs/reference/config/metrics/, reporter
// destination).
type Attempts struct {
	// Requests counts those that reached the version's pods, and Attempts how often they did.
	Requests int `json:"requests"`
	Attempts int `json:"attempts"`
	// Squares is the sum of the squares of the attempts of each request, by which their spread is known.
	Squares int `json:"squares"`
	// Codes counts attempts by the status that the pod's proxy logged, 0 where it had no answer: the proxy that routes
	// gave up before there was one.
	Codes map[int]int `json:"codes,omitempty"`
}

// Mean is how often a request that reached the version's pods did so, and 0 where none did.
func (a Attempts) Mean() float64 {
	if a.Requests == 0 {
		return 0
	}
	return float64(a.Attempts) / float64(a.Requests)
}

// Variance is that of the number of attempts of a request, 0 where there are fewer than two.
func (a Attempts) Variance() float64 {
	if a.Requests < 2 {
		return 0
	}
	n, mean := float64(a.Requests), a.Mean()
	return max((float64(a.Squares)-n*mean*mean)/(n-1), 0)
}

// versions are those of the app's pods, by their names.
func versions(pods []trace.Pod) map[string]string {
	all := map[string]string{}
	for _, p := range pods {
		if p.Role == trace.AppRole {
			all[p.Name] = p.Version
		}
	}
	return all
}

// attempt counts what a request asked of pods. pods are the versions of the pods with a proxy, by the proxies' names.
func (c *count) attempt(q *trace.Request, pods map[string]string, memory *budget) {
	times := map[string]int{}
	for _, e := range q.Servers {
		version := pods[e.Proxy]
		if version == "" {
			continue
		}
		times[version]++
		a := c.attempts[version]
		if a == nil {
			a = &Attempts{Codes: map[int]int{}}
			put(&c.attempts, version, a)
			memory.take(len(version) + 8*mapEntry)
		}
		before := len(a.Codes)
		a.Codes[e.Code]++
		memory.take((len(a.Codes) - before) * mapEntry)
	}
	for version, n := range times {
		a := c.attempts[version]
		a.Requests++
		a.Attempts += n
		a.Squares += n * n
	}
}

// attempted is what a count has of each version.
func attempted(all map[string]*Attempts) map[string]Attempts {
	var out map[string]Attempts
	for version, a := range all {
		put(&out, version, *a)
	}
	return out
}
