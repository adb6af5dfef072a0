package analysis

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/trace"
)

// A Landing is one way in which requests ended: where the proxy that routed them wanted them to go, and who answered.
type Landing struct {
	// Host, Port and Subset are the destination that the proxy chose, by the name of its Envoy cluster. Host is empty
	// where it chose none, as for a redirect, a request without a route, and a caller without a proxy. Cluster has the
	// name where it is of another form, such as PassthroughCluster.
	Host    string `json:"host,omitempty"`
	Port    int    `json:"port,omitempty"`
	Subset  string `json:"subset,omitempty"`
	Cluster string `json:"cluster,omitempty"`
	// Version is who answered, empty where no app did. Code is the HTTP status, 0 for no answer.
	Version string `json:"version,omitempty"`
	Code    int    `json:"code"`
	// Flag is the set of Envoy's response flags, Hop where the answer was made, and Details Envoy's
	// response_code_details there, for requests that no app answered well. Cause says in words why one failed.
	Flag    string `json:"flag,omitempty"`
	Hop     Hop    `json:"hop,omitempty"`
	Details string `json:"details,omitempty"`
	Cause   string `json:"cause,omitempty"`
	Count   int    `json:"count"`
	// Retried counts those of them that the proxy tried more than once. Copies counts, by version, what the mesh sent
	// beside them to others, as a mirror does.
	Retried int            `json:"retried,omitempty"`
	Copies  map[string]int `json:"copies,omitempty"`
}

// Destination is the landing's, as a table has it: "reviews subset v2". It is empty where there is none.
func (l Landing) Destination() string {
	if l.Host == "" {
		return l.Cluster
	}
	if l.Subset == "" {
		return l.Host
	}
	return l.Host + " subset " + l.Subset
}

// DeniedByPolicy begins the Details of what an AuthorizationPolicy denies (Envoy's RBAC filter, response code details).
const DeniedByPolicy = "rbac_access_denied"

// RefusedToken begins the Details of what a RequestAuthentication refuses (Envoy's JWT authentication filter).
const RefusedToken = "jwt_authn_access_denied"

// ByProxy tells that a proxy answered by itself, and sent the request to nobody.
func (l Landing) ByProxy() bool {
	return l.Version == "" && l.Code != 0 && l.Hop != ServerHop && l.Hop != AppHop
}

// landingKey is what tells landings apart.
type landingKey struct {
	cluster, version string
	code             int
	flag, details    string
	hop              Hop
	cause            string
}

// landed is a Landing in the making.
type landed struct {
	count, retried int
	copies         map[string]int
}

// land says where a request ended.
func land(q *trace.Request) (key landingKey, retried bool, copies map[string]int) {
	s, r := q.Sample, q.Router()
	key = landingKey{version: s.Version, code: s.Code}
	attempts := 0
	if r != nil {
		key.cluster, attempts = r.Cluster, r.Attempts
		if key.cluster == "-" {
			key.cluster = ""
		}
		if s.Version == "" && !s.Failed() {
			// Such as a redirect: nobody but the proxy can have made the answer.
			key.hop, key.flag, key.details = routerHop(r), FlagSet(r.Flags), r.Details
		}
	}
	if f, failed := FailureOf(q); failed {
		key.flag, key.hop, key.details, key.cause = f.Flag, f.Hop, f.Details, f.Cause
	}
	// Of a request that was tried once, whatever another pod has of it is a copy.
	for _, e := range q.Servers {
		if attempts <= 1 && s.Serial != "" && e.Serial != s.Serial && e.Version != "" {
			put(&copies, e.Version, copies[e.Version]+1)
		}
	}
	return key, attempts > 1, copies
}

// landings are what a count has, the most frequent first.
func landings(all map[landingKey]*landed) []Landing {
	var out []Landing
	for k, l := range all {
		one := Landing{
			Version: k.version, Code: k.code, Flag: k.flag, Hop: k.hop, Details: k.details, Cause: k.cause,
			Count: l.count, Retried: l.retried, Copies: l.copies,
		}
		if to, ok := ParseCluster(k.cluster); ok {
			one.Host, one.Port, one.Subset = to.Host, to.Port, to.Subset
		} else {
			one.Cluster = k.cluster
		}
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b Landing) int {
		return cmp.Or(b.Count-a.Count, strings.Compare(a.Host, b.Host), a.Port-b.Port,
			strings.Compare(a.Subset, b.Subset), strings.Compare(a.Cluster, b.Cluster),
			strings.Compare(a.Version, b.Version), a.Code-b.Code, strings.Compare(a.Flag, b.Flag),
			strings.Compare(a.Details, b.Details), strings.Compare(a.Cause, b.Cause),
			strings.Compare(string(a.Hop), string(b.Hop)))
	})
	return out
}

// Words say where requests ended: "to reviews.shop.svc.cluster.local subset v2", "503 UH for ... subset v2".
func (l Landing) Words() string {
	to := strings.ReplaceAll(l.Destination(), ".svc.cluster.local", "")
	if l.Version != "" && l.Code != 0 && l.Code < 400 {
		switch {
		case to == "":
			return "answered by " + l.Version
		case l.Subset == l.Version:
			return "to " + to
		}
		return "to " + to + ", answered by " + l.Version
	}
	status := KindInWords(strconv.Itoa(l.Code) + " " + cmp.Or(l.Flag, NoFlag))
	text := status + format.When(to != "", " for "+to)
	switch {
	case l.Version != "":
		return text + " from " + l.Version
	case l.Cause != "":
		return text + ": " + l.Cause
	}
	return text
}
