package mesh

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strconv"

	"github.com/canarylab/canarylab/harness/kube"
)

// A Host is one endpoint of a cluster, as one proxy sees it.
type Host struct {
	// Address is "ip:port".
	Address string
	// Ejected tells that the proxy's outlier detection ejected it.
	Ejected bool
	// Unhealthy tells that istiod or a health check calls it unhealthy. The proxy sends requests to
	// neither such a host nor an ejected one, unless it is in panic mode (DestinationRule's
	// minHealthPercent).
	Unhealthy bool
	// Connections is how many are open to it.
	Connections int
}

// clustersPath asks Envoy's admin interface for the hosts of all clusters.
const clustersPath = "/clusters?format=json"

// Hosts reads the hosts that p has in a cluster, such as
// "outbound|80|v2|my-service.demo.svc.cluster.local", from Envoy's admin interface
// (envoy.admin.v3.Clusters). known is false if the proxy has no such cluster.
func Hosts(ctx context.Context, k *kube.Client, p Proxy, cluster string) (hosts []Host, known bool, err error) {
	client := k.PodHTTP(p.Namespace, p.Pod, adminPort)
	defer client.CloseIdleConnections()
	b, err := admin(ctx, client, clustersPath)
	if err == nil {
		hosts, known, err = readHosts(b, cluster)
	}
	if err != nil {
		return nil, false, fmt.Errorf("hosts of cluster %s on proxy %s: %w", cluster, p, err)
	}
	return hosts, known, nil
}

// readHosts finds the hosts of one cluster in an answer to clustersPath.
func readHosts(clusters []byte, cluster string) (hosts []Host, known bool, err error) {
	var all struct {
		ClusterStatuses []struct {
			Name         string `json:"name"`
			HostStatuses []struct {
				Address      envoyAddress `json:"address"`
				HealthStatus struct {
					FailedActiveHealthCheck bool   `json:"failed_active_health_check"`
					FailedOutlierCheck      bool   `json:"failed_outlier_check"`
					EDSHealthStatus         string `json:"eds_health_status"`
				} `json:"health_status"`
				// Envoy writes numbers of 64 bits as text.
				Stats []struct {
					Name  string `json:"name"`
					Value string `json:"value"`
				} `json:"stats"`
			} `json:"host_statuses"`
		} `json:"cluster_statuses"`
	}
	if err := json.Unmarshal(clusters, &all); err != nil {
		return nil, false, fmt.Errorf("read the clusters: %w", err)
	}
	for _, c := range all.ClusterStatuses {
		if c.Name != cluster {
			continue
		}
		for _, h := range c.HostStatuses {
			s := h.HealthStatus
			host := Host{
				Address:   h.Address.String(),
				Ejected:   s.FailedOutlierCheck,
				Unhealthy: !healthyEDS(s.EDSHealthStatus) || s.FailedActiveHealthCheck,
			}
			for _, stat := range h.Stats {
				// Envoy leaves a value of 0 out.
				if stat.Name != "cx_active" || stat.Value == "" {
					continue
				}
				if host.Connections, err = strconv.Atoi(stat.Value); err != nil {
					return nil, false, fmt.Errorf("connections to %s: %w", host.Address, err)
				}
			}
			hosts = append(hosts, host)
		}
		return hosts, true, nil
	}
	return nil, false, nil
}

// healthyEDS tells whether a proxy sends requests to an endpoint with this status of Envoy's endpoint discovery (EDS).
func healthyEDS(status string) bool {
	return status == "" || status == "UNKNOWN" || status == "HEALTHY"
}

// An envoyAddress is Envoy's envoy.config.core.v3.Address of a socket.
type envoyAddress struct {
	SocketAddress struct {
		Address   string `json:"address"`
		PortValue int    `json:"port_value"`
	} `json:"socket_address"`
}

// String is "ip:port".
func (a envoyAddress) String() string {
	return net.JoinHostPort(a.SocketAddress.Address, strconv.Itoa(a.SocketAddress.PortValue))
}
