package embedded

import (
	"path/filepath"
	"slices"

	"github.com/canarylab/canarylab/harness/cluster/embedded/nodespec"
	"github.com/canarylab/canarylab/harness/cluster/nodeconf"
)

// Addresses inside the node. Each cluster has its own network namespace, so every cluster can have the same.
const (
	nodeIP     = "10.200.0.1"
	serviceIPs = "10.96.0.0/16"
	apiService = "10.96.0.1"
	apiPort    = "6443"
)

// pinned are files that are the node's own. Most are kernel-wide settings that kubelet would otherwise write, with the
// values that it wants (k8s.io/component-helpers, node/util/sysctl): a lab does not change its host.
var pinned = map[string]string{
	"/proc/sys/vm/overcommit_memory":     "1",
	"/proc/sys/vm/panic_on_oom":          "0",
	"/proc/sys/kernel/panic":             "10",
	"/proc/sys/kernel/panic_on_oops":     "1",
	"/proc/sys/kernel/keys/root_maxkeys": "1000000",
	// The host's name servers are out of reach; asking them for the registry of an image that is not there
	// takes a minute.
	"/etc/resolv.conf":                    "nameserver " + nodeIP,
	"/proc/sys/kernel/keys/root_maxbytes": "25000000",
}

// A nodePlan is what a node is described with.
type nodePlan struct {
	layout
	hostname string
	bin      string // the folder with the node's programs
}

// spec is the whole node: its processes, and what each waits for. Whatever can start at once does.
func (n nodePlan) spec(name string, readOnly []string) nodespec.Spec {
	return nodespec.Spec{
		Name: name, Hostname: n.hostname, Dir: string(n.layout), ReadOnly: readOnly,
		NodeIP: nodeIP + "/24", APIAddress: "127.0.0.1:" + apiPort, Pinned: pinned,
		Processes: []nodespec.Process{
			n.etcd(), n.apiServer(), n.containerd(), n.kubelet(), n.controllerManager(), n.scheduler(), n.kubeProxy(),
			n.coreDNS(),
		},
	}
}

// process is one of the node's programs.
func (n nodePlan) process(program string, after []string, args ...string) nodespec.Process {
	return nodespec.Process{
		Name: program, Path: filepath.Join(n.bin, program), Args: args, After: after,
		Env: []string{
			"PATH=" + n.bin + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:" + n.nft(), "HOME=/root",
			"TMPDIR=/tmp", oneProcessor,
		},
	}
}

// oneProcessor has a program of the node, but for the API server, run on one processor at a time. They idle, and with
// more of them Go wakes a second thread each time that there is a little to do, to see whether there is more: half of
// all switches between threads on an idle node were that (docs/cost.md).
const oneProcessor = "GOMAXPROCS=1"

// afterAPI is what processes wait for that are clients of the API server.
var afterAPI = []string{"kube-apiserver"}

func (n nodePlan) kubeconfigOf(user string) string {
	return "--kubeconfig=" + n.path("pki", user+".kubeconfig")
}

// api asks the API server.
func (n nodePlan) api(path string) *nodespec.Probe {
	return &nodespec.Probe{
		URL: "https://127.0.0.1:" + apiPort + path, CA: n.pki("ca.crt"), Cert: n.pki("admin.crt"),
		Key: n.pki("admin.key"),
	}
}

func (n nodePlan) etcd() nodespec.Process {
	const clients, peers = "https://127.0.0.1:2379", "http://127.0.0.1:2380"
	p := n.process("etcd", nil,
		"--name=node", "--data-dir="+n.path("etcd"), "--log-level=warn",
		"--listen-client-urls="+clients, "--advertise-client-urls="+clients,
		"--listen-peer-urls="+peers, "--initial-advertise-peer-urls="+peers, "--initial-cluster=node="+peers,
		"--client-cert-auth", "--trusted-ca-file="+n.pki("ca.crt"), "--cert-file="+n.pki("etcd.crt"),
		"--key-file="+n.pki("etcd.key"),
		"--unsafe-no-fsync", // a lab that loses power starts anew
		// In ms. The one member elects itself within an election timeout, in which the API server initializes. It
		// counts time by heartbeats, to nobody: at 10 ms etcd woke a hundred times a second to do so.
		"--heartbeat-interval=50", "--election-timeout=250",
	)
	p.Ready = &nodespec.Probe{
		URL: clients + "/health", CA: n.pki("ca.crt"), Cert: n.pki("etcd-client.crt"), Key: n.pki("etcd-client.key"),
	}
	return p
}

// apiServer waits for etcd by itself, and has a second of its own to initialize meanwhile.
func (n nodePlan) apiServer() nodespec.Process {
	p := n.process("kube-apiserver", nil,
		"--etcd-servers=https://127.0.0.1:2379", "--etcd-cafile="+n.pki("ca.crt"),
		"--etcd-certfile="+n.pki("etcd-client.crt"), "--etcd-keyfile="+n.pki("etcd-client.key"),
		"--bind-address=0.0.0.0", "--advertise-address="+nodeIP, "--secure-port="+apiPort,
		"--tls-cert-file="+n.pki("apiserver.crt"), "--tls-private-key-file="+n.pki("apiserver.key"),
		"--client-ca-file="+n.pki("ca.crt"), "--anonymous-auth=false", "--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction", "--allow-privileged=true",
		"--kubelet-certificate-authority="+n.pki("ca.crt"),
		"--kubelet-client-certificate="+n.pki("apiserver-kubelet.crt"),
		"--kubelet-client-key="+n.pki("apiserver-kubelet.key"),
		"--kubelet-preferred-address-types=InternalIP", // the node's name is not in any DNS
		"--requestheader-client-ca-file="+n.pki("ca.crt"), "--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file="+n.pki("front-proxy.crt"), "--proxy-client-key-file="+n.pki("front-proxy.key"),
		"--service-account-key-file="+n.pki("sa.pub"), "--service-account-signing-key-file="+n.pki("sa.key"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-cluster-ip-range="+serviceIPs,
		"--enable-priority-and-fairness=false", // one user, who wants an answer now
		"--profiling=false",
	)
	// It has seconds of work to do until it serves, which the whole cluster waits for.
	p.Env = slices.DeleteFunc(p.Env, func(s string) bool { return s == oneProcessor })
	// The two checks left out belong to hooks that sleep for a second before their first try. Nobody who starts
	// now needs what they make: RBAC roles (admins go without) and priority classes.
	p.Ready = n.api("/readyz?exclude=poststarthook/rbac/bootstrap-roles" +
		"&exclude=poststarthook/scheduling/bootstrap-system-priority-classes")
	return p
}

func (n nodePlan) containerd() nodespec.Process {
	p := n.process("containerd", nil, "--config="+n.path("containerd.toml"))
	p.Ready = &nodespec.Probe{Socket: nodeconf.Socket}
	return p
}

func (n nodePlan) kubelet() nodespec.Process {
	return n.process("kubelet", []string{"kube-apiserver", "containerd"},
		"--config="+n.path("kubelet.yaml"), n.kubeconfigOf("kubelet"), "--hostname-override="+n.hostname,
		"--node-ip="+nodeIP,
		"--root-dir="+n.path("kubelet"), "--cert-dir="+n.path("kubelet", "pki"), "--v=1",
	)
}

// controllerManager starts when the API server is wholly healthy: it looks for that once a second, which a
// later start saves.
func (n nodePlan) controllerManager() nodespec.Process {
	p := n.process("kube-controller-manager", afterAPI,
		n.kubeconfigOf("controller-manager"), "--leader-elect=false", "--secure-port=0",
		"--use-service-account-credentials=false",
		"--service-account-private-key-file="+n.pki("sa.key"), "--root-ca-file="+n.pki("ca.crt"),
		"--cluster-signing-cert-file="+n.pki("ca.crt"), "--cluster-signing-key-file="+n.pki("ca.key"),
		"--kube-api-qps=200", "--kube-api-burst=400", "--profiling=false",
	)
	p.When = n.api("/healthz")
	return p
}

func (n nodePlan) scheduler() nodespec.Process {
	return n.process("kube-scheduler", afterAPI, n.kubeconfigOf("scheduler"), "--leader-elect=false", "--secure-port=0",
		"--profiling=false", "--kube-api-qps=200", "--kube-api-burst=400")
}

func (n nodePlan) kubeProxy() nodespec.Process {
	return n.process("kube-proxy", afterAPI, "--config="+n.path("kube-proxy.yaml"))
}

// coreDNS is a process and not a pod, so that it answers before the first pod asks: a lookup that is lost while
// a DNS pod starts costs its asker five seconds.
func (n nodePlan) coreDNS() nodespec.Process {
	p := n.process("coredns", afterAPI, "-conf", n.path("Corefile"))
	p.Ready = &nodespec.Probe{URL: "http://127.0.0.1:8181/ready"}
	return p
}
