// Package images makes the OCI images that the lab's clusters run, from binaries that this machine built. No registry
// and no base image is involved.
package images

import (
	"context"
	"maps"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
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
)

// proxyUser is the user that Istio's sidecars run as: istio-init excludes its traffic from capture by this number
// (istio.io/istio, pkg/bootstrap and the injection template).
const proxyUser = "1337:1337"

// Build returns all images, keyed by reference. Without withIstio it leaves out Istio's two, which then come from
// somewhere else. The images are made once of the same binaries; then they come from the store, with their digests
// known.
func Build(ctx context.Context, s Store, withIstio bool) (map[string]v1.Image, error) {
	specs, err := specs(ctx, s, withIstio)
	if err != nil {
		return nil, err
	}
	return keep(ctx, s, "images", specs)
}

// specs are the images, by reference.
func specs(ctx context.Context, b Binaries, withIstio bool) (map[string]spec, error) {
	programs, err := b.Programs(ctx)
	if err != nil {
		return nil, err
	}
	all := programSpecs(programs)
	if !withIstio {
		return all, nil
	}
	istio, err := b.Istio(ctx)
	if err != nil {
		return nil, err
	}
	envoy, err := b.Envoy(ctx)
	if err != nil {
		return nil, err
	}
	if all[Proxy], err = proxySpec(ctx, istio, filepath.Join(envoy, "envoy")); err != nil {
		return nil, err
	}
	all[Pilot] = spec{
		files:      map[string]string{"/usr/local/bin/pilot-discovery": filepath.Join(istio, "pilot-discovery")},
		folders:    []string{"/tmp", "/var/run", "/etc/istio"},
		entrypoint: []string{"/usr/local/bin/pilot-discovery"}, user: proxyUser,
	}
	return all, nil
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

// proxySpec is Istio's sidecar: Envoy and its agent, and nft, with which istio-init captures a pod's traffic. Envoy and
// nft need the host's C library and what else they are linked to.
func proxySpec(ctx context.Context, istio, envoy string) (spec, error) {
	nft, files, err := nftables(ctx)
	if err != nil {
		return spec{}, err
	}
	libs, err := libraries(ctx, envoy)
	if err != nil {
		return spec{}, err
	}
	maps.Copy(files, libs)
	maps.Copy(files, map[string]string{
		"/usr/local/bin/pilot-agent": filepath.Join(istio, "pilot-agent"),
		"/usr/local/bin/envoy":       envoy,
		"/usr/sbin/nft":              nft,
		// Where the agent looks for it (istio.io/istio, pkg/bootstrap: DefaultCfgDir).
		"/var/lib/istio/envoy/envoy_bootstrap_tmpl.json": filepath.Join(istio, "envoy_bootstrap_tmpl.json"),
	})
	return spec{
		files:      files,
		folders:    []string{"/tmp", "/var/run", "/run", "/var/lib/istio/data", "/etc/istio/proxy"},
		entrypoint: []string{"/usr/local/bin/pilot-agent"}, user: proxyUser,
	}, nil
}
