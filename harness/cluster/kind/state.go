package kind

import (
	"path/filepath"

	"github.com/canarylab/canarylab/harness/cluster"
)

// meta is what is remembered of a cluster.
type meta struct {
	Schema int `json:"schema"`
	// Engine runs its containers.
	Engine engine `json:"engine"`
	// NodeImage is what its node was made of, Own tells that it was built here, and Why says why it was taken.
	NodeImage string `json:"nodeImage"`
	Own       bool   `json:"own"`
	Why       string `json:"why"`
	// Container is the node's, which tells a cluster from another of the same name that somebody made later.
	Container string `json:"container"`
	// Images are the references and digests that the node has.
	Images map[string]string `json:"images,omitempty"`
}

// dir is the folder of one cluster.
func (p *Provider) dir(name string) string { return p.folders().Path(name) }

func (p *Provider) folders() cluster.Folders { return cluster.Folders(filepath.Join(p.Home, "kind")) }

// kubeconfigFile is the kubeconfig's in a cluster's folder.
const kubeconfigFile = "kubeconfig"

func (p *Provider) metaFile(name string) string { return filepath.Join(p.dir(name), "meta.json") }

func (p *Provider) readMeta(name string) (meta, error) {
	return cluster.ReadState[meta](p.metaFile(name))
}

func (p *Provider) writeMeta(name string, m meta) error {
	return cluster.WriteState(p.metaFile(name), m)
}
