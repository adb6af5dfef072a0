package realmesh

import (
	"slices"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/lab/labtest"
	"github.com/canarylab/canarylab/reports"
)

// A mutant is a scenario without one of its changes.
type mutant struct {
	harness.Scenario
	// what is left out, "break" or "fix", and in which phase.
	what  string
	phase int
}

// mutants returns two for each scenario that breaks something and mends it.
func mutants(t *testing.T) []mutant {
	t.Helper()
	var all []mutant
	for _, s := range some(t) {
		for i, p := range s.Phases {
			switch {
			case p.Breaks:
				all = append(all, mutant{s, "break", i})
			case p.Fixes:
				all = append(all, mutant{s, "fix", i})
			}
		}
	}
	return all
}

// TestScenariosCanFail takes the change out of every scenario that breaks things, and in another run the change
// that mends them. All that is claimed stays. A scenario that passes without its break shows nothing, and one
// that passes without its fix proves no fix. The claim that has to fail is named in mutantsFail: a run that has
// too little data, or that does not settle, does not pass either, and shows nothing. Each turn plays an eighth of
// the mutants.
func TestScenariosCanFail(t *testing.T) {
	for _, m := range labtest.Share(labtest.TheTurn(t), mutants(t)) {
		t.Run(m.Name+"/without its "+m.what, func(t *testing.T) { mutantFails(t, m) })
	}
}

// A mutation names a mutant: the scenario, and "break" or "fix".
type mutation struct{ scenario, what string }

// mutantsFail says of each mutant which claim fails: its phase and what it wants. Of a step that the API server
// refuses, it is a part of the error.
var mutantsFail = map[mutation]string{
	{"ab-client-id", "break"}:                      "50 % of the requests of beta-id answered by v2",
	{"ab-client-id", "fix"}:                        "100 % of the requests of beta-id answered by v2",
	{"apply-order", "break"}:                       "10 % of all requests with status 503 and flag NC",
	{"apply-order", "fix"}:                         "subset after it: 10 % of all requests answered by v2",
	{"canary-5xx-rollback", "break"}:               "the canary is found bad within 5s",
	{"canary-5xx-rollback", "fix"}:                 "canary at 5 % again: no request fails",
	{"canary-rate-limit", "fix"}:                   "v2 answers 10 requests a second",
	{"canary-scaled-to-zero", "break"}:             "50 % of all requests with status 503 and flag UH",
	{"canary-scaled-to-zero", "fix"}:               "50 % of all requests answered by v2",
	{"canary-without-sidecar", "break"}:            "10 % of all requests with status 503 and flag UF,URX",
	{"canary-without-sidecar", "fix"}:              "10 % of all requests answered by v2",
	{"circuit-breaker-overflow", "break"}:          "at least 12 % of all requests with status 503 and flag UO",
	{"circuit-breaker-overflow", "fix"}:            "canary at 20 % again: 20 % of all requests answered by v2",
	{"client-without-sidecar", "break"}:            "at least 35 % of the requests of without-sidecar answered by v2",
	{"client-without-sidecar", "fix"}:              "v2 scaled to 0: 100 % of all requests answered by v1",
	{"consumer-route-wins", "break"}:               "route: 100 % of the requests of shop answered by v2",
	{"consumer-route-wins", "fix"}:                 "deleted: 100 % of all requests answered by v1",
	{"cookie-canary", "break"}:                     "10 % of 1,000 users or more of shoppers move from v2 to v1",
	{"cookie-canary", "fix"}:                       "20 % of 1,000 users or more of shoppers move from v1 to v2",
	{"decommission-too-early", "break"}:            "100 % of the requests of legacy with status 503 and flag UH",
	{"decommission-too-early", "fix"}:              "100 % of all requests answered by v2",
	{"duplicate-virtualservices", "break"}:         "object: 100 % of the requests of outside-beta answered by v2",
	{"duplicate-virtualservices", "fix"}:           "object: 100 % of the requests of inside-beta answered by v2",
	{"fault-injection-bypasses-policy", "break"}:   "30 % of all requests with status 503 and flag FI",
	{"fault-injection-bypasses-policy", "fix"}:     "again: 30 % of the attempts at pods of v2 end with status 503",
	{"gateway-mesh-mismatch", "break"}:             "at least 35 % of the requests of inside answered by v2",
	{"gateway-mesh-mismatch", "fix"}:               "bound to both: 10 % of the requests of outside answered by v2",
	{"grpc-canary", "break"}:                       "of the requests of beta with grpc-status UNAVAILABLE",
	{"grpc-canary", "fix"}:                         "canary again: the canary is found good",
	{"grpc-connection-sticks", "break"}:            "100 % of the requests of without-sidecar answered by v2",
	{"grpc-connection-sticks", "fix"}:              "v2 scaled to 0: 100 % of all requests answered by v1",
	{"httproute-and-virtualservice", "break"}:      "beside it: 20 % of the requests of inside answered by v2",
	{"httproute-and-virtualservice", "fix"}:        "deleted: 100 % of all requests answered by v1",
	{"tcp-weights", "break"}:                       "rollback: at least 25 % of the open connections of pool are to v2",
	{"tcp-weights", "fix"}:                         "the last request that the canary had is done within 10s",
	{"istiod-down-rollback", "break"}:              "failed calling webhook",
	{"istiod-down-rollback", "fix"}:                "failed calling webhook",
	{"label-mismatch", "break"}:                    "10 % of all requests with status 503 and flag UH",
	{"label-mismatch", "fix"}:                      "canary at 10 % again: 10 % of all requests answered by v2",
	{"load-dependent-503", "break"}:                "at least 35 % of all requests with status 503 and flag -",
	{"load-dependent-503", "fix"}:                  "canary at 50 % again: no errors",
	{"match-order-shadowed", "break"}:              "20 % of the requests of checkout answered by v2",
	{"match-order-shadowed", "fix"}:                "20 % of the requests of shop answered by v2",
	{"metric-gated-rollout", "break"}:              "the canary is found bad within 15s",
	{"metric-gated-rollout", "fix"}:                "canary at 10 % again: the canary is found good",
	{"mirror-hurts", "break"}:                      "at least 15 % of all requests with status 502 and flag -",
	{"mirror-hurts", "fix"}:                        "a copy of every fifth request: no errors",
	{"missing-default-route", "break"}:             "100 % of the requests of everyone with status 404 and flag NR",
	{"missing-default-route", "fix"}:               "100 % of the requests of beta answered by v2",
	{"mtls-strict-canary", "break"}:                "10 % of all requests with status 503 and flag UC",
	{"mtls-strict-canary", "fix"}:                  "canary at 10 % again: 10 % of all requests answered by v2",
	{"outlier-single-pod", "break"}:                "10 % of all requests with status 503 and flag -",
	{"outlier-single-pod", "fix"}:                  "every caller's proxy has 2 endpoints for subset v2",
	{"retries-mask-canary", "break"}:               "30 % of the attempts at pods of v2 end with status 503",
	{"retries-mask-canary", "fix"}:                 "again: none of the attempts at pods of v2 end with status 503",
	{"service-instead-of-virtualservice", "break"}: "100 % of the requests of with-sidecar with status 503 and flag UH",
	{"service-instead-of-virtualservice", "fix"}:   "100 % of the requests of with-sidecar answered by v1",
	{"source-ip-routing", "break"}:                 "100 % of the requests of forger answered by v2",
	{"source-ip-routing", "fix"}:                   "100 % of the requests of forger answered by v1",
	{"sticky-vs-weights", "break"}:                 "32 % of the pairs of requests in a row of one user of shoppers",
	{"sticky-vs-weights", "fix"}:                   "20 % of 1,000 users or more of shoppers move from v1 to v2",
	{"streams-survive-rollback", "break"}:          "requests that the canary has already go on there for 2s or more",
	{"streams-survive-rollback", "fix"}:            "the last request that the canary had is done within 1.5s",
	{"subset-removed-in-use", "break"}:             "20 % of all requests with status 503 and flag NC",
	{"subset-removed-in-use", "fix"}:               "then the release: 100 % of all requests answered by v1",
	{"subset-undefined", "break"}:                  "10 % of all requests with status 503 and flag NC",
	{"subset-undefined", "fix"}:                    "canary at 10 % again: 10 % of all requests answered by v2",
	{"timeout-slow-canary", "break"}:               "6.8 % of all requests with status 504 and flag UT",
	{"timeout-slow-canary", "fix"}:                 "canary at 50 % again: 50 % of all requests answered by v2",
}

// mutantFails plays m, and wants a claim to fail that mutantsFail names, or the API server to refuse a step.
func mutantFails(t *testing.T, m mutant) {
	t.Helper()
	want, known := mutantsFail[mutation{m.Name, m.what}]
	if !known {
		t.Errorf("mutantsFail does not say what fails without the %s of %s", m.what, m.Name)
	}
	l := theLab.Open(t.Context(), t)
	if m.OwnIstioOnly() && l.Borrowed() {
		t.Skip("it takes istiod away, and this one is not the lab's")
	}
	s := m.Without(m.phase)
	// Two phases later it has shown what is missing: the rest of the story costs time and adds nothing.
	s.Phases = s.Phases[:min(m.phase+3, len(s.Phases))]
	rep, err := theLab.Steady(t.Context(), t, s, harness.Options{})
	if rep == nil || err != nil && !strings.HasPrefix(rep.Broken, "phase ") {
		t.Fatal(err)
	}
	if rep.Void() {
		t.Fatalf("the machine did not carry the load, so that nothing is shown: %q", rep.Accounting.Problems)
	}
	var failed []string
	if err != nil {
		// A step that the API server refuses is how a missing fix shows too.
		failed = append(failed, rep.Broken)
	}
	for _, phase := range rep.Phases {
		for _, v := range phase.Verdicts {
			if v.Outcome == reports.Fail {
				failed = append(failed, phase.Name+": "+v.Want)
			}
			if v.Outcome != reports.Pass {
				t.Logf("%s: %s: want %s, saw %s: %s", phase.Name, v.Outcome, v.Want, v.Saw, v.Why)
			}
		}
	}
	if !slices.ContainsFunc(failed, func(f string) bool { return strings.Contains(f, want) }) {
		t.Errorf("phase %s was left out (%s): got failures %q, want one of %q",
			m.Phases[m.phase].Name, m.Phases[m.phase].Do, failed, want)
	}
}
