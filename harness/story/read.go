package story

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v3"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/manifest"
)

// maxNodes bounds how many values are read of a file: aliases can make many of few.
const maxNodes = 100_000

// A reader reads the values of a file, and gathers what is wrong with them.
type reader struct {
	file     string
	problems []manifest.Problem
	// read counts the values so far.
	read int
	// root is the document. phases are where the phases are, in their order, marks where the things in them are.
	root   *yaml.Node
	phases []*yaml.Node
	marks  []mark
}

// A mark is where a step, a proof, a claim or a detector is, by its name. text is its String.
type mark struct {
	phase int
	thing fmt.Stringer
	text  string
	node  *yaml.Node
}

func (r *reader) add(n *yaml.Node, format string, args ...any) {
	r.problems = append(r.problems, manifest.Problem{
		File: r.file, Line: n.Line, Column: n.Column, Text: fmt.Sprintf(format, args...),
	})
}

// value reads a node. what is the key that it is the value of.
func (r *reader) value(n *yaml.Node, into reflect.Value, what string) {
	if r.read++; r.read > maxNodes {
		if r.read == maxNodes+1 {
			r.add(n, "there are more than %d values, aliases included", maxNodes)
		}
		return
	}
	n = resolve(n)
	t := into.Type()
	u, isUnion := unions()[t]
	if t == reflect.TypeFor[harness.Phase]() || t == reflect.TypeFor[CanaryPhase]() {
		r.phases = append(r.phases, n)
	}
	switch {
	case isUnion:
		r.union(n, into, u)
	case t == faults:
		r.faults(n, into)
	case t == duration:
		r.duration(n, into, what)
	case t.Kind() == reflect.Pointer:
		v := reflect.New(t.Elem())
		r.value(n, v.Elem(), what)
		into.Set(v)
	case t.Kind() == reflect.Struct:
		r.fields(n, into, keysOf(t), nouns[t])
	case t.Kind() == reflect.Slice:
		r.list(n, into, what)
	case t.Kind() == reflect.Map:
		r.texts(n, into, what)
	default:
		r.scalar(n, into, what)
	}
}

// resolve follows an alias to its anchor.
func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// fields reads a mapping into some of the fields of a struct.
func (r *reader) fields(n *yaml.Node, into reflect.Value, keys []key, noun string) {
	r.mapping(n, keys, noun, func(k key, v *yaml.Node) { r.value(v, into.Field(k.field), k.name) })
}

// mapping has each known key of a mapping read.
func (r *reader) mapping(n *yaml.Node, keys []key, noun string, read func(k key, v *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		r.add(n, "%s is written by keys (%s), got %s", noun, strings.Join(named(keys), ", "), shown(n))
		return
	}
	seen, meant := map[string]bool{}, map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], resolve(n.Content[i+1])
		at := slices.IndexFunc(keys, func(one key) bool { return one.name == k.Value })
		switch {
		case at < 0:
			r.add(k, "%s has no key %q%s (there are: %s)", noun, k.Value, manifest.Hint(k.Value, named(keys)),
				strings.Join(named(keys), ", "))
			if name, ok := manifest.Nearest(k.Value, named(keys)); ok {
				meant[name] = true // it is not missing besides
			}
		case seen[k.Value]:
			r.add(k, "%s has %s twice", noun, k.Value)
		default:
			read(keys[at], v)
		}
		seen[k.Value] = true
	}
	for name := range meant {
		seen[name] = true
	}
	r.missing(n, keys, seen, noun)
}

// missing finds the keys that are not there and have to be, and choices of which there is not one.
func (r *reader) missing(n *yaml.Node, keys []key, seen map[string]bool, noun string) {
	choices := map[string][]string{}
	var order []string
	for _, k := range keys {
		switch {
		case k.choice != "":
			if choices[k.choice] == nil {
				order = append(order, k.choice)
			}
			choices[k.choice] = append(choices[k.choice], k.name)
		case !k.optional && !seen[k.name]:
			r.add(n, "%s lacks %s", noun, k.name)
		}
	}
	for _, choice := range order {
		got := slices.DeleteFunc(slices.Clone(choices[choice]), func(name string) bool { return !seen[name] })
		if len(got) != 1 {
			r.add(n, "%s has one of %s, got %d of them", noun, strings.Join(choices[choice], ", "), len(got))
		}
	}
}

// union reads one of several kinds: its name alone, or a mapping with its name and what belongs to it.
func (r *reader) union(n *yaml.Node, into reflect.Value, u union) {
	name, body := n, (*yaml.Node)(nil)
	switch {
	case n.Kind == yaml.MappingNode && len(n.Content) == 2:
		name, body = n.Content[0], resolve(n.Content[1])
	case n.Kind == yaml.MappingNode:
		var got []string
		for i := 0; i < len(n.Content); i += 2 {
			got = append(got, n.Content[i].Value)
		}
		r.add(n, "%s is one name with its keys below it, such as %s, got the names %s", u.noun,
			u.kinds[0].example(), strings.Join(got, ", "))
		return
	case n.Kind != yaml.ScalarNode || n.Value == "":
		r.add(n, "%s is a name, alone or with its keys, such as %s, got %s", u.noun, u.kinds[0].example(), shown(n))
		return
	}
	k, ok := u.find(name.Value)
	if !ok {
		hint := manifest.Hint(name.Value, u.names())
		first, _, _ := strings.Cut(name.Value, " ")
		if meant, ok := u.find(first); ok {
			hint = ": write it as " + meant.example()
		}
		r.add(name, "%s", u.unknown(name.Value, hint))
		return
	}
	before := len(r.problems)
	form := reflect.New(k.form).Elem()
	r.form(name, body, form, k)
	if len(r.problems) > before {
		return
	}
	thing, err := k.make(form)
	if err != nil {
		r.add(name, "%s: %v", k.name, err)
		return
	}
	into.Set(reflect.ValueOf(thing))
	if s, ok := thing.(fmt.Stringer); ok {
		r.marks = append(r.marks, mark{len(r.phases) - 1, s, s.String(), name})
	}
}

// form reads what belongs to a kind, whose name is at a node. body is nil where nothing does.
func (r *reader) form(name, body *yaml.Node, form reflect.Value, k kind) {
	only, alone := k.only()
	empty := body == nil || body.Kind == yaml.ScalarNode && body.Tag == "!!null"
	switch {
	case empty && (k.isText() || len(k.needed()) > 0):
		r.add(name, "%s lacks something: write it as %s", k.name, k.example())
	case empty:
	case k.isText():
		r.scalar(body, form, k.name)
	case body.Kind != yaml.MappingNode && alone:
		r.value(body, form.Field(only.field), k.name)
	case len(k.keys) == 0 && body.Kind == yaml.MappingNode && len(body.Content) == 0:
	case len(k.keys) == 0:
		r.add(body, "%s stands alone, got %s", k.name, shown(body))
	default:
		r.fields(body, form, k.keys, k.name)
	}
}

// faults reads what is wrong with an app, each key as the app's admin port reads it.
func (r *reader) faults(n *yaml.Node, into reflect.Value) {
	keys := keysOf(faults)
	raw := make(map[string]*yaml.Node, len(keys))
	before := len(r.problems)
	r.mapping(n, keys, nouns[faults], func(k key, v *yaml.Node) { raw[k.name] = v })
	all := map[string]any{}
	for _, k := range keys {
		v := raw[k.name]
		if v == nil {
			continue
		}
		var content any
		if err := v.Decode(&content); v.Kind != yaml.ScalarNode || err != nil {
			r.add(v, "%s is one value, got %s", k.name, shown(v))
			continue
		}
		if k.of == duration {
			r.duration(v, reflect.New(duration).Elem(), k.name) // with better words
			if len(r.problems) > before {
				continue
			}
		}
		all[k.name] = content
		if err := decode(map[string]any{k.name: content}, into); err != nil {
			r.add(v, "faults: %v", err)
		}
	}
	if len(r.problems) > before {
		return
	}
	if err := decode(all, into); err != nil {
		r.add(n, "faults: %v", err)
	}
}

// decode reads fields by their names in JSON.
func decode(fields map[string]any, into reflect.Value) error {
	b, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into.Addr().Interface())
}

// duration reads a time with its unit.
func (r *reader) duration(n *yaml.Node, into reflect.Value, what string) {
	d, err := time.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		r.add(n, "%s is a time with its unit, such as 5s or 1m30s, got %s", what, shown(n))
		return
	}
	into.SetInt(int64(d))
}

func (r *reader) list(n *yaml.Node, into reflect.Value, what string) {
	if n.Kind != yaml.SequenceNode {
		r.add(n, "%s is a list, got %s: begin each of its lines with a dash", what, shown(n))
		return
	}
	if len(n.Content) == 0 {
		return
	}
	all := reflect.MakeSlice(into.Type(), len(n.Content), len(n.Content))
	for i, one := range n.Content {
		r.value(one, all.Index(i), what)
	}
	into.Set(all)
}

// texts reads a mapping of names to texts.
func (r *reader) texts(n *yaml.Node, into reflect.Value, what string) {
	if n.Kind != yaml.MappingNode {
		r.add(n, "%s is a list of names and values, got %s", what, shown(n))
		return
	}
	all := reflect.MakeMap(into.Type())
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], resolve(n.Content[i+1])
		if all.MapIndex(reflect.ValueOf(k.Value)).IsValid() {
			r.add(k, "%s has %s twice", what, k.Value)
		}
		text := reflect.New(into.Type().Elem()).Elem()
		r.scalar(v, text, k.Value)
		all.SetMapIndex(reflect.ValueOf(k.Value), text)
	}
	into.Set(all)
}

// scalar reads a text, a number or a truth.
func (r *reader) scalar(n *yaml.Node, into reflect.Value, what string) {
	wrong := func(want string) { r.add(n, "%s is %s, got %s", what, want, shown(n)) }
	tag := ""
	if n.Kind == yaml.ScalarNode {
		tag = n.ShortTag()
	}
	switch into.Kind() {
	case reflect.String:
		if tag == "!!str" {
			into.SetString(n.Value)
			return
		}
		if tag != "" && tag != "!!null" {
			r.add(n, "%s is a text, got %s: put it into quotes", what, n.Value)
			return
		}
		wrong("a text")
	case reflect.Bool:
		if tag != "!!bool" {
			wrong("true or false")
			return
		}
		into.SetBool(strings.EqualFold(n.Value, "true"))
	case reflect.Float64:
		f := math.NaN()
		if tag == "!!int" || tag == "!!float" {
			_ = n.Decode(&f) // not a number is refused below
		}
		if math.IsNaN(f) || math.IsInf(f, 0) {
			wrong("a number" + barely(n))
			return
		}
		into.SetFloat(f)
	default:
		i, err := strconv.ParseInt(n.Value, 10, 64)
		switch {
		case tag != "!!int" || err != nil:
			wrong("a whole number" + barely(n))
		case into.CanInt() && !into.OverflowInt(i):
			into.SetInt(i)
		case into.CanUint() && i >= 0 && !into.OverflowUint(uint64(i)):
			into.SetUint(uint64(i))
		default:
			wrong("a smaller number")
		}
	}
}

// barely is a word on a number that was written with something behind it, such as 10 %.
func barely(n *yaml.Node) string {
	if text := strings.TrimRight(n.Value, "% "); n.Kind == yaml.ScalarNode && text != n.Value {
		if _, err := strconv.ParseFloat(text, 64); err == nil {
			return " (" + text + ")"
		}
	}
	return ""
}

// shown names a node's value for people.
func shown(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == "!!null":
		return "nothing"
	case n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		return strconv.Quote(n.Value)
	}
	return fmt.Sprintf("%.60s", n.Value)
}
