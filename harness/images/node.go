package images

import (
	"context"
	_ "embed"
	"fmt"
	"maps"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/canarylab/canarylab/harness/artifacts"
	"github.com/canarylab/canarylab/harness/cluster/nodeconf"
)

// NodeRepository is the name that node images get; the tag says what they were made of.
const NodeRepository = "canarylab/node"

// NodeLabel is on every node image, and on the containers that run it.
const NodeLabel = "io.canarylab.node"

// NodePatches is the folder in a node image with patches for kubeadm.
const NodePatches = "/kind/patches"

// controlPlane are the pods that kubeadm makes, each with one container of the same name.
var controlPlane = []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"}

// lighter has kubeadm give a pod of the control plane as much weight as one of the lab's. By default the four
// have ten times of what the load agent has, and a garbage collection of kube-apiserver's made requests late.
func lighter(pod string) []byte {
	return fmt.Appendf(nil, "spec:\n  containers:\n  - name: %s\n    resources:\n      requests: {cpu: 10m}\n", pod)
}

// nodeInit is the program that the node image's container starts with.
//
//go:embed node/init
var nodeInit []byte

// A NodeStore builds or finds what a node image is made of.
type NodeStore interface {
	Store
	// Node is the folder with a node's programs.
	Node(ctx context.Context) (string, error)
	// Debian is a root file system as a tar file; engine is the container program that may help to make it.
	Debian(ctx context.Context, engine string) (string, error)
	// Kubernetes is the version of the node's programs, such as "v1.37.2".
	Kubernetes() (string, error)
}

// A Node is a node image that kind takes: Debian, the programs that the embedded node has, and the images of
// kubeadm's pods.
type Node struct {
	// Ref names the image. It is another one whenever something in the image is.
	Ref   string
	parts spec
	base  string
}

// NewNode finds or builds all that the node image is made of. Image puts it together.
func NewNode(ctx context.Context, s NodeStore, engine string) (*Node, error) {
	version, err := s.Kubernetes()
	if err != nil {
		return nil, err
	}
	bin, err := s.Node(ctx)
	if err != nil {
		return nil, err
	}
	base, err := s.Debian(ctx, engine)
	if err != nil {
		return nil, err
	}
	refs, err := kubeadmImages(ctx, bin, version)
	if err != nil {
		return nil, err
	}
	archive, err := kubeadmArchive(ctx, s, refs)
	if err != nil {
		return nil, err
	}
	pause, err := refs.find("pause")
	if err != nil {
		return nil, err
	}
	parts := spec{
		files: map[string]string{"/kind/images.tar": archive},
		contents: map[string][]byte{
			"/kind/init":    nodeInit,
			"/kind/version": []byte(version),
			"/etc/containerd/config.toml": nodeconf.Containerd{
				Root: "/var/lib/containerd", Bin: "/opt/cni/bin", CNI: "/etc/cni/net.d", Sandbox: pause,
				Registries: "/etc/containerd/certs.d",
			}.TOML(),
			"/etc/cni/net.d/" + nodeconf.CNIFile: nodeconf.Pods(),
		},
		links:      map[string]string{"/opt/cni/bin/runc": "/usr/local/bin/runc"},
		folders:    []string{"/etc/containerd/certs.d"},
		entrypoint: []string{"/kind/init"},
	}
	for _, pod := range controlPlane {
		parts.contents[NodePatches+"/"+pod+"+strategic.yaml"] = lighter(pod)
	}
	for _, program := range []string{"containerd", "containerd-shim-runc-v2", "ctr", "runc", "kube"} {
		parts.files["/usr/local/bin/"+program] = filepath.Join(bin, program)
	}
	for _, program := range []string{"kubelet", "kubeadm", "kubectl"} {
		parts.links["/usr/local/bin/"+program] = "kube"
	}
	for _, plugin := range []string{"host-local", "loopback", "ptp"} {
		parts.files["/opt/cni/bin/"+plugin] = filepath.Join(bin, plugin)
	}
	how, err := fingerprint(map[string]spec{NodeRepository: parts, base: {files: map[string]string{"/": base}}})
	if err != nil {
		return nil, err
	}
	sum, _, err := v1.SHA256(strings.NewReader(how))
	if err != nil {
		return nil, err
	}
	return &Node{Ref: NodeRepository + ":" + version + "-" + sum.Hex[:12], parts: parts, base: base}, nil
}

// Image is the node image.
func (n *Node) Image() (v1.Image, error) {
	base, err := tarball.LayerFromFile(n.base)
	if err != nil {
		return nil, fmt.Errorf("read Debian's root file system: %w", err)
	}
	image, err := n.parts.build(base)
	if err != nil {
		return nil, fmt.Errorf("make the node image: %w", err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.Config.Labels = map[string]string{NodeLabel: "true"}
	// kind stops a node by this signal; init ends on it.
	config.Config.StopSignal = "SIGTERM"
	return mutate.ConfigFile(image, config)
}

// references are image references by the last part of their name, such as "kube-apiserver".
type references map[string]string

func (r references) find(name string) (string, error) {
	if ref, ok := r[name]; ok {
		return ref, nil
	}
	return "", fmt.Errorf("kubeadm wants no image %q; it wants %q", name, slices.Sorted(maps.Values(r)))
}

// kubeadmImages asks kubeadm itself which images its pods will have.
func kubeadmImages(ctx context.Context, bin, version string) (references, error) {
	out, err := exec.CommandContext(ctx, filepath.Join(bin, "kubeadm"), "config", "images", "list",
		"--kubernetes-version", version).Output()
	if err != nil {
		return nil, fmt.Errorf("ask kubeadm for its images: %w", err)
	}
	refs := references{}
	for _, ref := range strings.Fields(string(out)) {
		tag, err := name.NewTag(ref)
		if err != nil {
			return nil, fmt.Errorf("an image of kubeadm's: %w", err)
		}
		refs[path.Base(tag.RepositoryStr())] = ref
	}
	return refs, nil
}

// kubeadmArchive is a file with all of kubeadm's images, made of the node's own programs.
func kubeadmArchive(ctx context.Context, s NodeStore, refs references) (string, error) {
	node, err := s.IDOf("node")
	if err != nil {
		return "", err
	}
	programs, err := s.IDOf("programs")
	if err != nil {
		return "", err
	}
	var made map[string]spec
	dir, err := s.Get(ctx, artifacts.Recipe{
		Name: "kubeadm-images", How: describe(kubeadmSpecs(refs, node.String(), programs.String())), Free: 1 << 30,
		Packs: true,
		Local: func(ctx context.Context) (string, error) {
			bin, err := s.Node(ctx)
			if err != nil {
				return "", err
			}
			programs, err := s.Programs(ctx)
			if err != nil {
				return "", err
			}
			made = kubeadmSpecs(refs, bin, programs)
			for what, ref := range refs {
				if what == "pause" || what == "coredns" {
					continue
				}
				// kube-proxy calls nft.
				if err := addHost(ctx, made[ref].files); err != nil {
					return "", err
				}
			}
			return fingerprint(made)
		},
		Make: func(_ context.Context, dir string, say func(string)) error { return writeArchive(dir, made, say) },
	})
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "images.tar"), nil
}

// kubeadmSpecs are kubeadm's images, without what they have of this machine.
func kubeadmSpecs(refs references, bin, programs string) map[string]spec {
	specs := map[string]spec{}
	for what, ref := range refs {
		switch what {
		case "pause":
			specs[ref] = programSpecs(programs)[Pause]
		case "coredns":
			specs[ref] = single(bin, "coredns", "")
		default:
			// Kubernetes' programs and etcd are one, which its name tells what to be.
			specs[ref] = kubeSpec(bin)
		}
	}
	return specs
}

// writeArchive writes images as one file in the form of docker save.
func writeArchive(dir string, specs map[string]spec, say func(string)) error {
	built := map[string]v1.Image{} // by fingerprint: many references are one image
	tags := map[name.Tag]v1.Image{}
	for _, ref := range slices.Sorted(maps.Keys(specs)) {
		say(ref)
		key, err := fingerprint(map[string]spec{"": specs[ref]})
		if err != nil {
			return err
		}
		if built[key] == nil {
			if built[key], err = specs[ref].build(); err != nil {
				return fmt.Errorf("make the image %s: %w", ref, err)
			}
		}
		tag, err := name.NewTag(ref)
		if err != nil {
			return err
		}
		tags[tag] = built[key]
	}
	return tarball.MultiWriteToFile(filepath.Join(dir, "images.tar"), tags)
}

// kubeSpec is the image of Kubernetes' programs and etcd.
func kubeSpec(bin string) spec {
	s := spec{
		files:   map[string]string{"/usr/local/bin/kube": filepath.Join(bin, "kube")},
		links:   map[string]string{},
		folders: []string{"/tmp"},
	}
	for _, program := range append(slices.Clip(controlPlane), "kube-proxy") {
		s.links["/usr/local/bin/"+program] = "kube"
	}
	return s
}
