package story

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v3"

	"github.com/canarylab/canarylab/harness"
)

const (
	// columns is how wide lines are made where they can be broken.
	columns = 100
	// flat is how long a mapping may be to be written in one line.
	flat = 90
)

// modeline tells editors which schema a file has.
const modeline = "# yaml-language-server: $schema=" + SchemaFile + "\n"

// Files returns what a scenario's folder has, by name: its story.yaml, the schema of that, for editors, and its
// manifests as they are. The error names what can't be written: a detector that is code.
func Files(s harness.Scenario) (map[string][]byte, error) {
	text, err := Marshal(s)
	if err != nil {
		return nil, err
	}
	all := map[string][]byte{File: text, SchemaFile: JSON}
	found, err := fs.Glob(s.Files, path.Join(s.Name, "*.yaml"))
	if err != nil {
		return nil, err
	}
	for _, file := range found {
		name := path.Base(file)
		if all[name] != nil {
			return nil, fmt.Errorf("write %s as a story: a manifest is called %s", s.Name, name)
		}
		if all[name], err = fs.ReadFile(s.Files, file); err != nil {
			return nil, fmt.Errorf("write %s as a story: %w", s.Name, err)
		}
	}
	return all, nil
}

// Write writes files into a folder, which it makes: nothing else may be in it. It returns their paths, sorted. After an
// error nothing of it is left.
func Write(dir string, files map[string][]byte) (written []string, err error) {
	found, err := os.ReadDir(dir)
	switch {
	case err == nil && len(found) > 0:
		return nil, fmt.Errorf("%w: %s", ErrNotEmpty, dir)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("look into the story's folder: %w", err)
	}
	made := err != nil
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the story's folder: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		file := filepath.Join(dir, name)
		if err = os.WriteFile(file, files[name], 0o644); err != nil {
			break
		}
		written = append(written, file)
	}
	if err == nil {
		return written, nil
	}
	err = fmt.Errorf("write the story: %w", err)
	for _, file := range written {
		err = errors.Join(err, os.Remove(file))
	}
	if made {
		err = errors.Join(err, os.Remove(dir))
	}
	return nil, err
}

// ErrNotEmpty is wrapped where a story was to be written over something else.
var ErrNotEmpty = errors.New("the folder is not empty")

// Marshal writes a scenario as a story.yaml.
func Marshal(s harness.Scenario) ([]byte, error) {
	root, err := node(reflect.ValueOf(s))
	if err != nil {
		return nil, fmt.Errorf("write %s as a story: %w", s.Name, err)
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	e.CompactSeqIndent()
	if err := errors.Join(e.Encode(root), e.Close()); err != nil {
		return nil, fmt.Errorf("write %s as a story: %w", s.Name, err)
	}
	return []byte(modeline + wrapped(b.String())), nil
}

// node is a value as it is written.
func node(v reflect.Value) (*yaml.Node, error) {
	t := v.Type()
	if u, ok := unions()[t]; ok {
		return u.node(v)
	}
	switch {
	case t == faults:
		return faultsNode(v)
	case t == duration:
		return scalar("!!str", short(time.Duration(v.Int()))), nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		return node(v.Elem())
	case reflect.Struct:
		return fieldsNode(v, keysOf(t))
	case reflect.Slice:
		list := &yaml.Node{Kind: yaml.SequenceNode}
		for i := range v.Len() {
			one, err := node(v.Index(i))
			if err != nil {
				return nil, err
			}
			list.Content = append(list.Content, one)
		}
		return list, nil
	case reflect.Map:
		texts, _ := v.Interface().(map[string]string)
		m := &yaml.Node{Kind: yaml.MappingNode}
		for _, name := range slices.Sorted(maps.Keys(texts)) {
			m.Content = append(m.Content, scalar("!!str", name), scalar("!!str", texts[name]))
		}
		return flow(m), nil
	case reflect.String:
		return scalar("!!str", v.String()), nil
	case reflect.Bool:
		return scalar("!!bool", strconv.FormatBool(v.Bool())), nil
	case reflect.Float64:
		return scalar("", strconv.FormatFloat(v.Float(), 'f', -1, 64)), nil
	case reflect.Uint64:
		return scalar("!!int", strconv.FormatUint(v.Uint(), 10)), nil
	default:
		return scalar("!!int", strconv.FormatInt(v.Int(), 10)), nil
	}
}

// short is a duration without parts that are zero: 1m30s, and 1m rather than 1m0s.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// long is how many letters a text has at least that is written in lines of its own.
const long = 70

// truths are words that YAML 1.1, which some editors and Kubernetes read, takes for true and false.
var truths = regexp.MustCompile(`^(?i:y|yes|on|n|no|off)$`)

func scalar(tag, text string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: text}
	switch {
	case tag != "!!str":
	case truths.MatchString(text):
		n.Style = yaml.DoubleQuotedStyle
	case utf8.RuneCountInString(text) > long && strings.Join(strings.Fields(text), " ") == text:
		n.Style = yaml.FoldedStyle
	}
	return n
}

// fieldsNode writes the keys of a struct that are not left out.
func fieldsNode(v reflect.Value, keys []key) (*yaml.Node, error) {
	m := &yaml.Node{Kind: yaml.MappingNode}
	for _, k := range keys {
		field := v.Field(k.field)
		if k.optional && (field.IsZero() || field.Kind() == reflect.Slice && field.Len() == 0) {
			continue
		}
		value, err := node(field)
		if err != nil {
			return nil, err
		}
		if value.Kind == yaml.MappingNode && len(value.Content) == 2 && value.Content[1].Kind == yaml.ScalarNode {
			flow(value) // such as {apply: 2-canary.yaml}
		}
		m.Content = append(m.Content, scalar("!!str", k.name), value)
	}
	if v.Type() == reflect.TypeFor[harness.Scenario]() || v.Type() == reflect.TypeFor[harness.Phase]() {
		return m, nil
	}
	return flow(m), nil
}

// flow has a mapping written in one line, if it is short and has nothing in it that is not.
func flow(m *yaml.Node) *yaml.Node {
	length := 0
	for _, n := range m.Content {
		length += utf8.RuneCountInString(n.Value) + 2
		for _, inner := range n.Content {
			length += utf8.RuneCountInString(inner.Value) + 2
		}
		if n.Style == yaml.FoldedStyle || n.Kind != yaml.ScalarNode && n.Style != yaml.FlowStyle {
			return m
		}
	}
	if length <= flat {
		m.Style = yaml.FlowStyle
	}
	return m
}

// node writes a thing by the name of its kind.
func (u union) node(v reflect.Value) (*yaml.Node, error) {
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if !v.IsValid() {
		return nil, fmt.Errorf("%s is nothing", u.noun)
	}
	for _, k := range u.kinds {
		form, ok := k.take(v)
		if !ok {
			continue
		}
		body, err := k.body(form)
		if err != nil {
			return nil, err
		}
		name := scalar("!!str", k.name)
		if body == nil {
			return name, nil
		}
		return &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{name, body}}, nil
	}
	return nil, fmt.Errorf("%v can't be written: %s is one of %s", v, u.noun, strings.Join(u.names(), ", "))
}

// body is what is written behind a kind's name, nil for nothing.
func (k kind) body(form reflect.Value) (*yaml.Node, error) {
	if k.isText() {
		return node(form.Convert(reflect.TypeFor[string]()))
	}
	all, err := fieldsNode(form, k.keys)
	if err != nil || len(all.Content) == 0 {
		return nil, err
	}
	if only, ok := k.only(); ok && len(all.Content) == 2 && all.Content[0].Value == only.name &&
		all.Content[1].Kind == yaml.ScalarNode {
		return all.Content[1], nil
	}
	return all, nil
}

// faultsNode writes the faults that are set.
func faultsNode(v reflect.Value) (*yaml.Node, error) {
	b, err := json.Marshal(v.Interface())
	if err != nil {
		return nil, err
	}
	// The order is that of the fields; JSON knows how each is written.
	var texts map[string]json.RawMessage
	if err := json.Unmarshal(b, &texts); err != nil {
		return nil, err
	}
	m := &yaml.Node{Kind: yaml.MappingNode}
	for _, k := range keysOf(faults) {
		if v.Field(k.field).IsZero() {
			continue
		}
		var value yaml.Node
		if err := yaml.Unmarshal(texts[k.name], &value); err != nil {
			return nil, err
		}
		one := value.Content[0]
		one.Style, one.Line, one.Column = 0, 0, 0
		m.Content = append(m.Content, scalar("!!str", k.name), one)
	}
	m.Style = yaml.FlowStyle
	return flow(m), nil
}

// folds matches the line before a folded text.
var folds = regexp.MustCompile(`[:-] >-$`)

// wrapped breaks the lines of folded texts, which the encoder writes in one.
func wrapped(text string) string {
	var b strings.Builder
	folded := false
	for line := range strings.Lines(text) {
		words := strings.TrimSuffix(line, "\n")
		if folded && utf8.RuneCountInString(words) > columns {
			indent := words[:len(words)-len(strings.TrimLeft(words, " "))]
			words = wrap(strings.Fields(words), indent)
		}
		b.WriteString(words + "\n")
		folded = folds.MatchString(words)
	}
	return b.String()
}

func wrap(words []string, indent string) string {
	var b strings.Builder
	width := 0
	for _, w := range words {
		n := utf8.RuneCountInString(w)
		switch {
		case width == 0:
			b.WriteString(indent)
			width = len(indent)
		case width+1+n > columns:
			b.WriteString("\n" + indent)
			width = len(indent)
		default:
			b.WriteByte(' ')
			width++
		}
		b.WriteString(w)
		width += n
	}
	return b.String()
}
