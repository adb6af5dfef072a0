package embedded

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/canarylab/canarylab/harness/cluster/embedded/nodespec"
	"github.com/canarylab/canarylab/harness/cluster/nodeconf"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"
)

// Addresses inside the node. Each cluster has its own network namespace, so every cluster can have the same.
const (
	nodeIP     = "10.200.0.1"
	serviceIPs = "10.96.0.0/16"
	apiService = "10.96.0.1"
	apiPort    = "6443"
)

// pauseImage is what holds a pod's namespaces open.
const pauseImage = "canarylab/pause:dev"

// A layout knows where a cluster keeps what. Everything is below one folder.
type layout string

func (l layout) path(elem ...string) string {
	return filepath.Join(append([]string{string(l)}, elem...)...)
}
func (l layout) kubeconfig() string     { return l.path("kubeconfig") }
func (l layout) pki(file string) string { return l.path("pki", file) }

// writeCredentials makes every certificate, key and kubeconfig of a new cluster.
func (l layout) writeCredentials(hostname string) error {
	if err := os.MkdirAll(l.path("pki"), 0o700); err != nil {
		return err
	}
	ca, err := newAuthority(l.path("pki"))
	if err != nil {
		return err
	}
	apiHosts := []string{"127.0.0.1", "localhost", nodeIP, apiService, "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}
	leaves := []leaf{
		{file: "apiserver", user: "kube-apiserver", hosts: apiHosts},
		{file: "etcd", user: "etcd", hosts: []string{"127.0.0.1"}},
		{file: "etcd-client", user: "kube-apiserver"},
		// The API server asks kubelet for logs and exec, and may do anything there.
		{file: "apiserver-kubelet", user: "kube-apiserver-kubelet-client", groups: []string{"system:masters"}},
		{file: "kubelet", user: "system:node:" + hostname, groups: []string{"system:nodes"}, hosts: []string{hostname, nodeIP, "127.0.0.1"}},
		{file: "admin", user: "canarylab-admin", groups: []string{"system:masters"}},
		// These have roles of their own in every cluster. But the API server makes those roles a second after it
		// serves, and whoever is refused until then backs off for more seconds. All run as root beside the CA's key, so
		// there is nothing to protect from them.
		{file: "controller-manager", user: "system:kube-controller-manager", groups: []string{"system:masters"}},
		{file: "scheduler", user: "system:kube-scheduler", groups: []string{"system:masters"}},
		{file: "kube-proxy", user: "system:kube-proxy", groups: []string{"system:masters"}},
		{file: "coredns", user: "system:coredns", groups: []string{"system:masters"}},
		{file: "front-proxy", user: "front-proxy-client"},
	}
	for _, leaf := range leaves {
		if err := ca.issue(leaf); err != nil {
			return err
		}
	}
	return newSigningKey(l.path("pki"))
}

// writeKubeconfigs points each user's kubeconfig at the API server: the node's own at its address in the node, the
// admin's at the port on the host's loopback.
func (l layout) writeKubeconfigs(cluster string, hostPort int) error {
	inside := "https://127.0.0.1:" + apiPort
	for _, user := range []string{"kubelet", "controller-manager", "scheduler", "kube-proxy", "coredns"} {
		if err := l.writeKubeconfig(l.path("pki", user+".kubeconfig"), cluster, inside, user); err != nil {
			return err
		}
	}
	return l.writeKubeconfig(l.kubeconfig(), "canarylab-"+cluster, "https://127.0.0.1:"+strconv.Itoa(hostPort), "admin")
}

func (l layout) writeKubeconfig(file, name, server, user string) error {
	var data [3][]byte
	for i, f := range []string{"ca.crt", user + ".crt", user + ".key"} {
		raw, err := os.ReadFile(l.pki(f))
		if err != nil {
			return err
		}
		data[i] = raw
	}
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: data[0]}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{ClientCertificateData: data[1], ClientKeyData: data[2]}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	// WriteToFile makes the file 0600.
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}

// writeConfigs writes what the node's programs read.
func (l layout) writeConfigs(bin, cgroup, hostname string) error {
	kubelet := map[string]any{
		"apiVersion":     "kubelet.config.k8s.io/v1beta1",
		"kind":           "KubeletConfiguration",
		"authentication": map[string]any{"anonymous": map[string]any{"enabled": false}, "webhook": map[string]any{"enabled": true}, "x509": map[string]any{"clientCAFile": l.pki("ca.crt")}},
		"authorization":  map[string]any{"mode": "Webhook"},
		"tlsCertFile":    l.pki("kubelet.crt"), "tlsPrivateKeyFile": l.pki("kubelet.key"),
		"containerRuntimeEndpoint": "unix://" + nodeconf.Socket,
		"clusterDNS":               []string{nodeIP}, "clusterDomain": "cluster.local",
		"resolvConf":   "", // the node has no way out, so pods get no upstream resolver
		"cgroupDriver": "cgroupfs", "cgroupRoot": "/" + cgroup, "cgroupsPerQOS": true, "enforceNodeAllocatable": []string{},
		"failCgroupV1": false, "failSwapOn": false,
		"podLogsDir": l.path("pods-log"),
		// Rotation would cut a log that is being followed.
		"containerLogMaxSize": "1Gi", "containerLogMaxFiles": 2,
		// The host's disk is the user's business: a fuller disk must not evict the lab's pods or its only images.
		"evictionHard":                map[string]string{"nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%"},
		"imageGCHighThresholdPercent": 100,
		"serializeImagePulls":         false,
		"makeIPTablesUtilChains":      false, // kube-proxy speaks nftables; the iptables program is not needed
		"syncFrequency":               "2s",
		"kubeAPIQPS":                  200, "kubeAPIBurst": 400, "eventRecordQPS": 0,
	}
	if err := writeYAML(l.path("kubelet.yaml"), kubelet); err != nil {
		return err
	}
	proxy := map[string]any{
		"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
		"clientConnection": map[string]any{"kubeconfig": l.path("pki", "kube-proxy.kubeconfig"), "qps": 200, "burst": 400},
		"hostnameOverride": hostname, "clusterCIDR": nodeconf.PodRange, "mode": "nftables",
		// Kubernetes' default of a second is for thousands of Services. Here it would only delay a handful.
		"nftables": map[string]any{"minSyncPeriod": "20ms"},
		// The table of connections is the whole kernel's: leave it as the host has it.
		"conntrack": map[string]any{"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
	}
	if err := writeYAML(l.path("kube-proxy.yaml"), proxy); err != nil {
		return err
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
	if err := os.WriteFile(l.path("Corefile"), []byte(corefile), 0o600); err != nil {
		return err
	}
	if err := os.MkdirAll(l.path("cni"), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(l.path("cni", nodeconf.CNIFile), nodeconf.Pods(), 0o600); err != nil {
		return err
	}
	return writeContainerdConfig(l.path("containerd.toml"), l.path("containerd"), l.path("cni"), bin)
}

// writeContainerdConfig configures containerd to keep its data in root and find its plugins and runc in bin.
func writeContainerdConfig(file, root, cniConf, bin string) error {
	c := nodeconf.Containerd{Root: root, Bin: bin, CNI: cniConf, Sandbox: "docker.io/" + pauseImage}
	return os.WriteFile(file, c.TOML(), 0o600)
}

func writeYAML(file string, v any) error {
	raw, err := yaml.Marshal(v)
	if err != nil {
		return err
	}
	return os.WriteFile(file, raw, 0o600)
}

// pinned are files that are the node's own. Most are kernel-wide settings that kubelet would otherwise write, with the
// values that it wants (k8s.io/component-helpers, node/util/sysctl): a lab does not change its host.
var pinned = map[string]string{
	"/proc/sys/vm/overcommit_memory":     "1",
	"/proc/sys/vm/panic_on_oom":          "0",
	"/proc/sys/kernel/panic":             "10",
	"/proc/sys/kernel/panic_on_oops":     "1",
	"/proc/sys/kernel/keys/root_maxkeys": "1000000",
	// The host's name servers are out of reach; asking them for the registry of an image that is not there takes a minute.
	"/etc/resolv.conf":                    "nameserver " + nodeIP,
	"/proc/sys/kernel/keys/root_maxbytes": "25000000",
}

// spec is the whole node: its processes, and what each waits for. Whatever can start at once does.
func (l layout) spec(name, cgroup, hostname, bin string, readOnly []string) nodespec.Spec {
	at := func(program string) string { return filepath.Join(bin, program) }
	env := []string{"PATH=" + bin + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "TMPDIR=/tmp"}
	kubeconfig := func(user string) string { return "--kubeconfig=" + l.path("pki", user+".kubeconfig") }
	api := "https://127.0.0.1:" + apiPort
	apiProbe := func(path string) *nodespec.Probe {
		return &nodespec.Probe{URL: api + path, CA: l.pki("ca.crt"), Cert: l.pki("admin.crt"), Key: l.pki("admin.key")}
	}
	return nodespec.Spec{
		Name: name, Hostname: hostname, Dir: string(l), ReadOnly: readOnly,
		NodeIP: nodeIP + "/24", APIAddress: "127.0.0.1:" + apiPort, Cgroup: cgroup, Pinned: pinned,
		Processes: []nodespec.Process{{
			Name: "etcd", Path: at("etcd"), Env: env,
			Args: []string{
				"--name=node", "--data-dir=" + l.path("etcd"), "--log-level=warn",
				"--listen-client-urls=https://127.0.0.1:2379", "--advertise-client-urls=https://127.0.0.1:2379",
				"--listen-peer-urls=http://127.0.0.1:2380", "--initial-advertise-peer-urls=http://127.0.0.1:2380", "--initial-cluster=node=http://127.0.0.1:2380",
				"--client-cert-auth", "--trusted-ca-file=" + l.pki("ca.crt"), "--cert-file=" + l.pki("etcd.crt"), "--key-file=" + l.pki("etcd.key"),
				"--unsafe-no-fsync",                                // a lab that loses power starts anew
				"--heartbeat-interval=10", "--election-timeout=50", // ms; one member elects itself, sooner
			},
			Ready: &nodespec.Probe{URL: "https://127.0.0.1:2379/health", CA: l.pki("ca.crt"), Cert: l.pki("etcd-client.crt"), Key: l.pki("etcd-client.key")},
		}, {
			// It waits for etcd by itself, and has a second of its own to initialize meanwhile.
			Name: "kube-apiserver", Path: at("kube-apiserver"), Env: env,
			Args: []string{
				"--etcd-servers=https://127.0.0.1:2379", "--etcd-cafile=" + l.pki("ca.crt"), "--etcd-certfile=" + l.pki("etcd-client.crt"), "--etcd-keyfile=" + l.pki("etcd-client.key"),
				"--bind-address=0.0.0.0", "--advertise-address=" + nodeIP, "--secure-port=" + apiPort,
				"--tls-cert-file=" + l.pki("apiserver.crt"), "--tls-private-key-file=" + l.pki("apiserver.key"),
				"--client-ca-file=" + l.pki("ca.crt"), "--anonymous-auth=false", "--authorization-mode=Node,RBAC",
				"--enable-admission-plugins=NodeRestriction", "--allow-privileged=true",
				"--kubelet-certificate-authority=" + l.pki("ca.crt"), "--kubelet-client-certificate=" + l.pki("apiserver-kubelet.crt"), "--kubelet-client-key=" + l.pki("apiserver-kubelet.key"),
				"--kubelet-preferred-address-types=InternalIP", // the node's name is not in any DNS
				"--requestheader-client-ca-file=" + l.pki("ca.crt"), "--requestheader-allowed-names=front-proxy-client",
				"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group", "--requestheader-extra-headers-prefix=X-Remote-Extra-",
				"--proxy-client-cert-file=" + l.pki("front-proxy.crt"), "--proxy-client-key-file=" + l.pki("front-proxy.key"),
				"--service-account-key-file=" + l.pki("sa.pub"), "--service-account-signing-key-file=" + l.pki("sa.key"), "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
				"--service-cluster-ip-range=" + serviceIPs,
				"--enable-priority-and-fairness=false", // one user, who wants an answer now
				"--profiling=false",
			},
			// The two checks left out belong to hooks that sleep for a second before their first try. Nobody who starts
			// now needs what they make: RBAC roles (admins go without) and priority classes.
			Ready: apiProbe("/readyz?exclude=poststarthook/rbac/bootstrap-roles&exclude=poststarthook/scheduling/bootstrap-system-priority-classes"),
		}, {
			Name: "containerd", Path: at("containerd"), Env: env,
			Args:  []string{"--config=" + l.path("containerd.toml")},
			Ready: &nodespec.Probe{Socket: nodeconf.Socket},
		}, {
			Name: "kubelet", Path: at("kubelet"), Env: env, After: []string{"kube-apiserver", "containerd"},
			Args: []string{
				"--config=" + l.path("kubelet.yaml"), kubeconfig("kubelet"), "--hostname-override=" + hostname, "--node-ip=" + nodeIP,
				"--root-dir=" + l.path("kubelet"), "--cert-dir=" + l.path("kubelet", "pki"), "--v=1",
			},
		}, {
			// It looks for the API server's whole health once a second; starting it when that is there saves the second.
			Name: "kube-controller-manager", Path: at("kube-controller-manager"), Env: env, After: []string{"kube-apiserver"}, When: apiProbe("/healthz"),
			Args: []string{
				kubeconfig("controller-manager"), "--leader-elect=false", "--secure-port=0", "--use-service-account-credentials=false",
				"--service-account-private-key-file=" + l.pki("sa.key"), "--root-ca-file=" + l.pki("ca.crt"),
				"--cluster-signing-cert-file=" + l.pki("ca.crt"), "--cluster-signing-key-file=" + l.pki("ca.key"),
				"--kube-api-qps=200", "--kube-api-burst=400", "--profiling=false",
			},
		}, {
			Name: "kube-scheduler", Path: at("kube-scheduler"), Env: env, After: []string{"kube-apiserver"},
			Args: []string{kubeconfig("scheduler"), "--leader-elect=false", "--secure-port=0", "--profiling=false", "--kube-api-qps=200", "--kube-api-burst=400"},
		}, {
			Name: "kube-proxy", Path: at("kube-proxy"), Env: env, After: []string{"kube-apiserver"},
			Args: []string{"--config=" + l.path("kube-proxy.yaml")},
		}, {
			// A process and not a pod, so that it answers before the first pod asks: a lookup that is lost while a DNS pod
			// starts costs its asker five seconds.
			Name: "coredns", Path: at("coredns"), Env: env, After: []string{"kube-apiserver"},
			Args:  []string{"-conf", l.path("Corefile")},
			Ready: &nodespec.Probe{URL: "http://127.0.0.1:8181/ready"},
		}},
	}
}
