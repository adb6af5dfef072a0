package live

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/canarylab/canarylab/harness/addons"
	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/mesh"
)

// proxies implements environment.Proxies.
type proxies struct {
	k    *kube.Client
	mesh mesh.Installed
	// all returns the namespaces that belong to that of the callers, and gateway the one of their gateway.
	all     func(ns string) []string
	gateway func(ns string) string
	// watchers remember, by namespace, what its proxies had: some changes can only be dated by that.
	watchers map[string]*mesh.Watcher
	// analyze is the Cluster's.
	analyze func(ctx context.Context, ns string) ([]environment.Finding, error)
}

// close ends the connections to the proxies.
func (p *proxies) close() {
	for _, w := range p.watchers {
		w.Close()
	}
}

// routers returns the proxies that route the load: those of who sends it, and the gateway's.
func (p *proxies) routers(ctx context.Context, ns string) ([]mesh.Proxy, error) {
	all, err := mesh.Proxies(ctx, p.k, ns, "app="+addons.SidecarCaller)
	if err != nil {
		return nil, err
	}
	for _, one := range p.all(ns) {
		named, err := mesh.Proxies(ctx, p.k, one, addons.CallerLabel)
		if err != nil {
			return nil, err
		}
		all = append(all, named...)
	}
	gateways, err := mesh.Proxies(ctx, p.k, p.gateway(ns), addons.GatewayLabel)
	if err != nil {
		return nil, err
	}
	if all = append(all, gateways...); len(all) == 0 {
		const none = "no pod of %s or of a gateway in namespace %s is ready and has a proxy: is Istio's injection on?"
		return nil, fmt.Errorf(none, addons.SidecarCaller, ns)
	}
	return all, nil
}

func (p *proxies) Await(ctx context.Context, ns string, synced func(environment.Synced)) error {
	all := p.all(ns)
	for i, one := range all {
		if i > 0 {
			// One of somebody's own may have no proxy.
			if proxies, err := mesh.Proxies(ctx, p.k, one, ""); err == nil && len(proxies) == 0 {
				continue
			}
		}
		if err := p.await(ctx, one, all, synced); err != nil {
			return err
		}
	}
	return nil
}

// await waits for the proxies of one of all namespaces.
func (p *proxies) await(ctx context.Context, ns string, all []string, synced func(environment.Synced)) error {
	if p.watchers[ns] == nil {
		with := slices.DeleteFunc(slices.Clone(all), func(other string) bool { return other == ns })
		p.watchers[ns] = mesh.NewWatcher(p.k, p.mesh, ns, with...)
	}
	err := p.watchers[ns].Await(ctx, func(s mesh.Synced) {
		synced(environment.Synced{Proxy: s.Proxy.Pod, At: s.At, Exact: s.Exact})
	})
	if r := (*mesh.Rejection)(nil); errors.As(err, &r) {
		return environment.Rejection{Proxy: r.Proxy.Pod, Reason: r.Reason}
	}
	return err
}

func (p *proxies) Endpoints(
	ctx context.Context, ns, service, subset string,
) (map[string]environment.Hosts, error) {
	all, err := p.routers(ctx, ns)
	if err != nil {
		return nil, err
	}
	// Source of the form: BuildSubsetKey in istio.io/istio/pilot/pkg/model.
	cluster := fmt.Sprintf("outbound|%d|%s|%s.%s.svc.cluster.local", environment.Port, subset, service, ns)
	found := map[string]environment.Hosts{}
	for _, proxy := range all {
		list, known, err := mesh.Hosts(ctx, p.k, proxy, cluster)
		if err != nil {
			return nil, fmt.Errorf("clusters of proxy %s: %w", proxy, err)
		}
		if !known {
			continue
		}
		hosts := environment.Hosts{All: len(list)}
		for _, host := range list {
			if host.Ejected {
				hosts.Ejected++
			}
			hosts.Connections += host.Connections
		}
		found[proxy.Pod] = hosts
	}
	return found, nil
}

func (p *proxies) Version(ctx context.Context, ns string) (string, error) {
	all, err := p.routers(ctx, ns)
	if err != nil {
		return "", err
	}
	return mesh.ProxyVersion(ctx, p.k, all[0])
}

func (p *proxies) Analyze(ctx context.Context, ns string) ([]environment.Finding, error) {
	return p.analyze(ctx, ns)
}

func (p *proxies) AnalyzeFiles(
	ctx context.Context, ns string, objects []environment.Object,
) ([]environment.Finding, error) {
	manifests, err := kube.YAML(objects)
	if err != nil {
		return nil, err
	}
	messages, err := mesh.AnalyzeFiles(ctx, [][]byte{manifests}, ns)
	return findings(messages), err
}

func findings(messages []mesh.Message) []environment.Finding {
	var all []environment.Finding
	for _, m := range messages {
		all = append(all, environment.Finding{Code: m.Code, Text: m.Resource + ": " + m.Text})
	}
	return all
}
