package manifest

import (
	"regexp"
	"strconv"

	yamlnode "go.yaml.in/yaml/v3"
)

// A place is where a path leads in a document.
type place struct {
	// node is the value at the path, or the last one on the way there. line is the line of its key, or of the
	// element of a list.
	node *yamlnode.Node
	line int
}

// steps finds the parts of paths such as spec.http[0].match[1].headers[x-user-group] and metadata.labels[a.b/c].
var steps = regexp.MustCompile(`[^.\[\]]+|\[[^\]]*\]`)

// Line returns the line of a field's key below root, which is a document's or an object's node, by its path in
// Kubernetes' notation, such as spec.ports[0].name. If the field is missing, it is the line of the nearest one above
// it.
func Line(root *yamlnode.Node, path string) int { return find(root, path).line }

// Node returns the node at a path below root, nil if there is none.
func Node(root *yamlnode.Node, path string) *yamlnode.Node {
	at := resolve(root)
	for _, step := range steps.FindAllString(path, -1) {
		if at, _ = child(at, step); at == nil {
			return nil
		}
		at = resolve(at)
	}
	return at
}

// find follows a field path in Kubernetes' notation.
func find(root *yamlnode.Node, path string) place {
	at := place{node: resolve(root), line: root.Line}
	for _, step := range steps.FindAllString(path, -1) {
		next, line := child(at.node, step)
		if next == nil {
			return at
		}
		at.node, at.line = resolve(next), line
	}
	return at
}

// child returns the node at one step and its line, nil if there is none.
func child(n *yamlnode.Node, step string) (*yamlnode.Node, int) {
	index := -1
	if step[0] == '[' {
		step = step[1 : len(step)-1]
		if i, err := strconv.Atoi(step); err == nil {
			index = i
		}
	}
	switch n.Kind {
	case yamlnode.SequenceNode:
		if index >= 0 && index < len(n.Content) {
			return n.Content[index], n.Content[index].Line
		}
	case yamlnode.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			switch key := n.Content[i]; key.Value {
			case step:
				return n.Content[i+1], key.Line
			case "<<": // merged from an anchor
				if v, line := child(resolve(n.Content[i+1]), step); v != nil {
					return v, line
				}
			}
		}
	}
	return nil, 0
}

// resolve follows an alias to its anchor.
func resolve(n *yamlnode.Node) *yamlnode.Node {
	for n.Kind == yamlnode.AliasNode {
		n = n.Alias
	}
	return n
}

// linesOf returns the lines of the values below a node that are written as value.
func linesOf(n *yamlnode.Node, value string) []int {
	if n.Kind == yamlnode.ScalarNode {
		if n.Value == value {
			return []int{n.Line}
		}
		return nil
	}
	var all []int
	for i, below := range n.Content {
		if isKey := n.Kind == yamlnode.MappingNode && i%2 == 0; !isKey {
			all = append(all, linesOf(below, value)...)
		}
	}
	return all
}
