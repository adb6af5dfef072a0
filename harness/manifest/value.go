package manifest

import (
	"fmt"

	yamlnode "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"
)

// toJSON returns a node as Kubernetes reads it.
func toJSON(n *yamlnode.Node) ([]byte, error) {
	if n.Kind == yamlnode.ScalarNode && n.Style == 0 {
		// The value is read as it is written. Encoded again, it would be quoted where YAML 1.1 and 1.2 differ.
		return yaml.YAMLToJSON([]byte(n.Value))
	}
	b, err := yamlnode.Marshal(n)
	if err != nil {
		return nil, err
	}
	return yaml.YAMLToJSON(b)
}

// describe names a node's value for people.
func describe(n *yamlnode.Node) string {
	switch n.Kind {
	case yamlnode.MappingNode:
		return "a mapping"
	case yamlnode.SequenceNode:
		return "a list"
	}
	if n.Style == 0 {
		return n.Value
	}
	return fmt.Sprintf("%q", n.Value)
}
