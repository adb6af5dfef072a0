package training

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/reports/analysis"
)

// A Cause is why callers are hurt, as one word that can be judged.
type Cause string

// The causes. They are more than the missions have, so that the list gives nothing away.
const (
	LabelsMatchNoPod Cause = "labels"
	SubsetUndefined  Cause = "subset"
	NarrowService    Cause = "selector"
	NoDefaultRule    Cause = "no-default"
	NoPods           Cause = "no-pods"
	NoSidecar        Cause = "no-sidecar"
	SmallPool        Cause = "small-pool"
	TLSMismatch      Cause = "tls-mismatch"
	Overload         Cause = "overload"
	AppBug           Cause = "app"
	Ejected          Cause = "ejected"
	Denied           Cause = "denied"
	Timeout          Cause = "timeout"
	RateLimit        Cause = "limit"
	RuleOrder        Cause = "order"
	WideRule         Cause = "match"
	NoProxy          Cause = "no-proxy"
)

var causes = map[Cause]string{
	LabelsMatchNoPod: "a subset asks for labels that no pod has",
	SubsetUndefined:  "a route names a subset that no DestinationRule defines",
	NarrowService:    "the Service does not select the pods of a subset that is routed to",
	NoDefaultRule:    "no rule of the route matches some of the requests",
	NoPods:           "the pods that a route sends to were taken away",
	NoSidecar:        "pods lack the sidecar that TLS to them needs",
	TLSMismatch:      "callers are told to speak otherwise than the called pods take: plain HTTP, or TLS",
	SmallPool:        "a connection pool is smaller than the share that goes through it",
	Overload:         "a version gets more than its pods can carry",
	AppBug:           "a version answers with errors, whatever its load",
	Ejected:          "outlier detection has taken pods out",
	Denied:           "a policy of Istio's denies requests",
	Timeout:          "a timeout is shorter than the answers take",
	RateLimit:        "a rate limit lets fewer requests through than come",
	RuleOrder:        "a rule of the route stands above a narrower one, and takes its requests",
	WideRule:         "a rule of the route matches requests that it is not meant for",
	NoProxy:          "callers have no proxy, so that no route is theirs",
}

// Causes are all that there are, each with what it means.
func Causes() map[Cause]string { return maps.Clone(causes) }

// A place is one on a request's way, with what it means.
type place struct {
	hop   analysis.Hop
	means string
}

// hops are the places on a request's way, as a learner writes them.
var hops = map[string]place{
	"caller":       {analysis.CallerHop, "the program that sends the request, where no proxy on the way decides"},
	"client-proxy": {analysis.ClientHop, "the proxy in the caller's pod: it decides by the route where a request goes"},
	"gateway":      {analysis.GateHop, "the ingress gateway: it does that for callers from outside of the mesh"},
	"server-proxy": {analysis.ServerHop, "the proxy in the called pod (the pod's own proxy), in front of its app"},
	"app":          {analysis.AppHop, "the program in the called pod: proxies only pass its answer on"},
}

// Hops are the places on a request's way, as a learner writes them, each with what it means.
func Hops() map[string]string {
	all := map[string]string{}
	for name, p := range hops {
		all[name] = p.means
	}
	return all
}

// A Diagnosis is what is right to say of a mission's break.
type Diagnosis struct {
	// Hops answer where the errors are made, Causes why. Each of them is right.
	Hops   []analysis.Hop
	Causes []Cause
	// Flags are right too, beside those that the proxy in front of the callers logs: such as that of the proxy which
	// made the error, or - where no request fails.
	Flags []string
}

// words are the diagnoses that are right of a break by which requests fail in one way, as a learner writes them.
func (d Diagnosis) words(kind string) (all []string) {
	_, flag, _ := strings.Cut(kind, " ")
	if isMisroute(kind) {
		flag = "-"
	}
	for _, name := range slices.Sorted(maps.Keys(hops)) {
		if !slices.Contains(d.Hops, hops[name].hop) {
			continue
		}
		for _, c := range d.Causes {
			all = append(all, fmt.Sprintf("%s %s %s", name, flag, c))
		}
	}
	return all
}

// A Guess is what a learner says that it is.
type Guess struct {
	Hop   string `json:"hop"`
	Flag  string `json:"flag"`
	Cause Cause  `json:"cause"`
}

// check tells what of a guess is a word that nobody can judge.
func (g Guess) check() error {
	if _, ok := hops[g.Hop]; !ok {
		return fmt.Errorf("%q is no place on a request's way: say one of %s; canarylab train diagnose --help explains "+
			"them", g.Hop, strings.Join(slices.Sorted(maps.Keys(hops)), ", "))
	}
	if g.Flag == "" {
		return fmt.Errorf("say the response flag of the requests that are hurt, such as UH, or - for none")
	}
	if _, ok := causes[g.Cause]; !ok {
		var all []string
		for _, c := range slices.Sorted(maps.Keys(causes)) {
			all = append(all, fmt.Sprintf("  %-11s %s", c, causes[c]))
		}
		return fmt.Errorf("%q is no cause that can be judged. There are:\n%s", g.Cause, strings.Join(all, "\n"))
	}
	return nil
}

// A Marking says which parts of a guess are right.
type Marking struct {
	Hop   bool `json:"hop"`
	Flag  bool `json:"flag"`
	Cause bool `json:"cause"`
}

// Right tells whether all of it is.
func (m Marking) Right() bool { return m.Hop && m.Flag && m.Cause }

// mark holds a guess against what is right. Of several flags that the failures have together, each is right.
func (d Diagnosis) mark(g Guess, kind string) Marking {
	_, flags, _ := strings.Cut(kind, " ")
	known := append(strings.Split(flags, ","), d.Flags...)
	m := Marking{Hop: slices.Contains(d.Hops, hops[g.Hop].hop), Cause: slices.Contains(d.Causes, g.Cause), Flag: true}
	for _, flag := range strings.Split(strings.ToUpper(g.Flag), ",") {
		m.Flag = m.Flag && slices.Contains(known, strings.TrimSpace(flag))
	}
	return m
}
