package artifacts

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The recipes of package images that others name.
const (
	Images          = "images"
	PrometheusImage = "image-prometheus"
	FleetImage      = "image-fleet"
)

// Recipes are those of all programs, in the order in which they are best told.
func (s *Store) Recipes() ([]Recipe, error) {
	var all []Recipe
	for _, recipe := range []func() (Recipe, error){
		s.node, s.programs, s.istio, s.envoy, s.prometheus, s.fleet, s.kubectl, s.istioctl, s.echo,
		s.gatewayAPI,
	} {
		r, err := recipe()
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return append(all, s.debian("")), nil
}

// IDOf is the ID of the programs of that name.
func (s *Store) IDOf(name string) (ID, error) {
	all, err := s.Recipes()
	if err != nil {
		return ID{}, err
	}
	for _, r := range all {
		if r.Name == name {
			return s.ID(r)
		}
	}
	return ID{}, fmt.Errorf("there are no programs %q", name)
}

func (s *Store) get(ctx context.Context, recipe func() (Recipe, error)) (string, error) {
	r, err := recipe()
	if err != nil {
		return "", err
	}
	return s.Get(ctx, r)
}

// nodePrograms are the names that the node's multi-call binary is called by.
var nodePrograms = []string{
	"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubeadm",
	"kubectl",
}

// nodeModule is the nested module with the node's programs. It is apart because Kubernetes can only be built with
// replace directives, which would not reach those who import the main module.
const nodeModule = "harness/cluster/embedded/node"

// Node returns the folder with the programs of a Kubernetes node: etcd, Kubernetes, containerd, runc, CNI plugins and
// CoreDNS.
func (s *Store) Node(ctx context.Context) (string, error) { return s.get(ctx, s.node) }

func (s *Store) node() (Recipe, error) {
	versions, err := s.nodeVersions()
	if err != nil {
		return Recipe{}, err
	}
	return Recipe{
		Name:   "node",
		For:    "Kubernetes and containerd, on the nodes that the lab makes",
		How:    fmt.Sprint(nodePrograms, versions),
		Inputs: []string{nodeModule},
		Free:   needed,
		Make: func(ctx context.Context, dir string, say func(string)) error {
			static := func(out, tags string, packages ...string) goBuild {
				return goBuild{
					module: nodeModule, static: true, vars: versions, out: out, tags: tags, packages: packages,
				}
			}
			kubernetes := static(filepath.Join(dir, "kube"), "", ".")
			// The tags are for snapshotters that the lab does not use, and that need C headers or kernel devices.
			containers := static(dir+"/", "no_btrfs no_devmapper no_zfs",
				"github.com/containerd/containerd/v2/cmd/containerd",
				"github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
				"github.com/containerd/containerd/v2/cmd/ctr",
				"github.com/containernetworking/plugins/plugins/ipam/host-local",
				"github.com/containernetworking/plugins/plugins/main/loopback",
				"github.com/containernetworking/plugins/plugins/main/ptp")
			dns := static(dir+"/", "", "./coredns")
			// runc is C in part: it enters namespaces before Go's runtime starts, and pods that ask for
			// RuntimeDefault (istiod does) need its seccomp support. All of C is linked in, because it also
			// runs in a node image, which has another system's libraries.
			runc := goBuild{
				module: nodeModule, tags: "seccomp netgo osusergo", archives: true,
				packages: []string{"github.com/opencontainers/runc"}, out: dir + "/",
			}
			for _, b := range []goBuild{kubernetes, containers, dns, runc} {
				if err := s.run(ctx, b, say); err != nil {
					return err
				}
			}
			for _, name := range nodePrograms {
				if err := os.Symlink("kube", filepath.Join(dir, name)); err != nil {
					return err
				}
			}
			return nil
		},
	}, nil
}

// bootstrapTemplate is what pilot-agent makes Envoy's first configuration from; Istio's images carry it.
const bootstrapTemplate = "envoy_bootstrap_tmpl.json"

// Istio returns the folder with pilot-discovery (istiod), pilot-agent and its bootstrap template, of the Istio that
// go.mod names.
func (s *Store) Istio(ctx context.Context) (string, error) { return s.get(ctx, s.istio) }

func (s *Store) istio() (Recipe, error) {
	vars, err := s.istioVersions()
	if err != nil {
		return Recipe{}, err
	}
	return Recipe{
		Name: "istio", For: "istiod and the sidecars' agent, in the images", Within: Images,
		How: fmt.Sprint(vars, bootstrapTemplate), Inputs: []string{"go.mod", "go.sum"}, Free: needed,
		Make: func(ctx context.Context, dir string, say func(string)) error {
			err := s.run(ctx, goBuild{
				static: true, out: dir + "/", vars: vars,
				packages: []string{"istio.io/istio/pilot/cmd/pilot-discovery", "istio.io/istio/pilot/cmd/pilot-agent"},
			}, say)
			if err != nil {
				return err
			}
			module, err := s.moduleDir(ctx, "istio.io/istio")
			if err != nil {
				return err
			}
			template, err := os.ReadFile(filepath.Join(module, "tools", "packaging", "common", "envoy_bootstrap.json"))
			if err != nil {
				return fmt.Errorf("find the bootstrap template in Istio's module: %w", err)
			}
			return os.WriteFile(filepath.Join(dir, bootstrapTemplate), template, 0o644)
		},
	}, nil
}

// vegeta is the plain load generator that the lab's own agent is held against (BenchmarkAgentCost). go.mod
// names its version.
const vegeta = "github.com/tsenart/vegeta/v12"

// programs are the packages of the lab's own programs.
var programs = []string{
	"cmd/sampleapp", "cmd/loadgen", "cmd/accesslog", "harness/images/pause", "harness/cluster/embedded/noded",
}

// programInputs are all files that the programs are made of.
var programInputs = append([]string{
	"go.mod", "go.sum", "sampleapp", "loadgen", "harness/accesslog", "harness/cluster/embedded/nodespec",
	"internal/bitset", "internal/kebab", "internal/wire",
}, programs...)

// Programs returns the folder with the lab's own programs: sampleapp, loadgen, accesslog, pause and noded, and vegeta.
func (s *Store) Programs(ctx context.Context) (string, error) { return s.get(ctx, s.programs) }

func (s *Store) programs() (Recipe, error) {
	return Recipe{
		Name: "programs", For: "the lab's own programs: sample app, load agent, the node's PID 1",
		Inputs: programInputs, Free: needed / 6,
		Make: func(ctx context.Context, dir string, say func(string)) error {
			b := goBuild{static: true, out: dir + "/", packages: []string{vegeta}}
			for _, p := range programs {
				b.packages = append(b.packages, "./"+p)
			}
			return s.run(ctx, b, say)
		},
	}, nil
}

// fleetProgram is the package of the program that simulates sidecars, and fleetInputs all that it is made of. It has a
// key of its own: few runs need it, and a change of it is none of the images that every cluster has.
const fleetProgram = "cmd/fleet"

var fleetInputs = []string{
	"go.mod", "go.sum", fleetProgram, "harness/fleet", "loadgen", "sampleapp",
	"internal/bitset", "internal/kebab", "internal/wire",
}

// Fleet returns the folder with fleet, which simulates sidecars.
func (s *Store) Fleet(ctx context.Context) (string, error) { return s.get(ctx, s.fleet) }

func (s *Store) fleet() (Recipe, error) {
	return Recipe{
		Name: "fleet", For: "simulated proxies, in their image", Within: FleetImage, Seldom: true,
		Inputs: fleetInputs, Free: needed / 6,
		Make: func(ctx context.Context, dir string, say func(string)) error {
			return s.run(ctx, goBuild{static: true, out: dir + "/", packages: []string{"./" + fleetProgram}}, say)
		},
	}, nil
}

// prometheusModule is the nested module with Prometheus. It is apart because the main module must not be tied
// to the versions of so big a program, of which it needs not one package.
const prometheusModule = "harness/images/prometheus"

// Prometheus returns the folder with prometheus, of the version that PrometheusVersion tells. It has no web
// pages, which would have to be built with Node.js, and finds its targets by DNS, files and HTTP alone: the
// packages of all clouds would double the binary.
func (s *Store) Prometheus(ctx context.Context) (string, error) { return s.get(ctx, s.prometheus) }

func (s *Store) prometheus() (Recipe, error) {
	version, err := s.PrometheusVersion()
	if err != nil {
		return Recipe{}, err
	}
	b := goBuild{
		module: prometheusModule, static: true, tags: "remove_all_sd enable_dns_sd",
		vars:     map[string]string{"github.com/prometheus/common/version.Version": strings.TrimPrefix(version, "v")},
		packages: []string{"github.com/prometheus/prometheus/cmd/prometheus"},
	}
	return Recipe{
		Name: "prometheus", For: "Prometheus, in its image", Within: PrometheusImage, Seldom: true,
		How: fmt.Sprint(b.tags, b.vars), Inputs: []string{prometheusModule}, Free: needed / 3,
		Make: func(ctx context.Context, dir string, say func(string)) error {
			b.out = dir + "/"
			return s.run(ctx, b, say)
		},
	}, nil
}
