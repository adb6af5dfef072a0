package embedded

import (
	"errors"
	"fmt"
	"os"

	"sigs.k8s.io/yaml"

	"github.com/canarylab/canarylab/harness/cluster/nodeconf"
)

// writeConfigs writes what the node's programs read.
func (l layout) writeConfigs(bin, cgroup, hostname string) error {
	kubelet := map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1beta1",
		"kind":       "KubeletConfiguration",
		"authentication": map[string]any{
			"anonymous": map[string]any{"enabled": false}, "webhook": map[string]any{"enabled": true},
			"x509": map[string]any{"clientCAFile": l.pki("ca.crt")},
		},
		"authorization": map[string]any{"mode": "Webhook"},
		"tlsCertFile":   l.pki("kubelet.crt"), "tlsPrivateKeyFile": l.pki("kubelet.key"),
		"containerRuntimeEndpoint": "unix://" + nodeconf.Socket,
		"clusterDNS":               []string{nodeIP}, "clusterDomain": "cluster.local",
		"resolvConf":   "", // the node has no way out, so pods get no upstream resolver
		"cgroupDriver": "cgroupfs", "cgroupRoot": "/" + cgroup, "cgroupsPerQOS": true,
		"enforceNodeAllocatable": []string{},
		"failCgroupV1":           false, "failSwapOn": false,
		"podLogsDir": l.path("pods-log"),
		// Rotation would cut a log that is being followed.
		"containerLogMaxSize": "1Gi", "containerLogMaxFiles": 2,
		// The host's disk is the user's business: a fuller disk must not evict the lab's pods or its only images.
		"evictionHard": map[string]string{
			"nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%",
		},
		"imageGCHighThresholdPercent": 100,
		"serializeImagePulls":         false,
		"makeIPTablesUtilChains":      false, // kube-proxy speaks nftables; the iptables program is not needed
		"syncFrequency":               "2s",
		"kubeAPIQPS":                  200, "kubeAPIBurst": 400, "eventRecordQPS": 0,
	}
	proxy := map[string]any{
		"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
		"clientConnection": map[string]any{
			"kubeconfig": l.path("pki", "kube-proxy.kubeconfig"), "qps": 200, "burst": 400,
		},
		"hostnameOverride": hostname, "clusterCIDR": nodeconf.PodRange, "mode": "nftables",
		// Kubernetes' default of a second is for thousands of Services. Here it would only delay a handful.
		"nftables": map[string]any{"minSyncPeriod": "20ms"},
		// The table of connections is the whole kernel's: leave it as the host has it.
		"conntrack": map[string]any{
			"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s",
		},
	}
	// The kubernetes plugin needs a kubeconfig, as CoreDNS is no pod here. It has no upstream: the node has no way out.
	corefile := fmt.Sprintf(`.:53 {
	bind %s
	errors
	ready 127.0.0.1:8181
	kubernetes cluster.local in-addr.arpa {
		kubeconfig %s
	}
	cache 5
}
`, nodeIP, l.path("pki", "coredns.kubeconfig"))
	if err := os.MkdirAll(l.path("cni"), 0o700); err != nil {
		return err
	}
	return errors.Join(
		writeYAML(l.path("kubelet.yaml"), kubelet), writeYAML(l.path("kube-proxy.yaml"), proxy),
		os.WriteFile(l.path("Corefile"), []byte(corefile), 0o600),
		os.WriteFile(l.path("cni", nodeconf.CNIFile), nodeconf.Pods(), 0o600), l.writeContainerdConfig(bin),
	)
}

// writeContainerdConfig configures containerd to find its plugins and runc in bin.
func (l layout) writeContainerdConfig(bin string) error {
	const sandbox = "docker.io/" + pauseImage
	c := nodeconf.Containerd{Root: l.path("containerd"), Bin: bin, CNI: l.path("cni"), Sandbox: sandbox}
	return os.WriteFile(l.path("containerd.toml"), c.TOML(), 0o600)
}

func writeYAML(file string, v any) error {
	raw, err := yaml.Marshal(v)
	if err != nil {
		return err
	}
	return os.WriteFile(file, raw, 0o600)
}

// pauseImage is what holds a pod's namespaces open.
const pauseImage = "canarylab/pause:dev"
