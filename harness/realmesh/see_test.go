package realmesh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/harness/lab/labtest"
	"github.com/canarylab/canarylab/scenarios"
)

// A look is a command of a story's See, at one moment of the story.
type look struct {
	// at is the phase after whose proofs it is typed.
	at string
	// typed is the command as an item of See has it.
	typed string
	// says is an expression for what it prints by that item; lacks one for what it does not print.
	says, lacks string
	// nothing tells that it prints nothing. A grep that finds nothing ends with 1.
	nothing bool
}

// logs is the command that most stories begin with.
const logs = "kubectl logs deploy/load-client -c istio-proxy"

const (
	logsOfV2 = "kubectl logs deploy/my-service-v2 -c istio-proxy"
	route    = "kubectl get virtualservice my-service -o yaml"
	rule     = "kubectl get destinationrule my-service -o yaml"
	routes   = "istioctl proxy-config routes deploy/load-client --name 80"
	clusters = "istioctl proxy-config clusters deploy/load-client"
	v2s      = "istioctl proxy-config endpoints deploy/load-client | grep v2"
	stats    = "kubectl exec deploy/load-client -c istio-proxy -- pilot-agent request GET "
)

// looks are all commands of all stories, each at a moment at which it shows what the story says.
var looks = map[string][]look{
	"ab-client-id": {
		{at: "wider rule first", typed: route, says: `(?s)http:.*match:`},
		{at: "wider rule first", typed: routes + " -o json", says: `x-client-id`},
	},
	"apply-order": {
		{at: "route before subset", typed: routes + " -o json", says: `outbound\|80\|v2\|`},
		{at: "route before subset", typed: clusters, says: `my-service`, lacks: `\bv2\b`},
		{
			at: "route before subset", says: `VirtualService +\d{4}-`,
			typed: "kubectl get virtualservice,destinationrule -o " +
				"'custom-columns=KIND:.kind,CREATED:.metadata.creationTimestamp'",
		},
	},
	"canary-5xx-rollback": {
		{at: "v2 fails", typed: logs, says: ` 500 - via_upstream .*outbound\|80\|v2\|`},
		{at: "v2 fails", typed: logsOfV2, says: ` 500 - via_upstream `},
	},
	"canary-rate-limit": {
		{at: "local rate limit", typed: logsOfV2, says: ` 429 RL local_rate_limited `},
		{
			at: "local rate limit", says: `local_ratelimit`,
			typed: "istioctl proxy-config listeners deploy/my-service-v2 --port 15006 -o json | grep local_ratelimit",
		},
		{at: "local rate limit", typed: logsOfV2 + " | grep -c local_rate_limited", says: `^[1-9]`},
	},
	"canary-scaled-to-zero": {
		{at: "v2 scaled to 0", typed: "kubectl get pods --show-labels", says: `version=v1`, lacks: `version=v2`},
		{at: "v2 scaled to 0", typed: v2s, nothing: true},
		{at: "v2 scaled to 0", typed: route, says: `weight: 50`},
	},
	"canary-without-sidecar": {
		{at: "v2 restarted", typed: "kubectl get pods -l version=v2", says: `1/1`, lacks: `2/2`},
		{
			at: "label taken off", typed: "kubectl get namespace canary-without-sidecar --show-labels",
			says: `canary-without-sidecar`, lacks: `istio-injection=enabled`,
		},
		{at: "mutual TLS asked for", typed: logs, says: ` 503 URX,UF .*TLS_error.*WRONG_VERSION_NUMBER`},
		{at: "label taken off", typed: "istioctl analyze", says: `IST0102`},
		{at: "label put back", typed: "istioctl analyze", says: `IST0103`},
	},
	"circuit-breaker-overflow": {
		{at: "breaker of one", typed: logs, says: ` 503 UO upstream_reset_before_response_started\{overflow\}`},
		{at: "breaker of one", typed: stats + "clusters | grep 'v2.*rq_error'", says: `rq_error::0`},
		{at: "breaker of one", typed: rule, says: `connectionPool`},
	},
	"client-without-sidecar": {
		{
			at: "canary at 10 %", says: `istio-proxy`,
			typed: "kubectl get pods -o jsonpath='{range .items[*]}{.metadata.name}{\" \"}" +
				"{.spec.initContainers[*].name}{\" \"}{.spec.containers[*].name}{\"\\n\"}{end}'",
		},
		{at: "canary at 10 %", typed: "istioctl proxy-status", says: `my-service`, lacks: `load-client-plain`},
		{
			at: "canary at 10 %", typed: "kubectl get namespace -L istio-injection,istio.io/rev",
			says: `client-without-sidecar.*enabled`,
		},
		{at: "canary at 10 %", typed: "istioctl analyze", lacks: `load-client-plain`},
	},
	"cookie-canary": {
		{at: "canary for 10 % of the users", typed: route, says: `cookie`},
	},
	"decommission-too-early": {
		{
			at: "v1 stopped", typed: "kubectl get virtualservice -A -o yaml | grep -n 'subset: v1$'",
			says: `subset: v1`,
		},
		{at: "v1 stopped", typed: "kubectl get pods -l version=v1", says: `No resources found`},
		{at: "v1 stopped", typed: "istioctl analyze", says: `IST0173`},
		{at: "subset v1 gone", typed: "istioctl analyze", says: `IST0101`},
	},
	"duplicate-virtualservices": {
		{at: "a second object", typed: "istioctl analyze", says: `IST0109`},
		{
			at: "a second object", typed: "kubectl get virtualservice --sort-by=.metadata.creationTimestamp",
			says: `my-service`,
		},
		{at: "a second object", typed: routes, says: `VIRTUAL SERVICE`},
	},
	"fault-injection-bypasses-policy": {
		{at: "30 % aborted by the route", typed: logs, says: ` 503 FI fault_filter_abort `},
		{at: "30 % aborted by the route", typed: logsOfV2, lacks: ` 503 `},
		{at: "30 % aborted by the route", typed: stats + "clusters | grep 'v2.*rq_'", says: `rq_error::0`},
	},
	"gateway-mesh-mismatch": {
		{at: "bound to the gateway alone", typed: "kubectl get virtualservice", says: `GATEWAYS`},
		{
			at: "bound to the gateway alone", typed: routes, says: `my-service`,
			lacks: `my-service\.gateway-mesh-mismatch$`,
		},
		{at: "bound to the gateway alone", typed: "istioctl proxy-config routes deploy/ingress", says: `my-service`},
	},
	"grpc-canary": {
		{
			at: "asked for grpc-status", says: `grpc\.14: [1-9]`, lacks: `upstream_rq_5xx: [1-9]`,
			typed: stats + "'stats?filter=outbound.80.v2.*;.(grpc|upstream_rq_5xx)'",
		},
		{at: "asked for grpc-status", typed: logs, lacks: ` 503 `},
		{at: "asked for grpc-status", typed: "kubectl get service my-service -o yaml", says: `name: grpc`},
	},
	"grpc-connection-sticks": {
		{
			at: "v2 gets half", says: `(?s)v1.*upstream_rq_total.*v2.*upstream_rq_total`,
			typed: stats + "'stats?filter=outbound.80.*upstream_rq_total'",
		},
		{
			at: "v2 gets half", says: `my-service`,
			typed: "kubectl get endpointslices -l kubernetes.io/service-name=my-service",
		},
	},
	"istiod-down-rollback": {
		{at: "istiod gone, 1", typed: "kubectl get pods -n istio-system", lacks: `^istiod-`},
		{at: "istiod back, 1", typed: logs, says: `connected to delta upstream XDS server`},
	},
	"label-mismatch": {
		{at: "canary at 10 %", typed: "kubectl get pods --show-labels", says: `version=v2\b`, lacks: `version=v2\.0`},
		{at: "canary at 10 %", typed: rule, says: `v2\.0`},
		{at: "canary at 10 %", typed: v2s, nothing: true},
		{at: "subset fixed", typed: v2s, says: `v2`},
		{at: "canary at 10 %", typed: clusters, says: `\bv2\b`},
		{at: "canary at 10 %", typed: logs, says: ` 503 UH no_healthy_upstream `},
	},
	"load-dependent-503": {
		{at: "big bang", typed: logsOfV2, says: ` 503 - via_upstream `},
		{at: "four pods of v2", typed: "kubectl scale deployment my-service-v2 --replicas=4", says: `scaled`},
	},
	"match-order-shadowed": {
		{at: "prefix first", typed: route, says: `/shop`},
		{at: "prefix first", typed: routes, says: `/shop`},
		{at: "prefix first", typed: "istioctl analyze", says: `No validation issues found`},
		{at: "prefix first", typed: logsOfV2, lacks: ` 503 `},
	},
	"metric-gated-rollout": {
		{
			at: "v2 fails", typed: stats + "'stats?filter=outbound.80.v2.*upstream_rq_5xx'",
			says: `upstream_rq_5xx: [1-9]`,
		},
	},
	"mirror-hurts": {
		{at: "a copy of each request", typed: logs, says: ` 502 - via_upstream `},
		{at: "a copy of each request", typed: logsOfV2, says: ` 502 `},
		{at: "a copy of each request", typed: route, says: `mirror`},
	},
	"missing-default-route": {
		{at: "beta to v2, and nobody else", typed: logs, says: ` 404 NR route_not_found `},
		{at: "beta to v2, and nobody else", typed: routes, says: `my-service`},
		{at: "beta to v2, and nobody else", typed: route, says: `match:`},
	},
	"mtls-strict-canary": {
		{
			at: "v2 is strict", typed: logs,
			says: ` 503 UC upstream_reset_before_response_started\{connection_termination\}`,
		},
		{at: "v2 is strict", typed: "kubectl get peerauthentication", says: `STRICT`},
		{at: "v2 is strict", typed: rule, says: `DISABLE`},
		{at: "v2 is strict", typed: "istioctl x describe pod POD", says: `(?i)strict`},
	},
	"outlier-single-pod": {
		{at: "breaker that may take all", typed: v2s, says: `FAILED`},
		{at: "v2 fails", typed: logs, says: ` 503 - via_upstream `},
		{at: "breaker that may take all", typed: logs, says: ` 503 UH no_healthy_upstream `},
		{
			at: "breaker that may take all", typed: stats + "stats | grep ejections_overflow",
			says: `ejections_overflow`,
		},
	},
	"retries-mask-canary": {
		{at: "v2 fails 30 %", typed: stats + "clusters | grep 'v2.*rq_'", says: `rq_error::[1-9]`},
		{at: "v2 fails 30 %", typed: logsOfV2, says: ` 503 `},
		{at: "v2 fails 30 %", typed: logs},
	},
	"rollback-methods": {
		{
			at: "baseline", typed: "kubectl rollout status deployment my-service-rolling",
			says: `successfully rolled out`,
		},
	},
	"service-instead-of-virtualservice": {
		{
			at: "Service switched to v2", says: `version`,
			typed: "kubectl get service my-service -o jsonpath='{.spec.selector}'",
		},
		{
			at: "Service switched to v2", nothing: true,
			typed: "istioctl proxy-config endpoints deploy/load-client | grep '|v1|my-service'",
		},
		{at: "Service switched to v2", typed: "kubectl get pods -l version=v1", says: `2/2`},
		{at: "Service switched to v2", typed: "istioctl analyze", lacks: `IST0`},
	},
	"source-ip-routing": {
		{at: "office anywhere", typed: "istioctl proxy-config routes deploy/ingress -o json", says: `(?i)regex`},
	},
	"sticky-vs-weights": {
		{at: "canary at 20 % by weight", typed: routes + " -o json", says: `weightedClusters`},
		{at: "canary at 20 % by weight", typed: routes + " -o json", says: `hashPolicy`},
	},
	"streams-survive-rollback": {
		{at: "canary at 20 % with streams", typed: stats + "clusters | grep 'v2.*rq_active'", says: `rq_active::[1-9]`},
		{at: "rollback of streams", typed: logsOfV2, says: `my-service`},
	},
	"subset-removed-in-use": {
		{at: "release uninstalled", typed: "istioctl analyze", says: `IST0101`},
		{at: "release uninstalled", typed: "kubectl get destinationrule", says: `my-service`},
		{at: "release uninstalled", typed: clusters, says: `my-service`, lacks: `\bv2\b`},
		{at: "release uninstalled", typed: routes + " -o json", says: `outbound\|80\|v2\|`},
		{at: "release uninstalled", typed: "kubectl get events", says: `(?i)kill`},
		{at: "release uninstalled", typed: logs, says: ` 503 NC `},
	},
	"subset-undefined": {
		{at: "canary at 10 %", typed: "istioctl analyze", says: `IST0101`},
		{
			at: "canary at 10 %", typed: clusters + " --fqdn my-service.subset-undefined.svc.cluster.local",
			says: `my-service`, lacks: `\bv2\b`,
		},
		{at: "canary at 10 %", typed: logs, says: ` 503 NC cluster_not_found `},
	},
	"consumer-route-wins": {
		{at: "v2 fails", typed: "kubectl get httproute -A", says: `consumer-route-wins-shop +try-v2`},
		{
			at: "v2 fails", says: `consumer-route-wins-shop`,
			typed: "istioctl proxy-config routes deploy/load-client-shop.consumer-route-wins-shop --name 80",
		},
		{
			at: "v2 fails", says: `type: Accepted`,
			typed: "kubectl get httproute try-v2 -n consumer-route-wins-shop -o yaml",
		},
		{at: "v2 fails", typed: "istioctl analyze -A", lacks: `HTTPRoute`},
	},
	"httproute-and-virtualservice": {
		{at: "an HTTPRoute beside it", typed: "kubectl get virtualservice,httproute -A", says: `httproute`},
		{at: "an HTTPRoute beside it", typed: routes, says: `httproute-and-virtualservice~80~my-service`},
		{at: "an HTTPRoute beside it", typed: "kubectl get httproute my-service -o yaml", says: `type: Accepted`},
		{at: "an HTTPRoute beside it", typed: "istioctl analyze", lacks: `HTTPRoute`},
	},
	"rollback-in-a-fleet": {
		{
			at: "rollback", says: `Push debounce stable`,
			typed: "kubectl -n istio-system logs deploy/istiod | grep 'Push debounce stable'",
		},
	},
	"tcp-weights": {
		{
			at: "v2 gets half", says: `v2.*cx_active::[1-9]`,
			typed: stats + "clusters | grep '80|v.|my-service.*cx_active'",
		},
		{
			at: "v2 gets half", says: `weightedClusters`,
			typed: "istioctl proxy-config listener deploy/load-client --port 80 -o yaml",
		},
		{at: "the drain time is over", typed: logs, says: `outbound\|80\|v1\|`},
	},
	"timeout-slow-canary": {
		{at: "canary at 50 %", typed: logs, says: ` 504 UT response_timeout `},
		{at: "canary at 50 %", typed: logsOfV2, says: ` 0 DC downstream_remote_disconnect `},
		{at: "canary at 50 %", typed: route, says: `timeout`},
	},
}

// untyped are the commands of See that no test types, by how they begin, each with the reason.
var untyped = map[string]string{
	"kubectl port-forward ": "it goes on until somebody ends it, and what is asked for comes by another command",
	"kubectl apply":         "it is what the story does itself",
}

// typable is a command that an item of See begins with, as the pages of package describe show it.
var typable = regexp.MustCompile(`(?:^|[.,] and |[.] )((?:kubectl|istioctl) (?:[^:'"]|:[^ ]|'[^']*'|"[^"]*")*?)` +
	`(?::| finds | says | shows | has | warns |, for |, and |$)`)

// Every command that begins an item of a story's See has its moment, and every moment a phase.
func TestEveryCommandOfSeeHasItsMoment(t *testing.T) {
	for _, s := range scenarios.All() {
		for _, l := range looks[s.Name] {
			if !slices.ContainsFunc(s.Phases, func(p harness.Phase) bool { return p.Name == l.at }) {
				t.Errorf("%s: there is no phase %q for %s", s.Name, l.at, l.typed)
			}
			if !strings.Contains(strings.Join(s.See, "\n"), strings.TrimPrefix(l.typed, "istioctl ")) {
				t.Errorf("%s: no item of See has %s", s.Name, l.typed)
			}
		}
		for _, item := range s.See {
			for _, m := range typable.FindAllStringSubmatch(item, -1) {
				known := slices.ContainsFunc(looks[s.Name], func(l look) bool { return l.typed == m[1] })
				for begin := range untyped {
					known = known || strings.HasPrefix(m[1], begin)
				}
				if !known {
					t.Errorf("%s: nobody types %q", s.Name, m[1])
				}
			}
		}
	}
}

// TestSeeItYourself types the commands of each story's See while it is played, in a shell with the lab's own kubectl
// and istioctl, each at its moment. Each turn plays an eighth of the stories.
func TestSeeItYourself(t *testing.T) {
	ctx := t.Context()
	l := theLab.Open(ctx, t)
	for _, s := range labtest.Share(labtest.TheTurn(t), scenarios.All()) {
		if len(looks[s.Name]) == 0 {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			if s.OwnIstioOnly() && l.Borrowed() {
				t.Skip("it takes istiod away, and this one is the owner's")
			}
			see := &seer{t: t, story: s, looks: looks[s.Name]}
			rep, err := theLab.Play(t.Context(), t, s, harness.Options{Pace: see})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s: %s, %d commands", s.Name, rep.Outcome, see.typed)
			if see.typed != len(looks[s.Name]) {
				t.Errorf("got %d commands typed, want %d", see.typed, len(looks[s.Name]))
			}
		})
	}
}

// A seer is a Pace that types commands at the end of each phase, and ends the run after the last of them.
type seer struct {
	t     *testing.T
	story harness.Scenario
	looks []look
	typed int
}

// Next implements harness.Pace.
func (s *seer) Next(ctx context.Context, at harness.Playing) (harness.Move, error) {
	select {
	case <-at.Ready:
	case <-ctx.Done():
		return harness.Move{}, ctx.Err()
	}
	name := s.story.Phases[at.Phase].Name
	for _, l := range s.looks {
		if l.at == name {
			s.typed++
			s.look(ctx, l)
		}
	}
	return harness.Move{To: at.Phase + 1, Finish: s.typed == len(s.looks) || at.Phase+1 == len(s.story.Phases)}, nil
}

// seenWithin bounds how long a command may take to show what the story says. Envoy writes its access log once a second
// (istio.io/istio, the file's flush interval), Kubernetes its events later still.
const seenWithin = 15 * time.Second

// look types a command until it shows what it is to.
func (s *seer) look(ctx context.Context, l look) {
	s.t.Helper()
	typed := l.typed
	if strings.HasSuffix(typed, " POD") {
		const pod = "$(kubectl get pods -l version=v2 -o jsonpath='{.items[0].metadata.name}')"
		typed = strings.TrimSuffix(typed, "POD") + pod
	}
	ctx, cancel := context.WithTimeout(ctx, seenWithin)
	defer cancel()
	var wrong error
	for {
		out, err := shell(ctx, typed)
		if ctx.Err() != nil {
			break
		}
		if wrong = l.judge(out, err); wrong == nil {
			return
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
	s.t.Errorf("%s, phase %s: %s: %v", s.story.Name, l.at, l.typed, wrong)
}

// judge says what is wrong with what a command printed.
func (l look) judge(out string, err error) error {
	shown := out
	if len(shown) > 1500 {
		shown = shown[:700] + "\n…\n" + shown[len(shown)-700:]
	}
	var ended *exec.ExitError
	switch {
	case l.nothing && strings.TrimSpace(out) != "":
		return fmt.Errorf("got\n%s\nwant nothing", shown)
	case l.nothing && errors.As(err, &ended) && ended.ExitCode() == 1:
		return nil
	case err != nil && (!strings.HasPrefix(l.typed, "istioctl analyze") || !strings.Contains(out, "IST0")):
		return fmt.Errorf("got %w and\n%s", err, shown)
	case l.says != "" && !regexp.MustCompile(`(?m)`+l.says).MatchString(out):
		return fmt.Errorf("got\n%s\nwant %s", shown, l.says)
	case l.lacks != "" && regexp.MustCompile(`(?m)`+l.lacks).MatchString(out):
		return fmt.Errorf("got\n%s\nwant no %s", shown, l.lacks)
	}
	return nil
}

// shell types a command as in canarylab shell.
func shell(ctx context.Context, typed string) (string, error) {
	clients, err := lab.OpenClients(ctx, theLab.Options(), "", lab.Kubectl, lab.Istioctl)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", typed)
	cmd.Env = clients.Env(os.Environ())
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	return out.String(), err
}
