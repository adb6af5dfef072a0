package manifest

import (
	yamlnode "go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// An Object is an object of a YAML stream, with its positions.
type Object struct {
	*unstructured.Unstructured
	node *yamlnode.Node
}

// Line returns the line of a field's key, in a path of Kubernetes' notation such as spec.http[0].match[1]. If the
// field is missing, it is the line of the nearest field above it. "" is the object itself.
func (o Object) Line(path string) int { return object(o).line(path) }

// Objects returns the objects of a YAML stream, those of lists one by one, and what is wrong with its syntax. It
// checks nothing else. name is the name of the file in the problems.
func Objects(name string, stream []byte) ([]Object, []Problem) {
	c := &checker{file: name}
	var all []Object
	for _, text := range documents(stream) {
		objects, _ := c.read(text)
		for _, o := range objects {
			all = append(all, Object(o))
		}
	}
	return all, c.problems
}
