// Package images makes the OCI images that the lab's clusters run, from binaries that this machine built. No registry
// and no base image is involved.
package images

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/canarylab/canarylab/harness/artifacts"
)

// The references that manifests use. Istio's own manifests name its two as hub/name:tag.
const (
	// Prefix begins all of them.
	Prefix    = "canarylab/"
	Pilot     = "canarylab/pilot:dev"
	Proxy     = "canarylab/proxyv2:dev"
	SampleApp = "canarylab/sampleapp:dev"
	LoadGen   = "canarylab/loadgen:dev"
	AccessLog = "canarylab/accesslog:dev"
	Pause     = "canarylab/pause:dev"
	// Prometheus is of few scenarios' use and not among the images of Build: BuildPrometheus makes it.
	Prometheus = "canarylab/prometheus:dev"
	// Fleet has simulated proxies. It is none of Build's images either: BuildFleet makes it.
	Fleet = "canarylab/fleet:dev"
)

// proxyUser is the user that Istio's sidecars run as: istio-init excludes its traffic from capture by this number
// (istio.io/istio, pkg/bootstrap and the injection template).
const proxyUser = "1337:1337"

// Build returns all images, keyed by reference. Without withIstio it leaves out Istio's two, which then come from
// somewhere else. The images are made once of the same binaries; then they come from the store, with their digests
// known.
func Build(ctx context.Context, s Store, withIstio bool) (map[string]v1.Image, error) {
	r, err := recipe(s, withIstio)
	if err != nil {
		return nil, err
	}
	return keep(ctx, s, r)
}

// folders are where the programs are that go into images.
type folders struct{ programs, istio, envoy string }

// Recipe is that of all images, Istio's among them.
func Recipe(s Store) (artifacts.Recipe, error) { return recipe(s, true) }

func recipe(s Store, withIstio bool) (artifacts.Recipe, error) {
	// The programs have the same IDs on every machine, and so have images of them.
	var ids folders
	parts := map[string]*string{"programs": &ids.programs}
	if withIstio {
		parts["istio"], parts["envoy"] = &ids.istio, &ids.envoy
	}
	for name, id := range parts {
		i, err := s.IDOf(name)
		if err != nil {
			return artifacts.Recipe{}, err
		}
		*id = i.String()
	}
	return recipeOf(artifacts.Images, describe(specs(ids, withIstio)),
		func(ctx context.Context) (map[string]spec, error) { return found(ctx, s, withIstio) }), nil
}

// found are the images of the programs that the store has or builds.
func found(ctx context.Context, b Binaries, withIstio bool) (_ map[string]spec, err error) {
	var in folders
	if in.programs, err = b.Programs(ctx); err != nil {
		return nil, err
	}
	if !withIstio {
		return specs(in, false), nil
	}
	if in.istio, err = b.Istio(ctx); err != nil {
		return nil, err
	}
	if in.envoy, err = b.Envoy(ctx); err != nil {
		return nil, err
	}
	all := specs(in, true)
	return all, addHost(ctx, all[Proxy].files, filepath.Join(in.envoy, "envoy"))
}

// specs are the images, by reference, without what they have of this machine.
func specs(in folders, withIstio bool) map[string]spec {
	all := programSpecs(in.programs)
	if withIstio {
		all[Proxy] = proxySpec(in.istio, in.envoy)
		all[Pilot] = spec{
			files:      map[string]string{"/usr/local/bin/pilot-discovery": filepath.Join(in.istio, "pilot-discovery")},
			folders:    []string{"/tmp", "/var/run", "/etc/istio"},
			entrypoint: []string{"/usr/local/bin/pilot-discovery"}, user: proxyUser,
		}
	}
	return all
}

// nonroot is the user that programs run as. It is not proxyUser, whose traffic no sidecar captures.
const nonroot = "65532:65532"

// programSpecs are the images of the lab's own programs.
func programSpecs(programs string) map[string]spec {
	loadgen := single(programs, "loadgen", nonroot)
	loadgen.files["/vegeta"] = filepath.Join(programs, "vegeta")
	return map[string]spec{
		SampleApp: single(programs, "sampleapp", nonroot), LoadGen: loadgen,
		AccessLog: single(programs, "accesslog", nonroot), Pause: single(programs, "pause", "65535:65535"),
	}
}

// single is the image of one program, which is in dir.
func single(dir, name, user string) spec {
	return spec{
		files: map[string]string{"/" + name: filepath.Join(dir, name)}, entrypoint: []string{"/" + name}, user: user,
	}
}

// proxySpec is Istio's sidecar: Envoy and its agent. addHost adds what it needs of this machine.
func proxySpec(istio, envoy string) spec {
	return spec{
		files: map[string]string{
			"/usr/local/bin/pilot-agent": filepath.Join(istio, "pilot-agent"),
			"/usr/local/bin/envoy":       filepath.Join(envoy, "envoy"),
			// Where the agent looks for it (istio.io/istio, pkg/bootstrap: DefaultCfgDir).
			"/var/lib/istio/envoy/envoy_bootstrap_tmpl.json": filepath.Join(istio, "envoy_bootstrap_tmpl.json"),
		},
		folders:    []string{"/tmp", "/var/run", "/run", "/var/lib/istio/data", "/etc/istio/proxy"},
		entrypoint: []string{"/usr/local/bin/pilot-agent"}, user: proxyUser,
	}
}

// addHost adds to an image's files nft, with which istio-init captures a pod's traffic and kube-proxy makes Services,
// and the C library and what else nft and the programs are linked to.
func addHost(ctx context.Context, files map[string]string, programs ...string) error {
	nft, err := lookProgram("nft")
	if err != nil {
		return fmt.Errorf("find nft, which goes into the proxy's image (Debian: apt-get install nftables): %w", err)
	}
	files["/usr/sbin/nft"] = nft
	for _, program := range append(programs, nft) {
		libs, err := libraries(ctx, program)
		if err != nil {
			return err
		}
		maps.Copy(files, libs)
	}
	return nil
}
