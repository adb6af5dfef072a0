package story

import (
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/addons"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/sampleapp"
)

// A key is a field of a struct as it is called in a file.
type key struct {
	name string
	// field is the field's place in its struct.
	field int
	of    reflect.Type
	// optional tells that the key may be left out.
	optional bool
	// choice is shared by keys of which there has to be exactly one, empty for most.
	choice string
}

// engines are the fields that the engine sets, and no story.
var engines = map[reflect.Type][]string{
	reflect.TypeFor[loadgen.Plan]():   {"Run", "Duration", "Agents", "Agent", "Start"},
	reflect.TypeFor[loadgen.Cohort](): {"Notes"}, // a test of somebody's own manifests has them
}

// faults have a JSON of their own, with the name of each field in camel case, and all may be left out.
var faults = reflect.TypeFor[sampleapp.Faults]()

var duration = reflect.TypeFor[time.Duration]()

// keysOf returns the keys of a struct, in the order of its fields. A key has the field's name in JSON, without the unit
// of a time, or else its name in camel case. It may be left out where the JSON may leave it out.
func keysOf(t reflect.Type) (all []key) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" || slices.Contains(engines[t], f.Name) {
			continue
		}
		if name == "" {
			name = camel(f.Name)
		}
		if f.Type == duration {
			name = strings.TrimSuffix(name, "Ns")
		}
		all = append(all, key{
			name: name, field: i, of: f.Type, choice: f.Tag.Get("choice"),
			optional: t == faults || strings.Contains(options, "omit"),
		})
	}
	return all
}

// camel is falseAlarm for FalseAlarm.
func camel(name string) string {
	r := []rune(name)
	r[0] = unicode.ToLower(r[0])
	return string(r)
}

// nouns are what messages call some structs.
var nouns = map[reflect.Type]string{
	reflect.TypeFor[Canary](): "a canary.yaml", reflect.TypeFor[CanaryPhase](): "a phase",
	reflect.TypeFor[harness.Scenario](): "a story", reflect.TypeFor[harness.Phase](): "a phase",
	reflect.TypeFor[loadgen.Plan](): "load", reflect.TypeFor[loadgen.Cohort](): "a cohort",
	reflect.TypeFor[loadgen.Body](): "body", reflect.TypeFor[loadgen.Shape](): "shape",
	reflect.TypeFor[loadgen.GRPC](): "grpc", reflect.TypeFor[loadgen.TCP](): "tcp",
	reflect.TypeFor[addons.Site](): "site", reflect.TypeFor[addons.Ingress](): "ingress",
	reflect.TypeFor[addons.Caller](): "a caller",
	reflect.TypeFor[loadgen.Stage](): "a step of a shape", reflect.TypeFor[loadgen.Ramp](): "ramp",
	reflect.TypeFor[loadgen.Sine](): "sine", faults: "faults",
}

// named lists the names of some keys.
func named(keys []key) (names []string) {
	for _, k := range keys {
		names = append(names, k.name)
	}
	return names
}
