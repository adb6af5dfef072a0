package standin

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	yamlnode "go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/canarylab/canarylab/harness/manifest"
)

// A document is one of a stream of YAML.
type document struct {
	text []byte
	// before is how many lines of the stream come before it.
	before int
}

// split splits a stream where a line begins with ---, as kubectl does. It stops after as many documents with content
// as limit has, and one more.
func split(stream []byte, limit int) []document {
	var all []document
	full := 0
	begin, beginLine, line := 0, 0, 0
	add := func(end int) {
		d := document{text: stream[begin:end], before: beginLine}
		all = append(all, d)
		if hasContent(d.text) {
			full++
		}
	}
	for at := 0; at < len(stream) && full <= limit; {
		end := len(stream)
		if i := bytes.IndexByte(stream[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		line++
		if bytes.HasPrefix(stream[at:end], []byte("---")) {
			add(at)
			begin, beginLine = end, line
		}
		at = end
	}
	if full <= limit {
		add(len(stream))
	}
	return all
}

// hasContent tells whether a document has more than comments.
func hasContent(text []byte) bool {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return true
		}
	}
	return false
}

// helmSource finds the comment by which helm template names the file that an object comes from.
var helmSource = regexp.MustCompile(`(?m)^# Source: (\S+)`)

// objects parses the documents of a stream, in which it refuses more objects than limit has. strict tells that a
// document that is no object at all is a mistake, and not left out.
func (l *loader) objects(file string, stream []byte, limit int, strict bool) {
	stream = bytes.TrimPrefix(stream, []byte("\ufeff"))
	if strings.HasSuffix(file, ".json") {
		// YAML does not take a tab for a space everywhere. A text in JSON has none that is not written as \t.
		stream = bytes.ReplaceAll(stream, []byte("\t"), []byte(" "))
	}
	docs := split(stream, limit)
	if len(docs) > limit { // most are empty, or it was found out while they were split
		full := 0
		for _, d := range docs {
			if hasContent(d.text) {
				full++
			}
		}
		if full > limit {
			l.tooMany(file)
			return
		}
	}
	template, n := "", 0
	for i, d := range docs {
		if m := helmSource.FindSubmatch(d.text); m != nil {
			template = string(m[1])
		}
		if !hasContent(d.text) {
			continue
		}
		n++
		s := Source{File: file, Document: i + 1, Template: template}
		if i > 0 && !hasContent(docs[0].text) {
			s.Document-- // the stream begins with ---
		}
		l.document(s, d, strict)
		if l.full {
			return
		}
	}
	if n == 0 && strict {
		l.add(manifest.Problem{File: file, Text: "there is no object in it: " + wanted})
	}
}

// wanted says what a manifest is.
const wanted = "a manifest has apiVersion, kind and metadata.name"

func (l *loader) document(s Source, d document, strict bool) {
	var root yamlnode.Node
	if err := yamlnode.Unmarshal(d.text, &root); err != nil {
		l.syntax(s, d, err)
		return
	}
	if len(root.Content) == 0 {
		return
	}
	node := root.Content[0]
	if !l.made {
		s.Line = d.before + node.Line
	}
	if node.Kind != yamlnode.MappingNode {
		l.add(problemAt(s, "this is no object but a %s: %s", nodeKind(node), wanted))
		return
	}
	// The parser with positions reads YAML 1.2. Kubernetes' parser reads 1.1, where yes is true, so the content comes
	// from that one.
	content := map[string]any{}
	if err := yaml.UnmarshalStrict(d.text, &content); err != nil {
		l.syntax(s, d, err)
		return
	}
	o := Object{&unstructured.Unstructured{Object: content}, s, &fields{node, d.before}}
	items, isList := content["items"].([]any)
	if !isList || !strings.HasSuffix(o.GetKind(), "List") {
		l.object(o, strict)
		return
	}
	for i, item := range items {
		at := s
		if below := manifest.Node(node, fmt.Sprintf("items[%d]", i)); below != nil {
			if !l.made {
				at.Line = d.before + below.Line
			}
			o.fields = &fields{below, d.before}
		}
		fields, ok := item.(map[string]any)
		if !ok {
			l.add(problemAt(at, "items[%d] of the list is no object: %s", i, wanted))
			continue
		}
		l.object(Object{&unstructured.Unstructured{Object: fields}, at, o.fields}, true)
		if l.full {
			return
		}
	}
}

func nodeKind(n *yamlnode.Node) string {
	if n.Kind == yamlnode.SequenceNode {
		return "list"
	}
	return "text"
}

// lineIn finds the line in a parser's error: "yaml: line 3: did not find expected key".
var lineIn = regexp.MustCompile(`line (\d+): ?`)

// syntax adds a parser's error.
func (l *loader) syntax(s Source, d document, err error) {
	text := strings.Join(strings.Fields(err.Error()), " ")
	for _, before := range []string{"error converting YAML to JSON: ", "error unmarshaling JSON: ", "yaml: ",
		"unmarshal errors: ", "while decoding JSON: "} {
		text = strings.TrimPrefix(text, before)
	}
	s.Line = d.before + 1
	if m := lineIn.FindStringSubmatch(text); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			s.Line = d.before + n
		}
		text = strings.Replace(text, m[0], "", 1)
	}
	if bytes.Contains(d.text, []byte("{{")) {
		text += ": it has {{ in it, as Helm's templates do: render them, and give canarylab the output: " +
			"helm template NAME CHART | canarylab test -"
	}
	l.add(problemAt(s, "this is no YAML: %s", text))
}

func problemAt(s Source, format string, args ...any) manifest.Problem {
	return Object{Source: s}.problem("", format, args...)
}
