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
	// Ejected tells that the proxy's outlier detection has put it aside.
	Ejected bool
	// Unhealthy tells that istiod or a health check calls it so. Neither such a host nor an ejected one gets requests, unless the proxy is in
	// panic (DestinationRule's minHealthPercent).
	Unhealthy bool
}

// Hosts reads the hosts that p has in a cluster, such as "outbound|80|v2|my-service.demo.svc.cluster.local", from Envoy's admin
// interface (GET /clusters?format=json, envoy.admin.v3.Clusters). They are not known where the proxy has no such cluster.
func Hosts(ctx context.Context, k *kube.Client, p Proxy, cluster string) (hosts []Host, known bool, err error) {
	client := k.PodHTTP(p.Namespace, p.Pod, adminPort)
	defer client.CloseIdleConnections()
	b, err := admin(ctx, client, "/clusters?format=json")
	if err == nil {
		hosts, known, err = readHosts(b, cluster)
	}
	if err != nil {
		return nil, false, fmt.Errorf("hosts of cluster %s on proxy %s: %w", cluster, p, err)
	}
	return hosts, known, nil
}

func readHosts(clusters []byte, cluster string) (hosts []Host, known bool, err error) {
	var all struct {
		ClusterStatuses []struct {
			Name         string `json:"name"`
			HostStatuses []struct {
				Address struct {
					SocketAddress struct {
						Address   string `json:"address"`
						PortValue int    `json:"port_value"`
					} `json:"socket_address"`
				} `json:"address"`
				HealthStatus struct {
					FailedActiveHealthCheck bool   `json:"failed_active_health_check"`
					FailedOutlierCheck      bool   `json:"failed_outlier_check"`
					EDSHealthStatus         string `json:"eds_health_status"`
				} `json:"health_status"`
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
			a, s := h.Address.SocketAddress, h.HealthStatus
			taken := s.EDSHealthStatus == "" || s.EDSHealthStatus == "UNKNOWN" || s.EDSHealthStatus == "HEALTHY"
			hosts = append(hosts, Host{
				Address:   net.JoinHostPort(a.Address, strconv.Itoa(a.PortValue)),
				Ejected:   s.FailedOutlierCheck,
				Unhealthy: !taken || s.FailedActiveHealthCheck,
			})
		}
		return hosts, true, nil
	}
	return nil, false, nil
}
